/*
 * The floor: what moving the same rows costs when nothing is encrypted at rest, chained, signed or refused. The rows
 * are one table of a plain SQLite file, recorded one by one with a durable commit each; the week is a changeset of
 * SQLite's session extension, zstd-compressed as ours is, posted by the same HTTP client over TLS to the same HTTP
 * server, which applies it to a plain SQLite file (WAL, synchronous FULL) before it answers; a second file gets it from
 * there.
 *
 *     bench_changeset repeated|free [RECORDS]
 */
#define SQLITE_ENABLE_SESSION /* declares the session extension, which Debian's library has */
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "sync/edge/http_client.h"
#include "sync/edge/http_server.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/party.h"
#include "tests/bench/common/process.h"
#include "tests/bench/common/week.h"

#define BODY_MAX ((size_t)64 * 1024 * 1024)

enum { RECORDS = 10000, LEVEL = 5 /* as sync/segment_pack.c */ };

/* ---- the file ---- */

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        bench_die("%s: %s", text, sqlite3_errmsg(db));
    }
}

static sqlite3 *file_open(const char *folder, const char *name)
{
    char path[128];
    sqlite3 *db;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        bench_die("open '%s'", path);
    }
    sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-2048;"
            "CREATE TABLE attendance (placement TEXT NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL,"
            " outcome INTEGER NOT NULL, minutes INTEGER, reason TEXT, note TEXT, actor TEXT NOT NULL,"
            " recorded_at INTEGER NOT NULL, PRIMARY KEY (placement, day, slot)) WITHOUT ROWID");
    return db;
}

static void bind_text_or_null(sqlite3_stmt *s, int at, const char *text)
{
    (void)sqlite3_bind_text(s, at, text != NULL && text[0] != '\0' ? text : NULL, -1, SQLITE_TRANSIENT);
}

static void record_all(sqlite3 *db, enum week_style style, size_t count)
{
    struct week week;
    sqlite3_stmt *s;
    week_begin(&week, style, count, clock_today(clock_wall_ms()));
    if (sqlite3_prepare_v2(db, "INSERT INTO attendance VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, 'bench', ?7)", -1, &s,
                           NULL) != SQLITE_OK) {
        bench_die("prepare: %s", sqlite3_errmsg(db));
    }
    for (size_t i = 0; i < count; i++) {
        struct week_record record;
        char ref[16];
        week_next(&week, &record);
        week_placement_ref(record.placement, ref);
        bind_text_or_null(s, 1, ref);
        (void)sqlite3_bind_int(s, 2, record.day);
        (void)sqlite3_bind_int(s, 3, (int)record.outcome);
        (void)(record.minutes < 0 ? sqlite3_bind_null(s, 4) : sqlite3_bind_int(s, 4, record.minutes));
        bind_text_or_null(s, 5, record.reason);
        bind_text_or_null(s, 6, record.note);
        (void)sqlite3_bind_int64(s, 7, clock_wall_ms());
        if (sqlite3_step(s) != SQLITE_DONE || sqlite3_reset(s) != SQLITE_OK) {
            bench_die("insert: %s", sqlite3_errmsg(db));
        }
    }
    (void)sqlite3_finalize(s);
}

static int never_in_conflict(void *context, int conflict, sqlite3_changeset_iter *iter)
{
    (void)context;
    (void)conflict;
    (void)iter;
    return SQLITE_CHANGESET_ABORT;
}

/* One durable commit. */
static void apply(sqlite3 *db, struct slice frame)
{
    unsigned long long size = ZSTD_getFrameContentSize(frame.data, frame.len);
    if (size > BODY_MAX) {
        bench_die("a changeset of unknown size");
    }
    SCOPED(scoped_free) uint8_t *changes = malloc((size_t)size);
    if (changes == NULL || ZSTD_decompress(changes, (size_t)size, frame.data, frame.len) != size) {
        bench_die("decompress a changeset");
    }
    if (sqlite3changeset_apply(db, (int)size, changes, NULL, never_in_conflict, NULL) != SQLITE_OK) {
        bench_die("apply a changeset: %s", sqlite3_errmsg(db));
    }
}

