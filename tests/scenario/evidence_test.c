/* An evidence pack, from the record to a stranger who checks it: what it proves, and that no part of it can be changed.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define STEP_MS 120000
#define COMMAND_SIZE 1024
#define PATH_SIZE (FOLDER_PATH_SIZE + 32)

static struct world world;
static struct laptop *office;
static struct laptop *shed;
static char session[SITE_TEXT_SIZE];
static char pack[PATH_SIZE];

#define PACK_MS 60000

static void sync_now(struct laptop *laptop)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

/* Two laptops recorded the same session differently, and the Jobcentre had an appointment that day. */
static void setup(void)
{
    char day[SITE_TEXT_SIZE];
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    office = laptop_make(&world, "office", true);
    shed = laptop_make(&world, "shed", true);
    laptop_enrol(office, "Garden", world.centre.port);
    laptop_enrol(shed, "Garden", world.centre.port);
    site_import_people(office, "GDN", 3);
    sync_now(office);
    sync_now(shed);
    day_ago(1, day);
    session_name("GDN", 2, 1, session);
    (void)centre_do(&world.centre, EXIT_DONE, "appointment", "new", "--site", "Garden", "--participant", "GDN-002",
                    "--date", day, "--from", "20:00", "--to", "20:30", "--purpose", "signing", NULL);
    site_attend(office, session, "absent", "not seen <script>alert(1)</script> & \"asked\"");
    site_attend(shed, session, "attended", "worked behind the greenhouse");
    sync_now(office);
    sync_now(shed);
    sync_now(office);
    (void)snprintf(pack, sizeof(pack), "%s/pack", world.folder);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(evidence, .init = setup, .fini = teardown, .timeout = 240);

/* ---- helpers ---- */

static void make_pack(struct laptop *laptop, const char *subject)
{
    json_t *summary = laptop_do(laptop, EXIT_DONE, "evidence", subject, "-o", pack, NULL);
    cr_assert_gt(number_at(summary, "records"), 0);
}

/* Runs a command of the shell in a folder; what it said is in `ret_result`. */
static void shell_in(const char *folder, const char *command, struct process_result *ret_result)
{
    char whole[COMMAND_SIZE + PATH_SIZE + 16];
    (void)snprintf(whole, sizeof(whole), "cd '%s' && %s", folder, command);
    const char *argv[] = { "/bin/sh", "-c", whole, NULL };
    process_try(argv, slice_of_text(""), STEP_MS, ret_result);
}

static void must_shell(const char *folder, const char *command)
{
    struct process_result result;
    shell_in(folder, command, &result);
    cr_assert_eq(result.exit_status, 0, "%s: %.*s", command, (int)result.err.len, (const char *)result.err.data);
    process_result_fini(&result);
}

static json_t *verify_pack(const char *folder, int expected_exit)
{
    struct process_result result;
    const char *argv[] = { program_verify, "--json", folder, NULL };
    json_error_t problem;
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(result.exit_status, expected_exit, "%.*s %.*s", (int)result.out.len, (const char *)result.out.data,
                 (int)result.err.len, (const char *)result.err.data);
    json_t *report = json_loadb((const char *)result.out.data, result.out.len, 0, &problem);
    cr_assert_not_null(report, "%s", problem.text);
    process_result_fini(&result);
    return report;
}

static bool finding_names(json_t *report, const char *part)
{
    size_t index;
    json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), index, finding)
    {
        if (strstr(text_at(finding, "path"), part) != NULL) {
            return true;
        }
    }
    return false;
}

static void expect_named(json_t *report, const char *part, const char *changed)
{
    if (!finding_names(report, part)) {
        char *findings = json_dumps(json_object_get(report, "findings"), 0);
        cr_assert(false, "%s was changed: %s", changed, findings);
    }
}

/* The file that a pattern names first. */
static void file_of(const char *pattern, char ret_path[PATH_SIZE])
{
    char command[COMMAND_SIZE];
    struct process_result result;
    (void)snprintf(command, sizeof(command), "ls -d %s | head -n 1 | tr -d '\\n'", pattern);
    shell_in(pack, command, &result);
    (void)snprintf(ret_path, PATH_SIZE, "%.*s", (int)result.out.len, (const char *)result.out.data);
    cr_assert_neq(ret_path[0], '\0', "a pack has %s", pattern);
    process_result_fini(&result);
}

