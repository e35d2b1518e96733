/* What a pack proves, and that whoever changes anything in it, manifest and all, proves nothing. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/verify/report.h"
#include "base/file.h"

#define PATHS_MAX 128

/* The pack of the fuzzer's corpus: two records of one session, by two devices. */
static struct buf stored;
static struct pack_file parts[PATHS_MAX];
static size_t part_count;
static struct pack_report report;  /* of the last check; its lists are gone */
static int64_t acknowledged_ms[2]; /* of its two records; 0: no receipt is held */
static bool unexplained[2];        /* without what it said, and without the record that erased it */

static void load(void)
{
    struct error err;
    buf_init(&stored, 1 << 20);
    cr_assert_eq(file_read(PACK_FILE, &stored, &err), ERR_OK, "%s", err.message);
    part_count = 0;
    for (size_t at = 0; at < stored.len;) {
        struct pack_file *part = &parts[part_count++];
        size_t path_len = stored.data[at];
        memcpy(part->path, stored.data + at + 1, path_len);
        part->path[path_len] = '\0';
        at += 1 + path_len;
        size_t len = (size_t)stored.data[at] << 8 | stored.data[at + 1];
        part->content = slice_of(stored.data + at + 2, len);
        at += 2 + len;
    }
    part_count--; /* the manifest, which is made anew */
}

static void unload(void)
{
    buf_fini(&stored);
}

TestSuite(pack, .init = load, .fini = unload);

static void make_manifest(struct pack_files *files, struct buf *out)
{
    struct error err;
    for (size_t i = 0; i < files->count; i++) {
        char hex[2 * SHA256_BYTES + 1];
        hex_encode(files->files[i].sha256, SHA256_BYTES, hex);
        cr_assert_eq(buf_append_format(out, &err, "%s  %s\n", hex, files->files[i].path), ERR_OK);
    }
}

/* Checks the parts as a pack of their own with a manifest that fits; NULL: the pack cannot even be read. */
static bool proves(void)
{
    struct error err;
    struct pack_files files = { 0 };
    struct buf manifest;
    buf_init(&manifest, PACK_MANIFEST_MAX);
    bool read = true;
    for (size_t i = 0; i < part_count && read; i++) {
        read = pack_files_add(&files, parts[i].path, parts[i].content, &err) == ERR_OK;
    }
    read = read && pack_files_sort(&files, &err) == ERR_OK;
    bool proved = false;
    if (read) {
        make_manifest(&files, &manifest);
        cr_assert_eq(pack_files_add(&files, PACK_MANIFEST, buf_slice(&manifest), &err), ERR_OK);
        cr_assert_eq(pack_files_sort(&files, &err), ERR_OK);
        cr_assert_eq(pack_check(&files, NULL, &report, &err), ERR_OK, "%s", err.message);
        proved = report_proves(&report);
        for (size_t i = 0; i < ARRAY_LEN(acknowledged_ms); i++) {
            bool held = i < report.op_count && report.ops[i].acknowledged;
            acknowledged_ms[i] = held ? report.ops[i].acknowledged_at_ms : 0;
            unexplained[i] = i < report.op_count && report.ops[i].op.erased && report.ops[i].erased_by == PACK_NO_OP;
        }
        pack_report_fini(&report);
    }
    buf_fini(&manifest);
    pack_files_fini(&files);
    return proved;
}

static struct pack_file *part_of(const char *path)
{
    for (size_t i = 0; i < part_count; i++) {
        if (strcmp(parts[i].path, path) == 0) {
            return &parts[i];
        }
    }
    cr_assert(false, "no '%s'", path);
    return NULL;
}

static bool finding_says(const char *path, const char *text)
{
    for (size_t i = 0; i < report.finding_count; i++) {
        if (strcmp(report.findings[i].path, path) == 0 && strstr(report.findings[i].text, text) != NULL) {
            return true;
        }
    }
    return false;
}