static void make_frame(sqlite3_session *session, struct buf *out)
{
    int len;
    void *changes;
    if (sqlite3session_changeset(session, &len, &changes) != SQLITE_OK) {
        bench_die("make a changeset");
    }
    MUST(buf_reserve(out, ZSTD_compressBound((size_t)len), err));
    size_t packed = ZSTD_compress(out->data, out->capacity, changes, (size_t)len, LEVEL);
    if (ZSTD_isError(packed)) {
        bench_die("compress: %s", ZSTD_getErrorName(packed));
    }
    out->len = packed;
    sqlite3_free(changes);
}

/* ---- the server: a process of its own ---- */

struct shelf {
    sqlite3 *db;
    struct buf frame;
};

static void serve(void *context, const struct http_request *request)
{
    struct shelf *shelf = context;
    if (strcmp(request->method, "POST") == 0) {
        apply(shelf->db, request->body);
        buf_clear(&shelf->frame);
        MUST(buf_append(&shelf->frame, request->body.data, request->body.len, err));
        http_answer(request->exchange, 200, "application/octet-stream", slice_of("ok", 2), NULL);
        return;
    }
    http_answer(request->exchange, 200, "application/octet-stream", buf_slice(&shelf->frame), NULL);
}

static _Noreturn void server_run(const char *folder, struct party *party, const char *ca_pem, int port_fd)
{
    struct shelf shelf = { .db = file_open(folder, "server.db") };
    struct http_server *server;
    struct buf key;
    uv_loop_t loop;
    buf_init(&shelf.frame, BODY_MAX);
    party_key_text(party, &key);
    CHECK(uv_loop_init(&loop) == 0);
    struct http_server_options options = { .host = "127.0.0.1",
                                           .certificate_pem = (const char *)party->certificate_pem.data,
                                           .key_pem = (const char *)key.data,
                                           .ca_pem = ca_pem,
                                           .body_max = BODY_MAX,
                                           .connections_max = 8,
                                           .idle_timeout_s = 60,
                                           .handler = serve,
                                           .context = &shelf };
    MUST(http_server_start(&loop, &options, &server, err));
    uint16_t port = http_server_port(server);
    CHECK(write(port_fd, &port, sizeof(port)) == sizeof(port));
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    _exit(0);
}

static uint16_t server_start(const char *folder, struct party *party, const char *ca_pem, struct process *ret_process)
{
    int ends[2];
    uint16_t port;
    pid_t parent = getpid();
    CHECK(pipe(ends) == 0);
    ret_process->pid = fork();
    CHECK(ret_process->pid >= 0);
    if (ret_process->pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
            _exit(1);
        }
        server_run(folder, party, ca_pem, ends[1]);
    }
    (void)close(ends[1]);
    CHECK(read(ends[0], &port, sizeof(port)) == sizeof(port));
    (void)close(ends[0]);
    return port;
}

/* ---- the client ---- */

struct transfer {
    uv_loop_t *loop;
    struct buf *answer; /* NULL: not kept */
    uint64_t bytes;     /* both ways, TLS included */
    bool done;
};

static void on_done(void *context, const struct http_result *result)
{
    struct transfer *transfer = context;
    if (result->outcome != ERR_OK || result->status != 200) {
        bench_die("the floor's request: %s (status %ld)", result->error.message, result->status);
    }
    if (transfer->answer != NULL) {
        MUST(buf_append(transfer->answer, result->body.data, result->body.len, err));
    }
    transfer->bytes = result->bytes_sent + result->bytes_received;
    transfer->done = true;
}

