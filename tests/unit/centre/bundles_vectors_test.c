/*
 * Bundles in both directions, in whatever order they are carried: tests/vectors/bundles.py opens each and says by the
 * document alone what comes of it. Written anew with VECTORS_TO=tests/vectors.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "lines.h"
#include "stick.h"
#include "store/centre/tables.h"
#include "sync/bundle.h"
#include "sync/endpoint/core/private.h"

enum { LAPTOPS = 2, FILES_MAX = 64, NAME_MAX_BYTES = 32, CHUNKS_MAX = 16 };

struct file {
    char name[NAME_MAX_BYTES];
    struct buf bytes;
};

static const char *const names[LAPTOPS] = { "first", "second" };
static struct centre_world world;
static struct laptop laptops[LAPTOPS];
static struct buf text;
static struct file files[FILES_MAX];
static size_t file_count;

static void put_key(const char *name, const struct device_key *key)
{
    struct secret pkcs8 = { 0 };
    cr_assert_eq(device_key_export(key, &pkcs8, &world.err), ERR_OK, "%s", world.err.message);
    lines_put(&text, "key %s", name);
    lines_put_bytes(&text, "", slice_of(pkcs8.bytes, pkcs8.len));
    secret_wipe(&pkcs8, sizeof(pkcs8));
}

static void begin(void)
{
    world_open(&world);
    buf_init(&text, 1024 * 1024);
    for (size_t i = 0; i < LAPTOPS; i++) {
        laptop_enrol(&world, "garden", &laptops[i]);
    }
    lines_put_bytes(&text, "stream", slice_of(laptops[0].identity.stream, STREAM_ID_BYTES));
    lines_put_bytes(&text, "authority", centre_authority_certificate(world.centre));
    put_key("centre", world.centre->signing_key);
    for (size_t i = 0; i < LAPTOPS; i++) {
        put_key(names[i], laptops[i].key);
    }
}

static void end(void)
{
    for (size_t i = 0; i < file_count; i++) {
        buf_fini(&files[i].bytes);
    }
    for (size_t i = 0; i < LAPTOPS; i++) {
        laptop_fini(&laptops[i]);
    }
    world_close(&world);
    buf_fini(&text);
}

TestSuite(bundles_vectors, .init = begin, .fini = end, .timeout = 120);

/* Files are named by who made them and their number there: "first-3"; for the centre's "for-first-1". */
static const struct file *add_file(const char *maker, struct buf bytes)
{
    cr_assert_lt(file_count, FILES_MAX);
    struct file *file = &files[file_count++];
    file->bytes = bytes;
    (void)snprintf(file->name, sizeof(file->name), "%s-%zu", maker, file_count);
    lines_put(&text, "file %s", file->name);
    lines_put_bytes(&text, "", buf_slice(&bytes));
    return file;
}

static const struct file *up(size_t laptop)
{
    return add_file(names[laptop], stick_from_laptop(&laptops[laptop]));
}

static const struct file *down(size_t laptop)
{
    struct buf file;
    char maker[NAME_MAX_BYTES / 2];
    (void)snprintf(maker, sizeof(maker), "for-%s", names[laptop]);
    cr_assert_eq(stick_from_centre(&laptops[laptop], false, &file), ERR_OK, "%s", world.err.message);
    return add_file(maker, file);
}

static const char *word_of(enum err_code rc)
{
    return rc == ERR_OK ? "whole" : rc == ERR_DAMAGED ? "damaged" : "refused";
}

static void give_centre_part(const struct file *file, size_t len)
{
    struct centre_bundle_taken taken;
    const char *word = word_of(stick_to_centre(&world, slice_of(file->bytes.data, len), &taken));
    lines_put(&text, "give %s centre %zu %s messages=%llu new=%llu\n", file->name, len, word,
              (unsigned long long)taken.messages, (unsigned long long)taken.new_ops);
}

static void give_part(const struct file *file, size_t laptop, size_t len)
{
    struct device_bundle_taken taken;
    struct store_sync sync;
    struct laptop *to = &laptops[laptop];
    const char *word = word_of(stick_to_laptop(to, slice_of(file->bytes.data, len), &taken));
    cr_assert_eq(store_sync_read(to->store, &sync, &world.err), ERR_OK);
    lines_put(&text, "give %s %s %zu %s held=%llu new=%llu cursor=%llu pending=%llu again=%d\n", file->name,
              names[laptop], len, word, (unsigned long long)taken.held, (unsigned long long)taken.new_ops,
              (unsigned long long)sync.cursor, (unsigned long long)sync.pending_ops, taken.ask_again);
}

static void give_centre(const struct file *file)
{
    give_centre_part(file, file->bytes.len);
}

static void give(const struct file *file, size_t laptop)
{
    give_part(file, laptop, file->bytes.len);
}

/* Where the chunk from 0 begins; the file's end for the one after the last. */
static size_t chunk_at(const struct file *file, size_t chunk)
{
    size_t at = BUNDLE_HEAD_BYTES;
    while (chunk-- > 0 && at < file->bytes.len) {
        at += BUNDLE_FRAME_BYTES + get_be32(file->bytes.data + at + 1);
    }
    return at;
}

