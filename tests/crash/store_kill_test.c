/*
 * A process that records and takes what an exchange brings is killed at a random moment, again and again.
 *
 *     parent: fork ─► wait a random moment ─► kill -9 ─► read what was reported ─► now and then open and check
 *     child:  open ─► READY ─► write a batch ─► WROTE ─► take a piece of the peer's log ─► TOOK ─► ...
 *
 * What was reported before the kill has to be there, once; what was not is there whole or not at all, and is asked for
 * again by the next child, as a person would. The peer's log is held exactly up to the cursor. So a reader of the log
 * can tell a lost record, a doubled one, half a batch, and a cursor that ran ahead of its records or stayed behind.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "chance.h"
#include "child.h"
#include "world.h"

enum {
    KILLS = 100,
    PLACEMENTS = 8,
    PLACEMENT_DAYS = 170,
    PEER_OPS = 1200,
    PIECES_MAX = PEER_OPS,
    BATCH_MAX = 12,
    BATCHES_MAX = 20000,
    TOKENS_MAX = BATCHES_MAX * BATCH_MAX,
    CHECK_EVERY = 3,
    VERIFY_EVERY = 15,
    REPORTS_MAX = 16,   /* before a kill */
    OPENING_US = 20000, /* about what opening takes under the sanitizers */
    WORKING_US = 4000,  /* about what a batch takes */
};

enum report_kind { READY = 1, WROTE, TOOK };

struct report {
    uint32_t kind;
    uint32_t batch;   /* WROTE */
    uint64_t seq;     /* WROTE: of its last record */
    uint64_t cursor;  /* TOOK */
    uint64_t receipt; /* TOOK: own ops acknowledged with it */
};

static struct chance chance;
static struct world world;
static struct replica victim;
static struct replica peer;
static int64_t now;

static uint32_t tokens_before[BATCHES_MAX + 1]; /* batch b holds the tokens from [b] to [b + 1] - 1 */

/* The peer's log in pieces; a cursor is the number of its ops taken. */
static struct op_batch peer_log;
static struct store_seed peer_seeds[PEER_OPS / OP_SALT_BLOCK + 1];
static size_t piece_ends[PIECES_MAX];
static struct store_run piece_signed[PIECES_MAX]; /* the peer's signature over each */
static size_t piece_count;

/* What the reports of all children say. */
static uint32_t batches_reported;
static uint64_t cursor_reported;
static uint64_t receipt_reported;
static uint64_t seq_reported;

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        cr_assert_eq((call), ERR_OK, "%s: %s", #call, must_err_.message);                                              \
    } while (0)

/* ---- what is written ---- */

static void entry_of_token(struct store_entry *entry, uint32_t token, char *note, size_t note_size)
{
    char ref[16];
    char day[DATE_TEXT_SIZE];
    (void)snprintf(ref, sizeof(ref), "P-%u", token % PLACEMENTS);
    date_format(day_of("2026-06-01") + (int32_t)(token / PLACEMENTS % PLACEMENT_DAYS), day);
    (void)snprintf(note, note_size, "token %u.", token);
    entry_attendance(&world, entry, ref, day, 0, OUTCOME_ATTENDED, -1, note);
}

static void plan_batches(void)
{
    for (uint32_t batch = 0; batch < BATCHES_MAX; batch++) {
        uint32_t size = chance_below(&chance, 3) == 0 ? 1 + chance_below(&chance, BATCH_MAX) : 1;
        tokens_before[batch + 1] = tokens_before[batch] + size;
    }
}

static void write_people(void)
{
    for (int i = 0; i < PLACEMENTS; i++) {
        char person[16];
        char ref[16];
        struct store_entry entry;
        (void)snprintf(person, sizeof(person), "GDN-%d", i);
        (void)snprintf(ref, sizeof(ref), "P-%d", i);
        entry_participant(&world, &entry, person, "Test Alder");
        replica_write(&victim, &entry, now);
        entry_placement(&world, &entry, ref, person, "mandatory", "2026-06-01", "2026-11-27", "Mon-Fri 09:30-15:30");
        replica_write(&victim, &entry, now);
    }
}

static void write_peer_log(void)
{
    struct error err = { 0 };
    cr_assert_eq(replica_carry(&victim, 0, SIZE_MAX, &peer, &err), ERR_OK, "%s", err.message);
    for (uint32_t i = 0; i < PEER_OPS; i++) {
        struct store_entry entry;
        char note[32];
        entry_of_token(&entry, i, note, sizeof(note));
        record_set_text(&entry.record, "note", "as the other laptop has it");
        replica_write(&peer, &entry, now);
    }
    op_batch_init(&peer_log);
    MUST(store_own_ops(peer.store, peer.identity.incarnation, 0, SIZE_MAX, SIZE_MAX, &peer_log, err));
    cr_assert_eq(peer_log.count, PEER_OPS);
    for (size_t block = 0; block < ARRAY_LEN(peer_seeds); block++) {
        peer_seeds[block].block = block;
        MUST(store_salt_seed(peer.store, peer.identity.device, peer.identity.incarnation, block, peer_seeds[block].seed,
                             err));
    }
    for (size_t end = 0; end < peer_log.count;) {
        end += 1 + chance_below(&chance, 8);
        end = end < peer_log.count ? end : peer_log.count;
        replica_sign(&peer, &peer_log.ops[end - 1].id, &piece_signed[piece_count]);
        piece_ends[piece_count++] = end;
    }
}

