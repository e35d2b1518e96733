/* Guard rail 3 on the way and at the centre: what a device sends, read as plain bytes, and the centre's whole database,
 * decrypted, have nothing of its volunteers. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"
#include "store/kept_reviews.h"
#include "store/volunteers.h"
#include "sync/endpoint/core/private.h"
#include "sync/segment.h"
#include "world.h"

#define OF_THEM FLAG_OF_VOLUNTEERS "0900"

static struct centre_world world;
static struct laptop laptop;

/* Everything that the laptop handed to the exchange: the requests, and their segments unpacked. */
static struct buf sent;
static size_t requests;

static void keep(const void *data, size_t len)
{
    cr_assert(buf_append(&sent, data, len, NULL) == ERR_OK);
}

static void capture(void *context, struct buf *answer)
{
    struct exchange_request request;
    struct segment segment;
    struct error err;
    (void)context;
    (void)answer;
    requests++;
    keep(laptop.request.data, laptop.request.len);
    cr_assert_eq(exchange_request_decode(buf_slice(&laptop.request), &request, &err), ERR_OK, "%s", err.message);
    if (request.segment.len == 0) {
        return;
    }
    cr_assert_eq(segment_decode(request.segment, request.stream, &segment, &err), ERR_OK, "%s", err.message);
    for (size_t i = 0; i < segment.run.ops.count; i++) {
        const struct op *op = &segment.run.ops.ops[i];
        keep(op->subject, op->subject_len);
        keep(op->actor.data, op->actor.len);
        keep(op->body.data, op->body.len);
    }
    segment_fini(&segment);
}

static void begin(void)
{
    buf_init(&sent, SIZE_MAX / 2);
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
    laptop.on_the_way = capture;
}

static void end(void)
{
    laptop_fini(&laptop);
    world_close(&world);
    buf_fini(&sent);
}

TestSuite(centre_volunteers, .init = begin, .fini = end, .timeout = 120);

static bool holds(const void *haystack, size_t len, const char *word)
{
    return len > 0 && memmem(haystack, len, word, strlen(word)) != NULL;
}

/* Its pages as SQLite reads them, decrypted, the write-ahead log included. */
static bool centre_holds(const char *word)
{
    sqlite3_int64 size = 0;
    unsigned char *pages = sqlite3_serialize(world.centre->store->db.handle, "main", &size, 0);
    cr_assert(pages != NULL && size > 0);
    bool found = holds(pages, (size_t)size, word);
    sqlite3_free(pages);
    return found;
}

static void record_person(void)
{
    struct store_entry entry = { .kind = KIND_PARTICIPANT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_PARTICIPANT));
    entity_id(laptop.identity.stream, "participant", "GDN-1", entry.subject);
    record_set_text(&entry.record, "ref", "GDN-1");
    record_set_text(&entry.record, "name", "Placed Inventedperson");
    laptop_write(&laptop, &entry);
}

static void enter_volunteer(void)
{
    struct error err;
    struct volunteer volunteer = { .ref = "VOLREF-77",
                                   .name = "Quillon Vesperfield",
                                   .place = "Marrowbone Allotment",
                                   .note = "keeps the beehives",
                                   .starts_on = ROW_NONE,
                                   .ends_on = ROW_NONE };
    struct volunteer_shift shift = { .volunteer_ref = "VOLREF-77",
                                     .day = 20000,
                                     .starts_min = 600,
                                     .ends_min = 700,
                                     .worked_minutes = 95,
                                     .what = "smoking out wasps" };
    entity_id(laptop.identity.stream, "participant", "GDN-1", volunteer.participant.bytes);
    cr_assert_eq(store_volunteer_put(laptop.store, "tester", &volunteer, world.now_ms, &err), ERR_OK, "%s",
                 err.message);
    cr_assert_eq(store_volunteer_shift_put(laptop.store, "tester", &shift, world.now_ms, &err), ERR_OK, "%s",
                 err.message);
}

/* What the agent makes of a review of the flag that rests on them. */
static void keep_review(void)
{
    struct error err;
    struct store_entry entry = { .kind = KIND_FLAG_REVIEW, .subject = { 7 } };
    uint8_t placement[OP_ENTITY_BYTES] = { 9 };
    record_init(&entry.record, kind_by_number(KIND_FLAG_REVIEW));
    record_set_text(&entry.record, "flag", OF_THEM);
    record_set_id(&entry.record, "placement", placement);
    record_set_text(&entry.record, "outcome", "host_matter");
    record_set_text(&entry.record, "note", "Vesperfield tends the ferns");
    cr_assert_eq(store_review_keep(laptop.store, "tester", &entry, world.now_ms, &err), ERR_OK, "%s", err.message);
}