/* Its second and third chunk stand in each other's place. */
static const struct file *mix(const struct file *file)
{
    static const size_t order[] = { 0, 2, 1, 3 };
    struct buf mixed;
    buf_init(&mixed, STICK_FILE_MAX);
    cr_assert_eq(buf_append(&mixed, file->bytes.data, BUNDLE_HEAD_BYTES, NULL), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        size_t at = chunk_at(file, order[i]);
        cr_assert_eq(buf_append(&mixed, file->bytes.data + at, chunk_at(file, order[i] + 1) - at, NULL), ERR_OK);
    }
    return add_file("mixed", mixed);
}

static void late_and_doubled(void)
{
    laptop_record(&laptops[0], 10);
    const struct file *early = up(0);
    laptop_record(&laptops[0], 10);
    const struct file *late = up(0);
    give_centre(late);
    give_centre(early);
    (void)down(0); /* to what the early one asks */
    give_centre(late);
    give(early, 1); /* to the wrong end */
    const struct file *old = down(0);
    laptop_record(&laptops[1], 5);
    give_centre(up(1));
    const struct file *new = down(0);
    give(new, 0);
    give(old, 0);
    give(new, 0);
    give(new, 1);
    give_centre(new);
}

static void one_is_missing(void)
{
    const struct file *whole = down(0); /* answers what the laptop asked before it had anything */
    give_centre(up(0));
    laptop_record(&laptops[1], 5);
    give_centre(up(1));
    const struct file *rest = down(0);
    give(rest, 0);
    cr_assert_eq(store_read_again(laptops[0].store, &world.err), ERR_OK, "%s", world.err.message);
    lines_put(&text, "again first\n");
    give(rest, 0);
    give(whole, 0); /* older than what was heard */
    give_centre(up(0));
    give(down(0), 0);
}

/* Two incarnations have something to send, so there are several messages. */
static void cut_and_mixed(void)
{
    laptop_record(&laptops[0], 6);
    laptop_save(&laptops[0]);
    laptop_restore(&laptops[0]);
    laptop_record(&laptops[0], 4);
    const struct file *to = up(0);
    give_centre(mix(to));
    give_centre_part(to, chunk_at(to, 2) + 100);
    give(down(0), 0);
    give_centre(to);
    const struct file *from = down(0);
    give_part(from, 0, chunk_at(from, 2) + 100);
    give(from, 0);
    give_centre(up(0));
    give(down(0), 0);
}

/* Of the incarnation that it records under. */
static void put_refused(void)
{
    uint64_t seqs[EXCHANGE_REFUSALS_MAX];
    size_t count;
    struct store_sync sync;
    struct store *store = laptops[0].store;
    cr_assert_eq(store_sync_read(store, &sync, &world.err), ERR_OK);
    cr_assert_eq(store_refused_read(store, sync.recording, seqs, EXCHANGE_REFUSALS_MAX, &count, &world.err), ERR_OK);
    lines_put(&text, "holds first %s", count == 0 ? "-" : "");
    for (size_t i = 0; i < count; i++) {
        lines_put(&text, "%s%llu", i == 0 ? "" : ",", (unsigned long long)seqs[i]);
    }
    lines_put(&text, "\n");
}

static void put_refusing(void)
{
    lines_put_seqs(&text, "refuses first", &world.centre->store->db,
                   "SELECT seq FROM op WHERE quarantine IS NOT NULL ORDER BY seq");
}

/* The centre refuses one; later it takes it. */
static void refused_and_taken(void)
{
    laptop_record(&laptops[0], 3); /* 5 to 7 of the newest author */
    give_centre(up(0));
    world_refuse(&world, "seq = 6 AND author = (SELECT max(author) FROM op)");
    put_refusing();
    give(down(0), 0);
    put_refused();
    give_centre(up(0));
    give(down(0), 0);
    put_refused();
    world_retry(&world);
    put_refusing();
    give(down(0), 0);
    put_refused();
}

/* For one file, and then it is put right: what the files after it say counts, and they are the newest from then on. */
static void centres_clock_ahead(void)
{
    world.now_ms += 30 * DAYS_MS;
    give(down(0), 0);
    const struct file *ahead = down(0);
    world.now_ms -= 30 * DAYS_MS;
    give_centre(up(0));
    for (int i = 0; i < 2; i++) {
        laptop_record(&laptops[0], 1);
        give_centre(up(0));
        give(down(0), 0);
    }
    give(ahead, 0); /* as if a centre had been put back: nobody can tell */
    for (int i = 0; i < 2; i++) {
        give_centre(up(0));
        give(down(0), 0);
    }
}

/* The second time the laptop records under another incarnation than the one that is lost. */
static void put_back_twice(void)
{
    give_centre(up(1));
    give(down(1), 1);
    world_save(&world);
    lines_put(&text, "copy centre\n");
    laptop_record(&laptops[1], 4);
    give_centre(up(1));
    give(down(1), 1);
    for (int i = 0; i < 2; i++) {
        world_put_back(&world);
        lines_put(&text, "back centre\n");
        for (int trip = 0; trip < 4; trip++) {
            give_centre(up(1));
            give(down(1), 1);
        }
        cr_assert_eq(world_ops(&world, "garden"), 49);
    }
}

Test(bundles_vectors, a_reader_by_the_document_alone_says_what_comes_of_each_file)
{
    const struct file *hello = down(0);
    give(hello, 1);
    give(hello, 0);
    give(down(1), 1);
    late_and_doubled();
    one_is_missing();
    cut_and_mixed();
    refused_and_taken();
    centres_clock_ahead();
    put_back_twice();
    lines_judge(&text, &world, "bundles");
}