static void start(void)
{
    chance = chance_begin("crash_store");
    now = clock_wall_ms();
    world_init(&world);
    replica_start(&world, &victim, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &peer, CERTIFICATE_ROLE_AGENT);
    write_people();
    write_peer_log();
    plan_batches();
    replica_close_files(&victim);
    replica_close_files(&peer);
}

static void stop(void)
{
    op_batch_fini(&peer_log);
    replica_stop(&victim);
    replica_stop(&peer);
    world_fini(&world);
}

TestSuite(store_kill, .init = start, .fini = stop);

/* ---- the child ---- */

static void child_must(enum err_code rc, const char *what, const struct error *err)
{
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "child: %s: %s\n", what, err->message);
        _exit(9);
    }
}

static void tell(int fd, struct report report)
{
    if (write(fd, &report, sizeof(report)) != (ssize_t)sizeof(report)) {
        _exit(8);
    }
}

static void child_write(int fd, uint32_t batch)
{
    struct store_entry entries[BATCH_MAX];
    char notes[BATCH_MAX][32];
    size_t count = tokens_before[batch + 1] - tokens_before[batch];
    for (uint32_t i = 0; i < count; i++) {
        entry_of_token(&entries[i], tokens_before[batch] + i, notes[i], sizeof(notes[i]));
    }
    struct store_written written;
    struct error err;
    child_must(store_write(victim.store, "tester", entries, count, clock_wall_ms(), &written, &err), "write", &err);
    tell(fd, (struct report){ .kind = WROTE, .batch = batch, .seq = written.last.seq });
}

/* The next piece of the peer's log, with a receipt for some of our own. */
static void child_take(int fd)
{
    struct store_sync sync;
    struct error err;
    child_must(store_sync_read(victim.store, &sync, &err), "read the state", &err);
    size_t piece = 0;
    while (piece < piece_count && piece_ends[piece] <= sync.cursor) {
        piece++;
    }
    if (piece == piece_count) {
        return;
    }
    size_t from = (size_t)sync.cursor;
    struct store_run run = piece_signed[piece];
    run.ops = (struct op_batch){ .ops = peer_log.ops + from, .count = piece_ends[piece] - from };
    run.seeds = peer_seeds;
    run.seed_count = ARRAY_LEN(peer_seeds);
    run.certificate = buf_slice(&peer.identity.certificate);
    struct store_receipt receipt = { .incarnation = sync.incarnation, .acked_seq = sync.newest_seq };
    struct store_order order = { .run = 0, .count = (uint32_t)run.ops.count };
    struct store_exchange exchange = { .runs = &run,
                                       .run_count = 1,
                                       .placed = true,
                                       .from = from,
                                       .cursor = piece_ends[piece],
                                       .head = OP_SEQ_MAX,
                                       .order = &order,
                                       .order_count = 1,
                                       .receipt = &receipt,
                                       .received_at_ms = clock_wall_ms() };
    struct store_applied applied;
    child_must(store_apply(victim.store, &exchange, &applied, &err), "take", &err);
    tell(fd, (struct report){ .kind = TOOK, .cursor = exchange.cursor, .receipt = sync.newest_seq });
}

static void child_run(int fd)
{
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, world_vault_key, sizeof(world_vault_key) };
    struct store_options options = { .cache_kib = 512, .programme = programme_default() };
    struct error err;
    child_must(vault_open(victim.path, &unlock, &victim.vault, &err), "open the vault", &err);
    child_must(store_open(victim.vault, &options, &victim.store, &err), "open the store", &err);
    tell(fd, (struct report){ .kind = READY });
    for (uint32_t batch = batches_reported; batch < BATCHES_MAX; batch++) {
        child_write(fd, batch);
        if (chance_below(&chance, 3) == 0) {
            child_take(fd);
        }
    }
    _exit(7);
}

/* ---- the parent ---- */

static bool hear(int fd, struct report *report)
{
    ssize_t got;
    do {
        got = read(fd, report, sizeof(*report));
    } while (got < 0 && errno == EINTR);
    cr_assert(got == 0 || got == (ssize_t)sizeof(*report), "half a report of %zd bytes", got);
    return got != 0;
}