static void sync_all(void)
{
    cr_assert_eq(laptop_sync(&laptop), ERR_OK, "%s", world.err.message);
}

Test(centre_volunteers, nothing_of_them_is_sent_or_kept_there)
{
    static const char *const words[] = { "VOLREF-77", "Vesperfield", "Quillon", "Marrowbone",
                                         "beehives",  "wasps",       "ferns",   OF_THEM };
    enter_volunteer();
    keep_review();
    record_person();
    sync_all();
    cr_assert_gt(requests, 0);
    cr_assert(holds(sent.data, sent.len, "Placed Inventedperson"), "the capture reads what is sent");
    cr_assert(centre_holds("Placed Inventedperson"), "the search reads what is kept");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        cr_expect_not(holds(sent.data, sent.len, words[i]), "sent: %s", words[i]);
        cr_expect_not(centre_holds(words[i]), "kept: %s", words[i]);
    }
}

Test(centre_volunteers, entering_them_leaves_nothing_to_send)
{
    struct store_sync before;
    struct store_sync after;
    struct error err;
    record_person();
    sync_all();
    cr_assert_eq(store_sync_read(laptop.store, &before, &err), ERR_OK);
    buf_clear(&sent);
    sync_all();
    size_t idle = sent.len;
    enter_volunteer();
    keep_review();
    buf_clear(&sent);
    sync_all();
    cr_assert_eq(store_sync_read(laptop.store, &after, &err), ERR_OK);
    cr_expect_eq(after.newest_seq, before.newest_seq);
    cr_expect_eq(after.pending_ops, 0);
    cr_expect_eq(sent.len, idle, "an exchange after it is as long as an idle one");
}

Test(centre_volunteers, the_same_person_on_another_laptop_of_the_site_has_none)
{
    struct laptop other;
    struct volunteer_list list = { 0 };
    struct error err;
    uint8_t digests[2][SHA256_BYTES];
    enter_volunteer();
    record_person();
    sync_all();
    laptop_enrol(&world, "garden", &other);
    cr_assert_eq(laptop_sync(&other), ERR_OK, "%s", world.err.message);
    cr_assert_eq(query_volunteers(other.store, NULL, 10, &list, &err), ERR_OK);
    cr_expect_eq(list.count, 0);
    volunteer_list_fini(&list);
    laptop_digest(&laptop, digests[0]);
    laptop_digest(&other, digests[1]);
    cr_expect_arr_eq(digests[0], digests[1], SHA256_BYTES);
    laptop_fini(&other);
}

/* ---- an older version, or a hostile device, makes a record of a review ---- */

static void forge_review(struct forger *forger)
{
    SCOPED(buf_fini) struct buf body;
    struct record record;
    struct op op = { .kind = KIND_FLAG_REVIEW, .subject_len = OP_ENTITY_BYTES, .subject = { 8 } };
    buf_init(&body, OP_BODY_MAX);
    record_init(&record, kind_by_number(KIND_FLAG_REVIEW));
    record_set_text(&record, "flag", OF_THEM);
    record_set_text(&record, "outcome", "host_matter");
    record_set_text(&record, "note", "Vesperfield tends the ferns");
    cr_assert_eq(record_encode(&record, &body, NULL), ERR_OK);
    op.body = buf_slice(&body);
    (void)forger_add_op(forger, &op);
}

Test(centre_volunteers, a_review_of_them_that_is_sent_is_an_incident_and_nothing_of_it_is_kept_or_passed_on)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 1);
    forge_review(&forger);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 1);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    cr_expect_eq(forger.response->acked_seq, 3);
    cr_expect_eq(forger.response->refusal_count, 0);
    cr_expect_eq(world_incidents(&world), 1);
    cr_expect_not(centre_holds("ferns"));
    cr_expect_not(centre_holds(OF_THEM));
    world_verify(&world);
    sync_all();
    cr_expect_eq(laptop_statements(&laptop), 2, "what came with it goes on");
    forger_fini(&forger);
}