/* One bit of a letter or digit of a file of the copy is turned: another white space may mean the same. */
static void damage(const char *file)
{
    SCOPED(buf_fini) struct buf content;
    char path[2 * PATH_SIZE];
    struct error err;
    buf_init(&content, PROCESS_OUTPUT_MAX);
    (void)snprintf(path, sizeof(path), "%s/copy/%s", world.folder, file);
    cr_assert_eq(file_read(path, &content, &err), ERR_OK, "%s", err.message);
    size_t at = content.len / 2;
    while (at < content.len && !isalnum(content.data[at]) && content.data[at] < 0xc0) {
        at++;
    }
    at = at < content.len ? at : content.len / 2;
    content.data[at] ^= 1;
    FILE *out = fopen(path, "wb");
    cr_assert_not_null(out, "%s", path);
    cr_assert_eq(fwrite(content.data, 1, content.len, out), content.len);
    cr_assert_eq(fclose(out), 0);
}

static void fresh_copy(char ret_copy[PATH_SIZE])
{
    (void)snprintf(ret_copy, PATH_SIZE, "%s/copy", world.folder);
    must_shell(world.folder, "rm -rf copy && cp -r pack copy");
}

/* The manifest fits again, as a forger would have it. */
static void cover(const char *copy)
{
    must_shell(copy,
               "find . -type f ! -path ./MANIFEST | sed 's|^\\./||' | LC_ALL=C sort | xargs sha256sum > MANIFEST");
}

static void damaged_copy(const char *file, bool covered, char ret_copy[PATH_SIZE])
{
    fresh_copy(ret_copy);
    damage(file);
    if (covered) {
        cover(ret_copy);
    }
}

/* By a program that was written from the format's description alone: tests/vectors/pack.py. */
static bool another_program_verifies(const char *folder)
{
    struct process_result result;
    char reader[PATH_SIZE];
    (void)snprintf(reader, sizeof(reader), "%s/pack.py", getenv("VECTORS_DIR"));
    const char *argv[] = { "/usr/bin/env", "python3", "-B", reader, folder, NULL };
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    bool said = result.out.len > 6 && (memcmp(result.out.data, "WRONG:", 6) == 0) == (result.exit_status == 1);
    cr_assert(result.exit_status <= 1 && said, "%.*s", (int)result.err.len, (const char *)result.err.data);
    process_result_fini(&result);
    return result.exit_status == 0;
}

/* ---- what it proves ---- */

Test(evidence, of_a_disputed_session_proves_both_versions_and_names_their_devices)
{
    make_pack(office, session);
    json_t *report = verify_pack(pack, 0);
    size_t index;
    json_t *op;
    size_t versions = 0;
    size_t with_receipt = 0;
    cr_assert(true_at(report, "verified"));
    json_array_foreach(json_object_get(report, "ops"), index, op)
    {
        cr_assert(true_at(op, "signed"), "%s", text_at(op, "number"));
        cr_assert(true_at(op, "body_proved"));
        cr_assert(true_at(op, "confirmed"), "%s is in the history that the centre signed", text_at(op, "number"));
        versions += strcmp(text_at(op, "kind"), "attendance") == 0;
        with_receipt += json_is_string(json_object_get(op, "acknowledged_at"));
    }
    cr_assert_eq(versions, 2);
    cr_assert_eq(with_receipt, 3, "what this machine recorded");
    cr_assert_eq(number_at(report, "with_receipt"), 3);
    must_shell(pack,
               "test $(grep -c 'in its signed receipt' index.html) -ge 1 && grep -q 'no receipt held' index.html");
    cr_assert_eq(number_at(report, "records"), 5, "the person, the placement, two versions, an appointment");
    json_decref(report);
}

