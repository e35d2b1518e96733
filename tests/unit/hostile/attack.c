#include "attack.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"
#include "store/replica.h"
#include "sync/endpoint/core/private.h"

/* ---- what is held ---- */

static void add_column(sqlite3_stmt *s, int at, struct buf *out)
{
    uint8_t type = (uint8_t)sqlite3_column_type(s, at);
    const void *bytes = sqlite3_column_blob(s, at);
    uint8_t len[4];
    put_be32(len, (uint32_t)sqlite3_column_bytes(s, at));
    cr_assert(buf_append(out, &type, 1, NULL) == ERR_OK && buf_append(out, len, sizeof(len), NULL) == ERR_OK);
    cr_assert(buf_append(out, bytes != NULL ? bytes : "", get_be32(len), NULL) == ERR_OK);
}

static void add_rows(struct database *db, const char *table, struct buf *out)
{
    sqlite3_stmt *s;
    char sql[200];
    (void)snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2", table);
    cr_assert(sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) == SQLITE_OK, "%s", table);
    while (sqlite3_step(s) == SQLITE_ROW) {
        for (int at = 0; at < sqlite3_column_count(s); at++) {
            add_column(s, at, out);
        }
    }
    cr_assert(sqlite3_finalize(s) == SQLITE_OK);
}

static void rows_digest(struct database *db, const char *const *tables, uint8_t out[SHA256_BYTES])
{
    struct buf rows;
    buf_init(&rows, SIZE_MAX / 2);
    for (; *tables != NULL; tables++) {
        add_rows(db, *tables, &rows);
    }
    struct slice all = buf_slice(&rows);
    sha256(&all, 1, out);
    buf_fini(&rows);
}

void centre_log_digest(struct attack *attack, uint8_t out[SHA256_BYTES])
{
    static const char *const tables[] = {
        "op", "author", "run", "signed_link", "salt_seed", "site", "hlc_ahead", NULL
    };
    rows_digest(&attack->world.centre->store->db, tables, out);
}

void laptop_log_digest(struct attack *attack, uint8_t out[SHA256_BYTES])
{
    static const char *const tables[] = {
        "op",
        "(SELECT id, device, incarnation, writer, certificate, newest_seq, newest_link, signed_seq FROM author)",
        "signed_link",
        "salt_seed",
        "fork",
        "forked_op",
        NULL
    };
    rows_digest(&attack->laptop.store->db, tables, out);
}

/* ---- the site ---- */

static void pass_on(void *context, struct buf *answer)
{
    struct attack *attack = context;
    if (attack->change == NULL && attack->earlier.len > 0) {
        return;
    }
    if (attack->change == NULL) {
        cr_assert(buf_append(&attack->earlier, answer->data, answer->len, NULL) == ERR_OK);
        return;
    }
    cr_assert(exchange_response_decode(buf_slice(answer), attack->response, NULL) == ERR_OK);
    buf_clear(&attack->bytes);
    attack->change(attack);
    if (attack->bytes.len == 0) {
        cr_assert(exchange_response_encode(attack->response, &attack->bytes, NULL) == ERR_OK);
    }
    buf_fini(answer);
    buf_init(answer, SIZE_MAX / 2);
    cr_assert(buf_append(answer, attack->bytes.data, attack->bytes.len, NULL) == ERR_OK);
}

void attack_begin(struct attack *attack)
{
    *attack = (struct attack){ 0 };
    buf_init(&attack->bytes, SIZE_MAX / 2);
    buf_init(&attack->earlier, SIZE_MAX / 2);
    buf_init(&attack->scratch, SIZE_MAX / 2);
    attack->response = calloc(1, sizeof(*attack->response));
    world_open(&attack->world);
    laptop_enrol(&attack->world, "garden", &attack->laptop);
    forger_enrol(&attack->world, "garden", &attack->forger);
    forger_enrol(&attack->world, "other", &attack->stranger);
    attack->laptop.on_the_way = pass_on;
    attack->laptop.on_the_way_context = attack;
    (void)forger_add(&attack->forger, KIND_CAPACITY_STATEMENT, 3);
    cr_assert_eq(forger_send(&attack->forger), ERR_OK, "%s", attack->world.err.message);
    laptop_record(&attack->laptop, 2);
    cr_assert_eq(laptop_sync(&attack->laptop), ERR_OK, "%s", attack->world.err.message);
    laptop_record(&attack->laptop, 1);
    cr_assert_eq(laptop_sync(&attack->laptop), ERR_OK, "%s", attack->world.err.message);
    attack->certificate = buf_slice(&attack->forger.certificate);
}

void attack_end(struct attack *attack)
{
    if (attack->laptop.sending) {
        (void)laptop_sync(&attack->laptop);
    }
    world_verify(&attack->world);
    forger_fini(&attack->stranger);
    forger_fini(&attack->forger);
    laptop_fini(&attack->laptop);
    world_close(&attack->world);
    buf_fini(&attack->bytes);
    buf_fini(&attack->earlier);
    buf_fini(&attack->scratch);
    free(attack->response);
}

/* ---- an answer that is not as it should be ---- */

void attack_next_answer(struct attack *attack)
{
    (void)forger_add(&attack->forger, KIND_CAPACITY_STATEMENT, 2);
    cr_assert_eq(forger_send(&attack->forger), ERR_OK, "%s", attack->world.err.message);
}

void answer_refused(struct attack *attack, const struct hostile_answer *row)
{
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    struct store_verified verified;
    laptop_log_digest(attack, before);
    attack->change = row->change;
    enum err_code rc = laptop_sync(&attack->laptop);
    attack->change = NULL;
    laptop_log_digest(attack, after);
    cr_expect_eq(rc, row->expected, "%s: %s: %s", row->name, err_code_name(rc), attack->world.err.message);
    cr_expect_not_null(strstr(attack->world.err.message, row->says), "%s: %s", row->name, attack->world.err.message);
    cr_expect(strlen(attack->world.err.message) > 10, "%s: no reason", row->name);
    cr_expect_arr_eq(after, before, SHA256_BYTES, "%s: something was kept", row->name);
    op_batch_clear(&attack->stranger.ops);
    cr_expect_eq(laptop_sync(&attack->laptop), ERR_OK, "%s: it does not go on: %s", row->name,
                 attack->world.err.message);
    cr_expect_eq(store_verify(attack->laptop.store, &verified, NULL), ERR_OK);
    cr_expect_eq(verified.ops, 8, "%s: %llu", row->name, (unsigned long long)verified.ops);
}
