/* What a person sees of the centre's word, and what is made of a note that somebody brings. */
#include <string.h>

#include "agent/agent_parts.h"
#include "store/tree.h"
#include "tests/unit/agent/site.h"

#define RECORDS 4 /* of site_fill */

static struct site site;
static struct secret key;
static uint8_t public_key[CHECKPOINT_KEY_BYTES];
static char origin[TREE_ORIGIN_SIZE];
static struct error err;

static void apply(const struct store_exchange *exchange, struct store_applied *applied)
{
    cr_assert_eq(store_apply(site.replica.store, exchange, applied, &err), ERR_OK, "%s", err.message);
}

static struct checkpoint signed_by_centre(uint64_t size, bool another_root)
{
    struct checkpoint made = { .size = size };
    cr_assert_eq(tree_root_at(site.replica.store, size, &made.root, &err), ERR_OK, "%s", err.message);
    made.root.bytes[7] ^= another_root;
    cr_assert_eq(checkpoint_sign(&key, origin, &made, &err), ERR_OK, "%s", err.message);
    return made;
}

/* At the head of an exchange that brings nothing else. True: it was a violation. */
static bool told(const struct checkpoint *checkpoint)
{
    struct store_applied applied;
    struct store_checkpoint with_key = { .checkpoint = *checkpoint,
                                         .vouch = slice_of_text("voucher"),
                                         .certificate = buf_slice(&site.replica.identity.certificate) };
    struct store_exchange exchange = { .placed = true,
                                       .from = RECORDS,
                                       .cursor = RECORDS,
                                       .head = RECORDS,
                                       .own_incarnation = site.replica.identity.incarnation,
                                       .checkpoint = &with_key,
                                       .received_at_ms = site.now_ms };
    memcpy(with_key.key, public_key, sizeof(public_key));
    apply(&exchange, &applied);
    return applied.violation;
}

static void start(void)
{
    struct store_applied applied;
    site_start(&site);
    site_fill(&site);
    cr_assert_eq(checkpoint_key_make(&key, &err), ERR_OK);
    cr_assert_eq(checkpoint_key_public(&key, public_key, &err), ERR_OK);
    tree_origin(site.world.stream, origin);
    struct store_order order = { .run = STORE_ORDER_OWN, .count = RECORDS };
    struct store_exchange exchange = { .placed = true,
                                       .cursor = RECORDS,
                                       .head = RECORDS + 1,
                                       .order = &order,
                                       .order_count = 1,
                                       .own_incarnation = site.replica.identity.incarnation,
                                       .received_at_ms = site.now_ms };
    apply(&exchange, &applied);
}

static void stop(void)
{
    secret_free(&key);
    site_stop(&site);
}

TestSuite(checkpoint, .init = start, .fini = stop);

static struct reply compare_text(const char *note, size_t len)
{
    json_t *body = json_pack("{s:o}", "note", json_stringn_nocheck(note, len));
    char *text = json_dumps(body, 0);
    struct reply reply = site_call(&site, "POST", "/v1/checkpoint/compare", text);
    json_decref(body);
    free(text);
    return reply;
}

static struct reply compare(const struct checkpoint *checkpoint)
{
    struct buf note;
    buf_init(&note, CHECKPOINT_NOTE_MAX);
    cr_assert_eq(checkpoint_note(checkpoint, origin, public_key, &note, &err), ERR_OK);
    struct reply reply = compare_text((const char *)note.data, note.len);
    buf_fini(&note);
    return reply;
}

static void expect_compared(const struct checkpoint *checkpoint, bool consistent)
{
    struct reply reply = compare(checkpoint);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(json_is_true(reply_at(&reply, "consistent")), consistent, "%s", reply.text);
    reply_fini(&reply);
}

static void expect_standing(json_int_t standing, size_t listed)
{
    struct reply reply = site_call(&site, "GET", "/v1/checkpoint", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "violations"), standing, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/checkpoint/violations", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "violations"), listed, "%s", reply.text);
    reply_fini(&reply);
}

Test(checkpoint, is_null_before_the_centre_signed_anything_and_then_a_note_that_its_key_verifies)
{
    struct reply reply = site_call(&site, "GET", "/v1/checkpoint", NULL);
    cr_expect(json_is_null(reply_at(&reply, "checkpoint")), "%s", reply.text);
    reply_fini(&reply);
    struct checkpoint all = signed_by_centre(RECORDS, false);
    struct checkpoint read;
    cr_assert_not(told(&all));
    reply = site_call(&site, "GET", "/v1/checkpoint", NULL);
    cr_expect_eq(reply_int(&reply, "checkpoint.size"), RECORDS);
    cr_assert_eq(
        checkpoint_note_read(slice_of_text(reply_text(&reply, "checkpoint.note")), origin, public_key, &read, &err),
        ERR_OK, "%s", err.message);
    cr_expect_arr_eq(read.root.bytes, all.root.bytes, MERKLE_HASH_BYTES);
    const char *verifier = reply_text(&reply, "checkpoint.verifier_key");
    cr_expect_eq(strncmp(verifier, origin, strlen(origin)), 0, "%s", verifier);
    reply_fini(&reply);
    expect_standing(0, 0);
}