Test(evidence, holds_nothing_that_was_said_about_anybody_else)
{
    struct process_result result;
    make_pack(office, "GDN-002");
    shell_in(pack, "grep -rlE 'GDN-00[13]|GDN-P00[13]' . | head -n 5", &result);
    cr_assert_eq(result.out.len, 0, "%.*s", (int)result.out.len, (const char *)result.out.data);
    process_result_fini(&result);
    must_shell(pack, "grep -q GDN-002 index.html");
}

Test(evidence, of_a_record_that_waits_is_signed_and_says_that_the_centre_has_not_confirmed_it)
{
    char other[SITE_TEXT_SIZE];
    centre_stop(&world.centre);
    session_name("GDN", 3, 2, other);
    site_attend(shed, other, "late", NULL);
    make_pack(shed, other);
    json_t *report = verify_pack(pack, 0);
    size_t index;
    json_t *op;
    size_t waiting = 0;
    json_array_foreach(json_object_get(report, "ops"), index, op)
    {
        if (strcmp(text_at(op, "kind"), "attendance") == 0) {
            waiting += true_at(op, "signed") && !true_at(op, "confirmed");
        }
    }
    cr_assert_eq(waiting, 1);
    json_decref(report);
    cr_assert(another_program_verifies(pack));
    must_shell(pack, "grep -q 'not yet confirmed by the centre' index.html");
}

Test(evidence, for_people_is_a_page_that_runs_nothing_and_a_pdf_that_says_the_same)
{
    make_pack(office, session);
    must_shell(pack, "grep -q \"default-src 'none'\" index.html");
    must_shell(pack, "! grep -qi '<script' index.html");
    must_shell(pack, "grep -q '&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;asked&quot;' index.html");
    must_shell(pack, "grep -q 'worked behind the greenhouse' index.html && grep -q DISPUTED index.html");
    must_shell(
        pack, "pdftotext summary.pdf - | tr '\\n' ' ' > ../said && grep -q 'worked behind the greenhouse' ../said && "
              "grep -q DISPUTED ../said && grep -q 'page 1 of' ../said && grep -q '<script>alert(1)</script>' ../said");
    must_shell(pack, "pdfinfo summary.pdf > ../info && grep -q 'Title: *Evidence: session' ../info && grep -q "
                     "'Author: *Garden' ../info");
}

Test(evidence, is_made_whole_or_not_at_all_and_never_over_something)
{
    struct process_result result;
    make_pack(office, session);
    json_t *refused = laptop_do(office, EXIT_REFUSED, "evidence", session, "-o", pack, NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "conflict");
    (void)laptop_do(office, EXIT_REFUSED, "evidence", "GDN-404", "-o", "/nowhere/pack", NULL);
    char elsewhere[PATH_SIZE];
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/missing/pack", world.folder);
    (void)laptop_do(office, EXIT_REFUSED, "evidence", session, "-o", elsewhere, NULL);
    shell_in(world.folder, "ls -d pack.* missing* 2>/dev/null | head -n 3", &result);
    cr_assert_eq(result.out.len, 0, "%.*s", (int)result.out.len, (const char *)result.out.data);
    process_result_fini(&result);
    must_shell(world.folder, "test \"$(stat -c %a pack)\" = 700 && test \"$(stat -c %a pack/index.html)\" = 600");
}

/* ---- that no part of it can be changed ---- */

/* Of each kind of file what the verifier must name when it was changed and the manifest made to fit, and what the steps
 * of VERIFY.txt say then. In one round no file's change has the steps say what another's does. */
