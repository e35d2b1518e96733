/* The page of an evidence pack: what it says of the rules. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/evidence_pack.h"
#include "store/op.h"

#define SHA256 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct evidence_record records[2];
static struct evidence_pack pack = { .records = records, .record_count = ARRAY_LEN(records) };

static void start(void)
{
    pack.about = json_loads("{\"about\": {\"kind\": \"participant\", \"name\": \"P1\"}, \"made_at\": "
                            "\"2026-06-10T12:00:00.000Z\", \"site\": {\"name\": \"Garden\"}, \"rules\": [{\"name\": "
                            "\"rules\", \"version\": 2, \"sha256\": \"" SHA256 "\", \"source\": \"centre\", "
                            "\"in_force\": true, \"in_force_from\": \"2026-06-01\"}]}",
                            0, NULL);
    cr_assert_not_null(pack.about);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        records[i].json = json_loads("{\"kind\": \"programme_pack\", \"quarantine\": null, \"recorded_at\": "
                                     "\"2026-06-01T09:00:00.000Z\", \"fields\": {\"sha256\": \"" SHA256 "\"}}",
                                     0, NULL);
        records[i].chain = EVIDENCE_NO_CHAIN;
        records[i].receipt = EVIDENCE_NO_RECEIPT;
        cr_assert_not_null(records[i].json);
    }
}

static void stop(void)
{
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        json_decref(records[i].json);
        buf_fini(&records[i].header);
    }
    json_decref(pack.about);
}

TestSuite(evidence_words, .init = start, .fini = stop);

static void set_time(size_t index, uint64_t hlc)
{
    struct op op = { .kind = 29, .subject_len = OP_ENTITY_BYTES, .hlc = hlc, .happened_at_ms = OP_TIME_NONE };
    struct error err;
    op.id.seq = index + 1;
    op.actor = slice_of_text("operator");
    buf_fini(&records[index].header);
    buf_init(&records[index].header, OP_HEADER_MAX);
    cr_assert_eq(op_header_encode(&op, &records[index].header, &err), ERR_OK, "%s", err.message);
}

static void expect_source(const char *words)
{
    struct document *document = evidence_words(&pack);
    bool said = false;
    for (size_t i = 0; i < document->count; i++) {
        const struct block *block = &document->blocks[i];
        said |= block->kind == BLOCK_FACT && strcmp(block->cells[0], "Source") == 0 &&
                strstr(block->cells[1], words) != NULL;
    }
    cr_expect(said, "%s", words);
    document_free(document);
}

static void say_instead(size_t index, const char *json)
{
    json_decref(records[index].json);
    records[index].json = json_loads(json, 0, NULL);
    cr_assert_not_null(records[index].json);
}

Test(evidence_words, say_what_kind_an_erasure_took_and_that_a_session_stands_as_erased)
{
    say_instead(0, "{\"kind\": \"erasure\", \"recorded_at\": \"2026-06-01T09:00:00.000Z\", \"fields\": {\"kind\": "
                   "\"referral_event\"}}");
    say_instead(1, "{\"kind\": \"attendance\", \"erased\": true, \"recorded_at\": \"2026-06-01T08:00:00.000Z\", "
                   "\"session\": {\"standing\": \"recorded\", \"erased\": true, \"outcome\": null}, \"fields\": {}}");
    struct document *document = evidence_words(&pack);
    bool kind = false;
    bool session = false;
    for (size_t i = 0; i < document->count; i++) {
        const struct block *block = &document->blocks[i];
        kind |= block->kind == BLOCK_FACT && strcmp(block->cells[0], "Kind") == 0 &&
                strcmp(block->cells[1], "referral event") == 0;
        session |= block->kind == BLOCK_ROW && block->cell_count > 0 &&
                   strcmp(block->cells[block->cell_count - 1], "erased") == 0;
    }
    cr_expect(kind);
    cr_expect(session);
    document_free(document);
}

Test(evidence_words, name_the_newest_record_that_gives_the_rules_wherever_it_stands)
{
    set_time(0, 7);
    set_time(1, 8);
    expect_source("given by the centre in record 0002");
    set_time(0, 9);
    expect_source("given by the centre in record 0001");
}

Test(evidence_words, name_no_record_that_was_set_aside_as_the_one_that_gives_the_rules)
{
    set_time(0, 7);
    set_time(1, 8);
    (void)json_object_set_new(records[1].json, "quarantine", json_string("it is not the centre's"));
    expect_source("given by the centre in record 0001");
    (void)json_object_set_new(records[0].json, "quarantine", json_string("it is not the centre's"));
    expect_source("its record is not in it");
}