Test(pack, of_two_devices_proves_both_records)
{
    cr_assert(proves(), "%s: %s", report.findings[0].path, report.findings[0].text);
    cr_expect_eq(report.op_count, 2);
    cr_expect(report.checkpoint_proved);
    cr_expect_eq(report.authority_count, 1);
}

Test(pack, with_rules_under_another_sha256_than_their_own_proves_nothing)
{
    struct pack_file *rules = &parts[part_count++];
    (void)snprintf(rules->path, sizeof(rules->path), "rules/%s.json", programme_sha256(programme_default()));
    rules->content = programme_default_json();
    cr_assert(proves(), "%s: %s", report.findings[0].path, report.findings[0].text);
    rules->content.len--;
    cr_assert_not(proves());
    cr_expect(finding_says(rules->path, "not the rules"));
}

Test(pack, says_when_the_centre_acknowledged_a_record_and_where_no_receipt_is_held)
{
    cr_assert(proves(), "%s: %s", report.findings[0].path, report.findings[0].text);
    struct slice said = part_of("receipts/0001/signed")->content;
    cr_expect_eq(acknowledged_ms[0], (int64_t)get_be64(said.data + said.len - 8));
    cr_expect_eq(acknowledged_ms[1], 0);
    for (size_t i = 0; i < part_count; i++) {
        if (strncmp(parts[i].path, "receipts/", 9) == 0 || strcmp(parts[i].path, "ops/0001/receipt") == 0) {
            parts[i--] = parts[--part_count];
        }
    }
    cr_assert(proves(), "%s: %s", report.findings[0].path, report.findings[0].text);
    cr_expect_eq(acknowledged_ms[0], 0);
}

Test(pack, with_a_receipt_for_another_record_or_by_anybody_but_the_centre_proves_nothing)
{
    struct pack_file *extra = &parts[part_count++];
    extra->content = slice_of("0001\n", 5);
    strcpy(extra->path, "ops/0002/receipt");
    cr_assert_not(proves());
    cr_expect(finding_says("ops/0002/receipt", "covers this record"));
    part_count--;
    struct pack_file *about = part_of("receipts/0001/chain");
    struct slice right = about->content;
    about->content = part_of("ops/0002/chain")->content;
    cr_assert_not(proves());
    cr_expect(finding_says("receipts/0001/signed", "not about the record"));
    about->content = right;
    part_of("receipts/0001/centre.pem")->content = part_of("chain/0001/device.pem")->content;
    cr_assert_not(proves());
    cr_expect(finding_says("receipts/0001/centre.pem", "not a centre's"));
}

Test(pack, with_one_bit_turned_anywhere_and_a_manifest_that_fits_proves_nothing)
{
    for (size_t i = 0; i < part_count; i++) {
        uint8_t *bytes = (uint8_t *)(uintptr_t)parts[i].content.data;
        bool pem = strstr(parts[i].path, ".pem") != NULL;
        /* of a certificate the line end after it means nothing; of the authority's, its own signature */
        size_t len = parts[i].content.len - (pem ? 1 : 0);
        for (size_t at = i % 7; at < len; at += pem ? 83 : 7) {
            bytes[at] ^= (uint8_t)(1U << at % 8);
            bool still = proves();
            bytes[at] ^= (uint8_t)(1U << at % 8);
            cr_assert(!still || strncmp(parts[i].path, "authority/", 10) == 0, "byte %zu of %s", at, parts[i].path);
        }
    }
}

Test(pack, without_any_one_of_its_files_proves_nothing)
{
    for (size_t i = 0; i < part_count; i++) {
        struct pack_file last = parts[part_count - 1];
        struct pack_file left = parts[i];
        parts[i] = last;
        part_count--;
        cr_assert_not(proves(), "%s", left.path);
        parts[part_count++] = last;
        parts[i] = left;
    }
}