static const struct part {
    const char *pattern;
    const char *named; /* NULL: a reading aid, which only the manifest covers */
    int round;
    const char *said;
} parts[] = {
    { "ops/*/header.cbor", "ops/0001", 3, "ops/0001/header.cbor: not in its chain" },
    { "ops/*/body.cbor", "ops/0001/body.cbor", 1, "ops/0001/body.cbor: not what was signed" },
    { "ops/*/salt", "ops/0001/body.cbor", 2, "ops/0001/body.cbor: not what was signed" },
    { "ops/*/chain", "ops/0001/chain", 2, "ops/0001/header.cbor: not in its chain" },
    { "chain/*/before", "chain/0001/signed", 1, "chain/0001: these headers are not what was signed" },
    { "chain/*/device.pem", "chain/0001/device.pem", 2, "chain/0001/device.pem: not issued by the authority" },
    { "chain/*/signed", "chain/0001/signed", 3, "chain/0001/signature: the device did not sign this" },
    { "chain/*/signature", "chain/0001/signature", 4, "chain/0001/signature: the device did not sign this" },
    { "chain/*/*.header", "chain/0001", 5, "chain/0001: these headers are not what was signed" },
    /* it is none any more, or not the one that vouched for the device */
    { "authority/*.pem", ".pem", 5, "chain/0002/device.pem: not issued by the authority" },
    { "ops/*/receipt", "ops/", 1, "ops/0001/receipt: names no receipt" },
    { "receipts/*/chain", "receipts/0001/", 2, "receipts/0001/chain: names no record of the chain" },
    { "receipts/*/signed", "receipts/0001/signed", 4, "receipts/0001/signed: about something else" },
    { "receipts/*/signature", "receipts/0001/signature", 1, "receipts/0001/signature: the centre did not sign this" },
    { "receipts/*/centre.pem", "receipts/0001/centre.pem", 3, "receipts/0001/centre.pem: not issued by the authority" },
    { "ops/*/position", "ops/0001", 1, "ops/0001/position: not in the history" },
    { "ops/*/proof", "ops/0001/proof", 2, "ops/0001/proof: does not lead to the checkpoint" },
    { "checkpoint/note", "checkpoint/note", 1, "checkpoint/note: " },
    { "checkpoint/key", "checkpoint/voucher", 3, "checkpoint/note: the signature is of another key" },
    { "checkpoint/voucher", "checkpoint/voucher", 2, "checkpoint/voucher: the centre did not vouch for this key" },
    { "checkpoint/centre.pem", "checkpoint/centre.pem", 4, "checkpoint/centre.pem: not issued by the authority" },
    { "rules/*.json", "rules/", 1, ".json: not the rules that its name says" },
    { "index.html", NULL, 6, "index.html: FAILED" },
    { "summary.pdf", NULL, 6, "summary.pdf: FAILED" },
    { "pack.json", NULL, 6, "pack.json: FAILED" },
};

enum { ROUNDS = 6 };

Test(evidence, with_any_file_changed_does_not_verify_and_the_file_is_named)
{
    make_pack(office, session);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char file[PATH_SIZE];
        char copy[PATH_SIZE];
        file_of(parts[i].pattern, file);
        damaged_copy(file, false, copy);
        json_t *report = verify_pack(copy, 1);
        expect_named(report, file, file);
        json_decref(report);
        if (parts[i].named != NULL) {
            damaged_copy(file, true, copy);
            report = verify_pack(copy, 1);
            expect_named(report, parts[i].named, file);
            json_decref(report);
        }
    }
}

Test(evidence, is_refused_with_a_link_a_strange_name_or_a_file_too_many)
{
    struct process_result result;
    char copy[PATH_SIZE];
    const char *argv[] = { program_verify, copy, NULL };
    static const char *const tricks[] = {
        "rm -rf copy && cp -r pack copy && rm copy/pack.json && ln -s /etc/passwd copy/pack.json",
        "rm -rf copy && cp -r pack copy && touch 'copy/a b'", "rm -rf copy && cp -r pack copy && mkfifo copy/pipe",
        "rm -rf copy && cp -r pack copy && mkdir -p copy/a/b/c/d"
    };
    make_pack(office, session);
    (void)snprintf(copy, sizeof(copy), "%s/copy", world.folder);
    for (size_t i = 0; i < ARRAY_LEN(tricks); i++) {
        must_shell(world.folder, tricks[i]);
        process_try(argv, slice_of_text(""), STEP_MS, &result);
        cr_assert_eq(result.exit_status, 3, "%s", tricks[i]);
        process_result_fini(&result);
    }
    must_shell(world.folder, "rm -rf copy && cp -r pack copy && touch copy/note.txt");
    json_t *report = verify_pack(copy, 1);
    cr_assert(finding_names(report, "note.txt"));
    json_decref(report);
}