Test(checkpoint, of_the_same_history_is_consistent_whatever_its_size)
{
    struct checkpoint all = signed_by_centre(RECORDS, false);
    cr_assert_not(told(&all));
    for (uint64_t size = 0; size <= RECORDS; size++) {
        struct checkpoint earlier = signed_by_centre(size, false);
        expect_compared(&earlier, true);
    }
    expect_standing(0, 0);
}

Test(checkpoint, of_another_history_is_found_out_at_every_size_and_kept)
{
    struct checkpoint all = signed_by_centre(RECORDS, false);
    cr_assert_not(told(&all));
    for (uint64_t size = 0; size <= RECORDS; size++) {
        struct checkpoint other = signed_by_centre(size, true);
        expect_compared(&other, false);
        expect_compared(&other, false);
    }
    expect_standing(RECORDS + 1, RECORDS + 1);
    struct reply reply = site_call(&site, "GET", "/v1/checkpoint/violations?limit=1", NULL);
    cr_expect(json_is_true(reply_at(&reply, "more")));
    cr_expect(json_is_true(reply_at(&reply, "violations.0.brought")));
    struct checkpoint read;
    cr_expect_eq(checkpoint_note_read(slice_of_text(reply_text(&reply, "violations.0.held.note")), origin, public_key,
                                      &read, &err),
                 ERR_OK, "both are evidence: %s", err.message);
    cr_expect_eq(checkpoint_note_read(slice_of_text(reply_text(&reply, "violations.0.told.note")), origin, public_key,
                                      &read, &err),
                 ERR_OK, "both are evidence: %s", err.message);
    reply_fini(&reply);
}

Test(checkpoint, violation_stands_until_a_person_acknowledges_it_and_again_when_it_is_noticed_again)
{
    struct checkpoint all = signed_by_centre(RECORDS, false);
    struct checkpoint less = signed_by_centre(RECORDS - 1, false);
    cr_assert_not(told(&all));
    expect_compared(&less, true);
    less = signed_by_centre(RECORDS, true);
    cr_assert(told(&less), "another root for what it had signed");
    expect_standing(1, 1);
    site_expect(&site, "POST", "/v1/checkpoint/acknowledge", "{\"all\": true}", 400, "invalid");
    struct reply reply = site_call(&site, "POST", "/v1/checkpoint/acknowledge", "{}");
    cr_expect_eq(reply_int(&reply, "acknowledged"), 1, "%s", reply.text);
    reply_fini(&reply);
    expect_standing(0, 1);
    reply = site_call(&site, "GET", "/v1/checkpoint/violations", NULL);
    cr_expect_str_eq(reply_text(&reply, "violations.0.acknowledged_by"), "tester");
    cr_expect(json_is_string(reply_at(&reply, "violations.0.acknowledged_at")));
    cr_expect(json_is_false(reply_at(&reply, "violations.0.brought")));
    cr_expect_eq(reply_int(&reply, "violations.0.held.size"), RECORDS);
    reply_fini(&reply);
    expect_compared(&less, false);
    expect_standing(1, 1);
}

/* Of an agent whose replica is open, and which has not reached the centre yet. */
static struct reply status(void)
{
    static struct agent agent;
    agent = (struct agent){ .state = AGENT_OPEN,
                            .store = site.replica.store,
                            .programme = programme_default(),
                            .identity = { .enrolled = true } };
    struct reply reply = { .json = status_value(&agent) };
    cr_assert_not_null(reply.json);
    reply.text = json_dumps(reply.json, 0);
    return reply;
}

static void expect_attention(const char *words)
{
    struct reply reply = status();
    const char *message = reply_text(&reply, "message");
    cr_expect_eq(strcmp(reply_text(&reply, "state"), "attention") == 0, words != NULL, "%s", message);
    if (words != NULL) {
        cr_expect_not_null(strstr(message, words), "%s", message);
        cr_expect_not_null(strstr(message, "nothing recorded here is lost, and the evidence is kept"), "%s", message);
        cr_expect_not_null(strstr(message, "`holdfast checkpoint --violations`"), "%s", message);
    }
    cr_expect_eq(reply_int(&reply, "violations"), words != NULL);
    reply_fini(&reply);
}

