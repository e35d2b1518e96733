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

static void note(void *context, struct buf *answer)
{
    (void)context;
    lines_put_bytes(&text, "request", buf_slice(&laptop.request));
    lines_put_seqs(&text, "refuses", &world.centre->store->db,
                   "SELECT seq FROM op WHERE quarantine IS NOT NULL ORDER BY seq");
    lines_put_bytes(&text, "answer", buf_slice(answer));
}

/* Its ids go on from one record to the next of an author, the only one here. */
static void put_held(const char *name)
{
    lines_put_seqs(&text, name, &laptop.store->db,
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

static void record_refused(size_t count, const char *which)
{
    laptop_record_refused(&laptop, count, which);
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
    world_retry(&world);
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