Test(evidence, is_only_as_good_as_the_authority_that_is_insisted_on)
{
    struct process_result result;
    char fingerprint[128] = "";
    make_pack(office, session);
    shell_in(pack, "openssl x509 -in authority/1.pem -noout -fingerprint -sha256 | cut -d= -f2 | tr -d '\\n'", &result);
    (void)snprintf(fingerprint, sizeof(fingerprint), "%.*s", (int)result.out.len, (const char *)result.out.data);
    process_result_fini(&result);
    const char *right[] = { program_verify, "--brief", "--ca", fingerprint, pack, NULL };
    process_try(right, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(result.exit_status, 0, "%.*s", (int)result.out.len, (const char *)result.out.data);
    process_result_fini(&result);
    fingerprint[0] = fingerprint[0] == '0' ? '1' : '0';
    process_try(right, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(result.exit_status, 1);
    process_result_fini(&result);
    const char *neither[] = { program_verify, "--ca", "00", pack, NULL };
    process_try(neither, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(result.exit_status, 3);
    cr_assert(memmem(result.err.data, result.err.len, "neither a fingerprint", 21) != NULL, "%.*s", (int)result.err.len,
              (const char *)result.err.data);
    process_result_fini(&result);
}

Test(evidence, is_verified_without_its_records_on_request)
{
    struct process_result result;
    make_pack(office, session);
    const char *argv[] = { program_verify, "--json", "--brief", pack, NULL };
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(result.exit_status, 0, "%.*s", (int)result.out.len, (const char *)result.out.data);
    json_t *report = json_loadb((const char *)result.out.data, result.out.len, 0, NULL);
    cr_assert_not_null(report, "%.*s", (int)result.out.len, (const char *)result.out.data);
    cr_assert(json_is_true(json_object_get(report, "verified")));
    cr_assert_gt(json_integer_value(json_object_get(report, "records")), 0);
    cr_assert_null(json_object_get(report, "ops"));
    json_decref(report);
    process_result_fini(&result);
}

Test(evidence, is_checked_by_a_program_that_knows_the_description_alone)
{
    char file[PATH_SIZE];
    char copy[PATH_SIZE];
    make_pack(office, session);
    cr_assert(another_program_verifies(pack));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        file_of(parts[i].pattern, file);
        damaged_copy(file, parts[i].named != NULL, copy);
        cr_assert_not(another_program_verifies(copy), "%s was changed", file);
    }
}

/* ---- with common tools only ---- */

/* The indented lines of the instructions in the pack, run by sh as a person would; what they say is in `ret_said`. */
static bool steps_say(const char *folder, struct buf *ret_said)
{
    struct process_result result;
    struct error err;
    shell_in(folder, "sed -n 's/^    //p' ../pack/VERIFY.txt | sh 2>&1", &result);
    bool verified = result.out.len >= 9 && memcmp(result.out.data + result.out.len - 9, "VERIFIED\n", 9) == 0;
    bool wrong = result.out.len > 0 && memmem(result.out.data, result.out.len, "WRONG", 5) != NULL;
    bool refused = memmem(result.out.data, result.out.len, "NOT VERIFIED", 12) != NULL;
    cr_assert(verified && wrong == refused, "%.*s", (int)result.out.len, (const char *)result.out.data);
    buf_clear(ret_said);
    cr_assert_eq(buf_append(ret_said, result.out.data, result.out.len, &err), ERR_OK);
    process_result_fini(&result);
    return !refused;
}

static bool steps_verify(const char *folder)
{
    SCOPED(buf_fini) struct buf said;
    buf_init(&said, PROCESS_OUTPUT_MAX);
    return steps_say(folder, &said);
}

/* All of a round are changed in one copy: running the steps takes seconds. */
static void make_round(int round, char ret_copy[PATH_SIZE])
{
    bool covered = false;
    fresh_copy(ret_copy);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char file[PATH_SIZE];
        if (parts[i].round == round) {
            file_of(parts[i].pattern, file);
            damage(file);
            covered = parts[i].named != NULL;
        }
    }
    if (covered) {
        cover(ret_copy);
    }
}

Test(evidence, can_be_checked_with_common_tools_as_its_instructions_say, .timeout = 400)
{
    SCOPED(buf_fini) struct buf said;
    buf_init(&said, PROCESS_OUTPUT_MAX);
    make_pack(office, session);
    cr_assert(steps_verify(pack));
    for (int round = 1; round <= ROUNDS; round++) {
        char copy[PATH_SIZE];
        make_round(round, copy);
        cr_assert_not(steps_say(copy, &said), "round %d", round);
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            cr_assert(parts[i].round != round ||
                          memmem(said.data, said.len, parts[i].said, strlen(parts[i].said)) != NULL,
                      "%s was changed: %.*s", parts[i].pattern, (int)said.len, (const char *)said.data);
        }
    }
}