static void note_report(const struct report *report)
{
    if (report->kind == WROTE) {
        cr_assert_eq(report->batch, batches_reported);
        batches_reported = report->batch + 1;
        seq_reported = report->seq > seq_reported ? report->seq : seq_reported;
    } else if (report->kind == TOOK) {
        cursor_reported = report->cursor;
        receipt_reported = report->receipt;
    }
}

static void kill_once(void)
{
    int fd;
    bool while_opening = chance_below(&chance, 5) == 0;
    pid_t child = child_start(child_run, &fd);
    struct report report;
    uint32_t reports = while_opening ? 0 : 1 + chance_below(&chance, REPORTS_MAX);
    for (uint32_t i = 0; i < reports; i++) {
        cr_assert(hear(fd, &report), "the child ended by itself");
        note_report(&report);
    }
    pause_us(chance_below(&chance, while_opening ? OPENING_US : WORKING_US));
    child_kill(child);
    while (hear(fd, &report)) {
        note_report(&report);
    }
    (void)close(fd);
}

/* ---- what must hold after a kill ---- */

struct held {
    uint8_t times[TOKENS_MAX]; /* each token in the log */
    uint64_t own;
    uint64_t of_peer;
};

static void count_row(const struct log_row *row, struct held *held)
{
    cr_assert_str_empty(row->quarantine);
    held->own += row->own;
    held->of_peer += !row->own;
    static const char word[] = "token ";
    char text[64] = "";
    for (size_t i = 0; row->own && i + sizeof(word) - 1 < row->body.len; i++) {
        if (memcmp(row->body.data + i, word, sizeof(word) - 1) == 0) {
            size_t len = row->body.len - i < sizeof(text) - 1 ? row->body.len - i : sizeof(text) - 1;
            memcpy(text, row->body.data + i, len);
            break;
        }
    }
    if (text[0] != '\0') {
        unsigned long token = strtoul(text + sizeof(word) - 1, NULL, 10);
        cr_assert_lt(token, TOKENS_MAX);
        held->times[token]++;
    }
}

static void check_tokens(const struct held *held)
{
    for (uint32_t token = 0; token < tokens_before[batches_reported]; token++) {
        cr_assert_eq(held->times[token], 1, "record %u was reported as kept and is there %u times", token,
                     held->times[token]);
    }
    uint32_t first = tokens_before[batches_reported];
    uint32_t next = tokens_before[batches_reported + 1];
    for (uint32_t token = first; token < TOKENS_MAX; token++) {
        unsigned expected = token < next ? held->times[first] : 0;
        cr_assert(held->times[token] == expected && expected <= 1, "record %u of the batch from %u is there %u times",
                  token, first, held->times[token]);
    }
}

static void check_victim(bool verify)
{
    static struct held held;
    replica_open_files(&victim);
    struct log_list log;
    struct store_sync sync;
    held = (struct held){ 0 };
    MUST(query_log(victim.store, NULL, 0, false, SIZE_MAX, &log, err));
    for (size_t i = 0; i < log.count; i++) {
        count_row(&log.rows[i], &held);
    }
    log_list_fini(&log);
    check_tokens(&held);
    MUST(store_sync_read(victim.store, &sync, err));
    cr_assert_eq(sync.newest_seq, held.own);
    cr_assert_geq(sync.newest_seq, seq_reported);
    cr_assert_eq(sync.cursor, held.of_peer, "the cursor says %llu, %llu records of the peer are held",
                 (unsigned long long)sync.cursor, (unsigned long long)held.of_peer);
    cr_assert_geq(sync.cursor, cursor_reported);
    cr_assert_geq(sync.acked_seq, receipt_reported);
    if (verify) {
        struct store_verified verified;
        MUST(store_verify(victim.store, &verified, err));
    }
    replica_close_files(&victim);
}

static void check_both_converge(void)
{
    char one[2 * SHA256_BYTES + 1];
    char two[2 * SHA256_BYTES + 1];
    replica_open_files(&victim);
    replica_open_files(&peer);
    MUST(replica_carry(&peer, 0, SIZE_MAX, &victim, err));
    MUST(replica_carry(&victim, 0, SIZE_MAX, &peer, err));
    replica_digest(&victim, one);
    replica_digest(&peer, two);
    cr_assert_str_eq(one, two);
    replica_close_files(&victim);
    replica_close_files(&peer);
}

Test(store_kill, what_was_reported_is_there_once_however_often_the_process_is_killed)
{
    unsigned kills = chance_kills(KILLS);
    for (unsigned i = 1; i <= kills; i++) {
        kill_once();
        if (i % CHECK_EVERY == 0 || i == kills) {
            check_victim(i % VERIFY_EVERY == 0 || i == kills);
        }
    }
    (void)fprintf(stderr, "crash_store: %u kills, %u records reported in %u batches, cursor %llu\n", kills,
                  tokens_before[batches_reported], batches_reported, (unsigned long long)cursor_reported);
    cr_assert_gt(batches_reported, kills / 2, "too little was written between the kills to prove anything");
    check_both_converge();
}