Test(checkpoint, violation_has_the_status_ask_for_a_person_until_it_is_acknowledged)
{
    struct checkpoint all = signed_by_centre(RECORDS, false);
    struct checkpoint other = signed_by_centre(RECORDS, true);
    cr_assert_not(told(&all));
    expect_attention(NULL);
    cr_assert(told(&other));
    expect_attention("one of 4 records, verified here on 2026-11-20, and one of 4 records, told on 2026-11-20");
    site_expect(&site, "POST", "/v1/checkpoint/acknowledge", "{}", 200, NULL);
    expect_attention(NULL);
    expect_compared(&all, true);
    expect_standing(0, 1);
}

Test(checkpoint, first_word_of_the_centre_that_does_not_fit_is_a_violation_too)
{
    struct checkpoint other = signed_by_centre(RECORDS, true);
    cr_assert(told(&other));
    expect_attention("signed a history of 4 records on 2026-11-20 and gave other records");
    struct reply reply = site_call(&site, "GET", "/v1/checkpoint/violations", NULL);
    cr_expect(json_is_null(reply_at(&reply, "violations.0.held")), "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "violations.0.told.size"), RECORDS);
    reply_fini(&reply);
}

Test(checkpoint, note_that_cannot_be_compared_is_refused_with_what_to_do)
{
    struct checkpoint all = signed_by_centre(RECORDS, false);
    struct reply reply = compare(&all);
    cr_expect_eq(reply.status, 404, "nothing of its own to compare with: %s", reply.text);
    cr_expect_not_null(strstr(reply.text, "synchronise first"));
    reply_fini(&reply);
    cr_assert_not(told(&all));
    struct checkpoint larger = { .size = RECORDS + 1, .root = all.root };
    cr_assert_eq(checkpoint_sign(&key, origin, &larger, &err), ERR_OK);
    reply = compare(&larger);
    cr_expect_eq(reply.status, 404, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "synchronise first"));
    reply_fini(&reply);
    struct secret stranger;
    struct checkpoint forged = all;
    cr_assert_eq(checkpoint_key_make(&stranger, &err), ERR_OK);
    forged.root.bytes[0] ^= 1;
    cr_assert_eq(checkpoint_sign(&stranger, origin, &forged, &err), ERR_OK);
    secret_free(&stranger);
    reply = compare(&forged);
    cr_expect_eq(reply.status, 409, "nobody is accused by a stranger's signature: %s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "error.code"), "history");
    reply_fini(&reply);
    expect_standing(0, 0);
}

Test(checkpoint, hostile_note_changes_nothing_and_is_refused)
{
    static const char *const notes[] = {
        "", "\n", "\n\n", "x", "a\n4\nAAAA\n\n", "\xe2\x80\x94 ", "a\n18446744073709551616\n=\n\n\xe2\x80\x94 a b\n",
    };
    struct checkpoint all = signed_by_centre(RECORDS, false);
    struct buf note;
    char huge[CHECKPOINT_NOTE_MAX + 2];
    cr_assert_not(told(&all));
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        struct reply reply = compare_text(notes[i], strlen(notes[i]));
        cr_expect_eq(reply.status, 400, "%zu: %s", i, reply.text);
        reply_fini(&reply);
    }
    memset(huge, '\n', sizeof(huge));
    struct reply reply = compare_text(huge, sizeof(huge));
    cr_expect_eq(reply.status, 400, "%s", reply.text);
    reply_fini(&reply);
    buf_init(&note, CHECKPOINT_NOTE_MAX);
    cr_assert_eq(checkpoint_note(&all, origin, public_key, &note, &err), ERR_OK);
    for (size_t i = 0; i < note.len; i++) { /* cut, and with one character another one */
        reply = compare_text((const char *)note.data, i);
        cr_expect_neq(reply.status, 200, "cut at %zu: %s", i, reply.text);
        reply_fini(&reply);
        uint8_t before = note.data[i];
        note.data[i] = before == 'A' ? 'B' : 'A';
        struct buf changed;
        buf_init(&changed, CHECKPOINT_NOTE_MAX);
        cr_assert_eq(buf_append(&changed, note.data, note.len, &err), ERR_OK);
        if (utf8_valid(buf_slice(&changed))) {
            reply = compare_text((const char *)changed.data, changed.len);
            cr_expect_neq(reply.status, 200, "changed at %zu: %s", i, reply.text);
            reply_fini(&reply);
        }
        buf_fini(&changed);
        note.data[i] = before;
    }
    buf_fini(&note);
    expect_standing(0, 0);
}

Test(checkpoint, is_not_told_of_a_machine_that_belongs_to_no_site)
{
    site.enrolled = false;
    site_expect(&site, "GET", "/v1/checkpoint", NULL, 409, "not_enrolled");
    site_expect(&site, "GET", "/v1/checkpoint/violations", NULL, 409, "not_enrolled");
    site_expect(&site, "POST", "/v1/checkpoint/compare", "{\"note\": \"x\"}", 409, "not_enrolled");
}