/* ---- forged ---- */

/* A laptop of another organisation is enrolled by the same authority; its owner holds a pack of this site. */
static void forge(const char *how)
{
    char command[COMMAND_SIZE];
    json_t *answer = centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Orchard", NULL);
    (void)snprintf(command, sizeof(command), "rm -rf copy && python3 -B '%s/pack_forged.py' pack copy %s %u %s",
                   getenv("VECTORS_DIR"), how, world.centre.port, text_at(answer, "code"));
    must_shell(world.folder, command);
}

Test(evidence, forged_by_a_device_of_another_site_or_another_authority_is_verified_by_no_hand, .timeout = 400)
{
    static const struct {
        const char *how;
        const char *named; /* by the verifier */
        const char *said;  /* by the steps */
    } forgeries[] = {
        { "site", "chain/0001/", "chain/0001/device.pem: of a device of another site" },
        { "stream", "chain/0001/", "chain/0001/signed: of another site" },
        { "authority", "chain/0001/device.pem", "chain/0001/device.pem: not issued by the authority" },
        { "system", "chain/0001/device.pem", "chain/0001/device.pem: not issued by the authority" },
    };
    SCOPED(buf_fini) struct buf said;
    char copy[PATH_SIZE];
    char trusted[2 * PATH_SIZE];
    buf_init(&said, PROCESS_OUTPUT_MAX);
    (void)snprintf(copy, sizeof(copy), "%s/copy", world.folder);
    (void)snprintf(trusted, sizeof(trusted), "%s.trusted", copy);
    cr_assert_eq(setenv("SSL_CERT_DIR", trusted, 1), 0);
    centre_add_site(&world.centre, "Orchard Trust", "Orchard");
    make_pack(office, session);
    for (size_t i = 0; i < ARRAY_LEN(forgeries); i++) {
        forge(forgeries[i].how);
        json_t *report = verify_pack(copy, 1);
        expect_named(report, forgeries[i].named, forgeries[i].how);
        json_decref(report);
        cr_assert_not(another_program_verifies(copy), "%s", forgeries[i].how);
        cr_assert_not(steps_say(copy, &said), "%s", forgeries[i].how);
        cr_assert(memmem(said.data, said.len, forgeries[i].said, strlen(forgeries[i].said)) != NULL, "%s: %.*s",
                  forgeries[i].how, (int)said.len, (const char *)said.data);
    }
}

/* With the real authority insisted on. */
static int verify_insisting(const char *folder)
{
    struct process_result result;
    char file[PATH_SIZE + sizeof("/authority/1.pem")];
    (void)snprintf(file, sizeof(file), "%s/authority/1.pem", pack);
    const char *argv[] = { program_verify, "--brief", "--ca", file, folder, NULL };
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    int code = result.exit_status;
    process_result_fini(&result);
    return code;
}

