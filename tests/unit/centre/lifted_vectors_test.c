/*
 * A device and a centre that takes later what it refused: tests/vectors/lifted.py follows both by the document alone.
 * Written anew with VECTORS_TO=tests/vectors.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lines.h"
#include "store/centre/tables.h"
#include "store/replica.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct laptop laptop;
static struct buf text;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
    buf_init(&text, 1024 * 1024);
}

static void end(void)
{
    laptop_fini(&laptop);
    world_close(&world);
    buf_fini(&text);
}

TestSuite(lifted_vectors, .init = begin, .fini = end, .timeout = 60);

/* What the query finds, in one line. */
static void put_seqs(const char *name, struct database *db, const char *sql)
{
    sqlite3_stmt *s;
    bool row;
    lines_put(&text, "%s", name);
    const char *before = " ";
    cr_assert_eq(db_statement(db, sql, &s, &world.err), ERR_OK, "%s", world.err.message);
    for (;;) {
        cr_assert_eq(db_step(db, s, &row, &world.err), ERR_OK, "%s", world.err.message);
        if (!row) {
            break;
        }
        lines_put(&text, "%s%lld", before, (long long)column_int(s, 0));
        before = ",";
    }
    lines_put(&text, "%s\n", *before == ' ' ? " -" : "");
}

static void lose(void *context, struct buf *answer)
{
    (void)context;
    buf_clear(answer);
}

static void note(void *context, struct buf *answer)
{
    (void)context;
    lines_put_bytes(&text, "request", buf_slice(&laptop.request));
    put_seqs("refuses", &world.centre->store->db, "SELECT seq FROM op WHERE quarantine IS NOT NULL ORDER BY seq");
    lines_put_bytes(&text, "answer", buf_slice(answer));
}

/* Its ids go on from one record to the next of an author, the only one here. */
static void put_held(const char *name)
{
    put_seqs(name, &laptop.store->db,
             "SELECT id - (SELECT min(id) FROM op) + 1 FROM op WHERE quarantine IS NOT NULL ORDER BY id");
}

static void exchange(void)
{
    laptop.on_the_way = note;
    client_wake(laptop.client, CLIENT_WAKE_PERSON);
    while (laptop.sending) {
        laptop_deliver(&laptop);
        put_held("holds");
    }
    laptop.on_the_way = NULL;
}

static void change(struct database *db, const char *sql)
{
    cr_assert_eq(db_exec(db, sql, &world.err), ERR_OK, "%s", world.err.message);
}

/* As an older version would have: nothing that it does not know counts. The answer is lost: the next one tells of it.
 */
static void record_refused(size_t count, const char *which)
{
    char sql[512];
    laptop_record(&laptop, count);
    laptop.on_the_way = lose;
    cr_assert_neq(laptop_sync(&laptop), ERR_OK);
    (void)snprintf(sql, sizeof(sql),
                   "DROP TRIGGER op_taken_stays; UPDATE op SET quarantine = 'by older rules' WHERE %s;"
                   "CREATE TRIGGER op_taken_stays BEFORE UPDATE OF quarantine ON op WHEN OLD.quarantine IS NULL "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END",
                   which);
    change(&world.centre->store->db, sql);
    exchange();
}

static void centre_takes(uint64_t seq)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "UPDATE op SET quarantine = NULL WHERE seq = %llu", (unsigned long long)seq);
    change(&world.centre->store->db, sql);
    exchange();
}

static void centre_takes_all(void)
{
    json_decref(world_admin(&world, "quarantine-retry", NULL));
    exchange();
}

Test(lifted_vectors, a_reader_by_the_document_alone_holds_as_refused_what_the_device_does)
{
    record_refused(4, "seq IN (2, 3)");
    exchange();
    centre_takes(3);
    change(&laptop.store->db, "UPDATE op SET quarantine = 'by its own rules' WHERE id = (SELECT min(id) + 3 FROM op)");
    put_held("aside");
    exchange();
    centre_takes_all(); /* what it set aside itself is judged again, too */
    record_refused(3, "seq = 6");
    record_refused(EXCHANGE_REFUSALS_MAX + 20, "seq > 7");
    exchange();
    centre_takes(6);
    exchange();
    centre_takes_all();
    exchange();
    lines_judge(&text, &world, "lifted");
}