Test(pack, with_what_one_record_said_put_into_another_proves_nothing)
{
    struct slice body = part_of("ops/0001/body.cbor")->content;
    struct slice salt = part_of("ops/0001/salt")->content;
    part_of("ops/0001/body.cbor")->content = part_of("ops/0002/body.cbor")->content;
    part_of("ops/0001/salt")->content = part_of("ops/0002/salt")->content;
    part_of("ops/0002/body.cbor")->content = body;
    part_of("ops/0002/salt")->content = salt;
    cr_assert_not(proves());
    cr_expect(finding_says("ops/0001/body.cbor", "not what was signed"));
    cr_expect(finding_says("ops/0002/body.cbor", "not what was signed"));
}

Test(pack, with_a_record_under_the_name_of_another_device_proves_nothing)
{
    part_of("chain/0001/device.pem")->content = part_of("chain/0002/device.pem")->content;
    cr_assert_not(proves());
    cr_expect(finding_says("chain/0001/0000000000007.header", "another device"), "%s: %s", report.findings[0].path,
              report.findings[0].text);
}

Test(pack, of_a_record_whose_body_was_erased_still_proves_that_it_was_made)
{
    for (size_t i = 0; i < part_count; i++) {
        if (strcmp(parts[i].path, "ops/0002/body.cbor") == 0 || strcmp(parts[i].path, "ops/0002/salt") == 0) {
            parts[i--] = parts[--part_count];
        }
    }
    cr_assert(proves(), "%s: %s", report.findings[0].path, report.findings[0].text);
    cr_assert(unexplained[1], "no record of the pack erased it: it was taken out");
}

Test(pack, with_numbers_left_out_or_a_file_of_no_pack_proves_nothing)
{
    struct pack_file *extra = &parts[part_count++];
    extra->content = slice_of("x", 1);
    strcpy(extra->path, "ops/0004/salt");
    cr_assert_not(proves());
    cr_expect(finding_says("ops/0004/salt", "numbers before it"));
    strcpy(extra->path, "ops/0001/read-me.exe");
    cr_assert_not(proves());
    cr_expect(finding_says("ops/0001/read-me.exe", "no pack has such a file"));
}

Test(pack, has_only_paths_that_stay_in_its_folder)
{
    static const char *const bad[] = { "",        "/etc/passwd", "../x",   "ops/../../x", "ops//x",  "ops/",
                                       ".hidden", "a\nb",        "ops/.x", "a b",         "\xc3\xa9" };
    struct pack_files files = { 0 };
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_eq(pack_files_add(&files, bad[i], slice_of("x", 1), &err), ERR_INVALID, "'%s'", bad[i]);
    }
    pack_files_fini(&files);
}

Test(pack, lists_every_file_once_and_nothing_that_is_not_there)
{
    struct pack_files files = { 0 };
    struct error err;
    cr_assert_eq(pack_files_add(&files, "index.html", slice_of("x", 1), &err), ERR_OK);
    cr_assert_eq(pack_files_add(&files, "index.html", slice_of("y", 1), &err), ERR_OK);
    cr_expect_eq(pack_files_sort(&files, &err), ERR_INVALID);
    pack_files_fini(&files);
}

Test(pack, without_proofs_says_that_the_centre_has_not_confirmed_it_and_is_no_failure)
{
    for (size_t i = 0; i < part_count; i++) {
        const char *name = strrchr(parts[i].path, '/') + 1;
        if (strcmp(name, "position") == 0 || strcmp(name, "proof") == 0) {
            parts[i--] = parts[--part_count];
        }
    }
    cr_assert(proves(), "%s: %s", report.findings[0].path, report.findings[0].text);
}

Test(pack, with_the_place_of_one_record_given_to_another_proves_nothing)
{
    part_of("ops/0001/position")->content = part_of("ops/0002/position")->content;
    part_of("ops/0001/proof")->content = part_of("ops/0002/proof")->content;
    cr_assert_not(proves());
    cr_expect(finding_says("ops/0001/proof", "does not lead to the checkpoint"));
}