Test(evidence, of_another_authority_beside_the_real_one_counts_for_nobody_who_insists_on_that)
{
    SCOPED(buf_fini) struct buf said;
    char copy[PATH_SIZE];
    char command[COMMAND_SIZE];
    struct process_result result;
    buf_init(&said, PROCESS_OUTPUT_MAX);
    (void)snprintf(copy, sizeof(copy), "%s/copy", world.folder);
    centre_add_site(&world.centre, "Orchard Trust", "Orchard");
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "roll", NULL);
    sync_now(office);
    sync_now(shed);
    WAIT_UNTIL(number_at(centre_do(&world.centre, EXIT_DONE, "ca", "show", NULL), "devices_to_follow") == 0, PACK_MS);
    laptop_wait_synchronised(office, PACK_MS);
    make_pack(office, session);
    must_shell(pack, "test -f authority/2.pem");
    cr_assert_eq(verify_insisting(pack), 0, "those that the real one issued count");
    forge("beside");
    cr_assert_eq(verify_insisting(copy), 1);
    (void)snprintf(command, sizeof(command),
                   "python3 -B '%s/pack.py' . $(openssl x509 -in ../pack/authority/1.pem -noout -fingerprint -sha256 | "
                   "cut -d= -f2)",
                   getenv("VECTORS_DIR"));
    shell_in(copy, command, &result);
    cr_assert_eq(result.exit_status, 1, "%.*s", (int)result.out.len, (const char *)result.out.data);
    process_result_fini(&result);
    (void)steps_say(copy, &said);
    size_t shown = 0;
    for (const uint8_t *at = said.data;
         (at = memmem(at, said.len - (size_t)(at - said.data), "Fingerprint=", 12)) != NULL; at++) {
        shown++;
    }
    cr_assert_eq(shown, 2, "the real one and the other, and not those that the real one issued: %.*s", (int)said.len,
                 (const char *)said.data);
}

/* ---- by which rules ---- */

static json_t *rules_with(json_t *report, bool built_in)
{
    size_t index;
    json_t *rules;
    json_array_foreach(json_object_get(report, "rules"), index, rules)
    {
        if (true_at(rules, "built_in") == built_in) {
            return rules;
        }
    }
    cr_assert(false, "rules of either kind are in it");
    return NULL;
}

Test(evidence, proves_which_rules_the_centre_gave_and_says_of_those_built_in_that_no_record_does)
{
    char file[PATH_SIZE];
    char copy[PATH_SIZE];
    json_t *added = centre_do(&world.centre, EXIT_DONE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2026-01-01",
                              "--all", NULL);
    laptop_wait_text(office, "programme.source", "centre", PACK_MS); /* the centre tells of it by itself */
    laptop_wait_synchronised(office, PACK_MS);                       /* its tables are made */
    make_pack(office, session);
    json_t *report = verify_pack(pack, 0);
    json_t *given = rules_with(report, false);
    cr_assert_str_eq(text_at(given, "sha256"), text_at(added, "sha256"));
    cr_assert_null(json_object_get(rules_with(report, true), "number"), "no record gives those of the program");
    json_t *op = json_array_get(json_object_get(report, "ops"), (size_t)atoi(text_at(given, "number")) - 1);
    cr_assert_str_eq(text_at(op, "kind"), "programme_pack");
    cr_assert_str_eq(text_at(op, "role"), "centre");
    cr_assert_str_eq(text_at(op, "fields.in_force_from"), "2026-01-01");
    cr_assert(true_at(op, "signed") && true_at(op, "body_proved") && true_at(op, "confirmed"));
    must_shell(pack, "cmp rules/$(sha256sum < " OTHER_PACK_FILE " | cut -c 1-64).json " OTHER_PACK_FILE);
    must_shell(pack,
               "grep -q 'given by the centre in record' index.html && grep -q 'built into the program' index.html");
    cr_assert(steps_verify(pack));
    cr_assert(another_program_verifies(pack));

    (void)snprintf(file, sizeof(file), "ops/%s/body.cbor", text_at(given, "number"));
    damaged_copy(file, true, copy);
    json_decref(report);
    report = verify_pack(copy, 1);
    expect_named(report, file, file);
    json_decref(report);
    cr_assert_not(steps_verify(copy));
    cr_assert_not(another_program_verifies(copy));
}