/* One request over a new connection, as the first of an exchange is. */
static uint64_t request(const struct http_client_options *options, const char *url, struct slice body,
                        struct buf *answer)
{
    uv_loop_t loop;
    struct http_client *client;
    struct transfer transfer = { .loop = &loop, .answer = answer };
    struct http_post post = { .url = url, .content_type = "application/octet-stream", .body = body };
    CHECK(uv_loop_init(&loop) == 0);
    MUST(http_client_start(&loop, options, &client, err));
    http_client_post(client, &post, on_done, &transfer);
    while (!transfer.done) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    http_client_stop(client, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    return transfer.bytes;
}

/* ---- the week ---- */

struct floor_run {
    const char *style;
    size_t count;
    struct process server;
    struct http_client_options client;
    char url[64];
};

static void both_cpu(const struct floor_run *run, const char *key, double client_s, double server_s)
{
    bench_value(key, run->style, BENCH_FLOOR, (client_s + server_s) / (double)run->count * 1e6);
}

static void push(const struct floor_run *run, sqlite3_session *session)
{
    struct buf frame;
    buf_init(&frame, BODY_MAX);
    double server_s = process_cpu_s(&run->server);
    struct stopwatch asked = stopwatch_start();
    make_frame(session, &frame);
    struct stopwatch watch = stopwatch_start();
    uint64_t bytes = request(&run->client, run->url, buf_slice(&frame), NULL);
    bench_value("push_ops", run->style, BENCH_FLOOR, (double)run->count / stopwatch_wall_s(watch));
    bench_value("push_asked_ops", run->style, BENCH_FLOOR, (double)run->count / stopwatch_wall_s(asked));
    bench_value("push_bytes", run->style, BENCH_FLOOR, (double)bytes / (double)run->count);
    both_cpu(run, "push_cpu_us", stopwatch_cpu_s(asked), process_cpu_s(&run->server) - server_s);
    buf_fini(&frame);
}

static void pull(const struct floor_run *run, const char *folder)
{
    struct buf frame;
    buf_init(&frame, BODY_MAX);
    sqlite3 *db = file_open(folder, "second.db");
    double server_s = process_cpu_s(&run->server);
    struct stopwatch watch = stopwatch_start();
    uint64_t bytes = request(&run->client, run->url, slice_of(NULL, 0), &frame);
    apply(db, buf_slice(&frame));
    bench_value("pull_ops", run->style, BENCH_FLOOR, (double)run->count / stopwatch_wall_s(watch));
    bench_value("pull_bytes", run->style, BENCH_FLOOR, (double)bytes / (double)run->count);
    both_cpu(run, "pull_cpu_us", stopwatch_cpu_s(watch), process_cpu_s(&run->server) - server_s);
    (void)sqlite3_close(db);
    buf_fini(&frame);
}

static void week_run(const struct floor_run *run, const char *folder, enum week_style style)
{
    sqlite3 *db = file_open(folder, "first.db");
    sqlite3_session *session;
    if (sqlite3session_create(db, "main", &session) != SQLITE_OK ||
        sqlite3session_attach(session, "attendance") != SQLITE_OK) {
        bench_die("begin a session");
    }
    struct stopwatch watch = stopwatch_start();
    record_all(db, style, run->count);
    bench_value("record_rps", run->style, BENCH_FLOOR, (double)run->count / stopwatch_wall_s(watch));
    bench_value("record_cpu_us", run->style, BENCH_FLOOR, stopwatch_cpu_s(watch) / (double)run->count * 1e6);
    push(run, session);
    pull(run, folder);
    sqlite3session_delete(session);
    (void)sqlite3_close(db);
}

int main(int argc, char **argv)
{
    enum week_style style;
    if (argc < 2 || !week_style_parse(argv[1], &style)) {
        bench_die("usage: bench_changeset repeated|free [RECORDS]");
    }
    size_t count = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : RECORDS;
    if (count == 0 || count > WEEK_RECORDS_MAX) {
        bench_die("bench_changeset: expected 1 to %d records", WEEK_RECORDS_MAX);
    }
    char folder[96];
    struct party party[2];
    struct buf ca_pem;
    bench_folder_make(folder);
    parties_make(party, &ca_pem);
    struct floor_run run = { .style = argv[1], .count = count };
    uint16_t port = server_start(folder, &party[0], (const char *)ca_pem.data, &run.server);
    (void)snprintf(run.url, sizeof(run.url), "https://127.0.0.1:%u/changeset", port);
    run.client = (struct http_client_options){ .ca_pem = (const char *)ca_pem.data,
                                               .certificate_pem = (const char *)party[1].certificate_pem.data,
                                               .key_pem = slice_of(party[1].key_pem.bytes, party[1].key_pem.len),
                                               .connect_timeout_s = 20,
                                               .response_max = BODY_MAX };
    week_run(&run, folder, style);
    (void)kill(run.server.pid, SIGKILL); /* it holds nothing that is wanted */
    (void)process_running(&run.server);
    party_fini(&party[0]);
    party_fini(&party[1]);
    buf_fini(&ca_pem);
    bench_folder_remove(folder);
    return 0;
}