Test(evidence, of_what_was_erased_proves_that_it_was_recorded_and_names_who_decided)
{
    char other[SITE_TEXT_SIZE];
    session_name("GDN", 2, 9, other);
    site_attend(office, other, "attended", "words that go");
    (void)laptop_do(office, EXIT_DONE, "erase", other, "--ground", "retention", "--by", "Invented Trustee", "--reason",
                    "R-7", "--yes", NULL);
    sync_now(office);
    make_pack(office, "GDN-002");
    json_t *report = verify_pack(pack, 0);
    size_t index;
    json_t *op;
    size_t gone = 0;
    json_array_foreach(json_at(report, "ops"), index, op)
    {
        gone += true_at(op, "erased");
        cr_expect(!true_at(op, "erased") || strcmp(text_at(op, "erased_by"), "") > 0, "record %s",
                  text_at(op, "number"));
    }
    cr_assert_eq(gone, 1);
    json_decref(report);
    must_shell(pack, "grep -q 'What was erased' index.html && grep -q 'Invented Trustee' index.html && ! grep -rq "
                     "'words that go' .");
    SCOPED(buf_fini) struct buf said;
    buf_init(&said, PROCESS_OUTPUT_MAX);
    cr_assert(steps_say(pack, &said));
    cr_assert(memmem(said.data, said.len, "was erased: see ops/", 20) != NULL &&
                  memmem(said.data, said.len, "LOOK", 4) == NULL,
              "%.*s", (int)said.len, (const char *)said.data);
    cr_assert(another_program_verifies(pack));
}

Test(evidence, without_what_a_record_said_is_told_from_one_of_which_it_was_erased)
{
    struct process_result result;
    SCOPED(buf_fini) struct buf said;
    buf_init(&said, PROCESS_OUTPUT_MAX);
    make_pack(office, "GDN-001");
    must_shell(pack, "rm ops/0001/body.cbor ops/0001/salt && "
                     "grep -v -e ops/0001/body.cbor -e ops/0001/salt MANIFEST >../left && mv ../left MANIFEST");
    const char *argv[] = { program_verify, "--brief", pack, NULL };
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(result.exit_status, 0);
    cr_assert_not_null(memmem(result.out.data, result.out.len, "LOOK   ops/0001:", 16));
    process_result_fini(&result);
    cr_assert(steps_say(pack, &said));
    cr_assert_not_null(memmem(said.data, said.len, "LOOK ops/0001:", 14), "%.*s", (int)said.len,
                       (const char *)said.data);
}

/* Of another session of the placement, and what was said of one anew: no erasure of the pack reaches them. */
Test(evidence, of_which_a_part_was_taken_out_beside_an_erasure_of_something_else_does_not_call_it_erased)
{
    char gone[SITE_TEXT_SIZE];
    char other[SITE_TEXT_SIZE];
    SCOPED(buf_fini) struct buf said;
    buf_init(&said, PROCESS_OUTPUT_MAX);
    session_name("GDN", 2, 9, gone);
    session_name("GDN", 2, 10, other);
    site_attend(office, gone, "attended", "words that go");
    site_attend(office, other, "attended", "words that stay");
    (void)laptop_do(office, EXIT_DONE, "erase", gone, "--ground", "retention", "--by", "Invented Trustee", "--reason",
                    "R-7", "--yes", NULL);
    site_attend(office, gone, "attended", "words said anew");
    sync_now(office);
    make_pack(office, "GDN-002");
    must_shell(pack, "grep -l -e 'words that stay' -e 'words said anew' ops/*/body.cbor | cut -d / -f 2 >../taken && "
                     "for o in $(cat ../taken); do rm ops/$o/body.cbor ops/$o/salt; grep -v -e ops/$o/body.cbor -e "
                     "ops/$o/salt MANIFEST >../left && mv ../left MANIFEST; done; test $(wc -l <../taken) = 2");
    (void)steps_say(pack, &said);
    cr_assert_eq(buf_append(&said, "", 1, NULL), ERR_OK);
    const char *first = strstr((const char *)said.data, "LOOK ops/");
    cr_assert(first != NULL && strstr(first + 1, "LOOK ops/") != NULL, "%s", (const char *)said.data);
    cr_assert_not_null(strstr((const char *)said.data, "was erased: see ops/"), "%s", (const char *)said.data);
    const char *argv[] = { program_verify, "--brief", pack, NULL };
    struct process_result result;
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    cr_assert_eq(buf_append(&result.out, "", 1, NULL), ERR_OK);
    first = strstr((const char *)result.out.data, "LOOK   ops/");
    cr_assert(first != NULL && strstr(first + 1, "LOOK   ops/") != NULL, "%s", (const char *)result.out.data);
    process_result_fini(&result);
}
