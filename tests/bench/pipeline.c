/*
 * Where the time of an exchange goes: the same functions as in holdfastd and holdfast-endpoint, one after the other in
 * one process, without network, TLS and HTTP. CPU time per op of each stage, for a push and for a pull by a fresh
 * replica.
 *
 *     bench_pipeline [repeated|free] [RECORDS] [OPS_PER_REQUEST]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/exchange.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/site.h"

enum { RECORDS = 10000, BATCH = 4000, SEEDS_MAX = OP_BATCH_OPS_MAX / OP_SALT_BLOCK + 2, READ_MAX = 4 * 1024 * 1024 };

enum stage { READ_OWN, LINK, ENCODE, DECODE, APPEND, PAGE, ENCODE_PAGE, DECODE_PAGE, APPLY, STAGES };

static const char *const stage_names[STAGES] = {
    [READ_OWN] = "push_read_own",    [LINK] = "push_sign",
    [ENCODE] = "push_encode",        [DECODE] = "push_decode",
    [APPEND] = "push_centre_append", [PAGE] = "pull_centre_page",
    [ENCODE_PAGE] = "pull_encode",   [DECODE_PAGE] = "pull_decode",
    [APPLY] = "pull_apply",
};

struct pipeline {
    struct authority *authority;
    struct bench_centre centre;
    struct bench_site one;
    struct bench_site two;
    size_t batch;
    double cpu_s[STAGES];
    double wall_s[2]; /* of push and pull */
    uint64_t ops[2];
    uint64_t bytes[2];
};

static void lap(struct pipeline *p, enum stage stage, double *since)
{
    double now = bench_cpu_self_s();
    p->cpu_s[stage] += now - *since;
    *since = now;
}

static void sign(struct bench_site *site, const struct op_id *last, struct segment_signature *signature)
{
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    MUST(store_own_link(site->store, last->incarnation, last->seq, link, err));
    op_link_message(site->identity.stream, last, link, message);
    signature->seq = last->seq;
    MUST(device_key_sign(site->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), signature->bytes,
                         &signature->len, err));
}

static size_t read_seeds(struct bench_site *site, const struct op_batch *ops, struct store_seed *seeds)
{
    const struct op_id *last = &ops->ops[ops->count - 1].id;
    size_t count = 0;
    for (uint64_t b = op_salt_block(ops->ops[0].id.seq); b <= op_salt_block(last->seq); b++, count++) {
        seeds[count].block = b;
        MUST(store_salt_seed(site->store, last->device, last->incarnation, b, seeds[count].seed, err));
    }
    return count;
}

static void take_at_centre(struct pipeline *p, struct slice body, double *since)
{
    struct exchange_request request;
    struct segment segment;
    struct certificate author;
    struct centre_appended appended;
    struct slice der = buf_slice(&p->one.identity.certificate);
    MUST(exchange_request_decode(body, &request, err));
    MUST(segment_decode(request.segment, request.stream, &segment, err));
    lap(p, DECODE, since);
    MUST(certificate_parse(der, &author, err));
    MUST(centre_append(p->centre.store, &p->centre.site, &author, der, &segment.run, clock_wall_ms(), &appended, err));
    CHECK(appended.result == CENTRE_APPENDED && appended.new_ops == segment.run.ops.count);
    segment_fini(&segment);
    lap(p, APPEND, since);
}

/* One request; the number of ops that went up. */
static size_t push(struct pipeline *p, uint64_t after)
{
    struct op_batch ops;
    struct store_seed seeds[SEEDS_MAX];
    struct segment_signature signature;
    struct buf segment;
    struct buf body;
    op_batch_init(&ops);
    buf_init(&segment, SEGMENT_BYTES_MAX);
    buf_init(&body, EXCHANGE_REQUEST_MAX);
    double since = bench_cpu_self_s();
    MUST(store_own_ops(p->one.store, p->one.identity.incarnation, after, p->batch, READ_MAX, &ops, err));
    size_t count = ops.count;
    if (count > 0) {
        size_t seed_count = read_seeds(&p->one, &ops, seeds);
        lap(p, READ_OWN, &since);
        sign(&p->one, &ops.ops[count - 1].id, &signature);
        lap(p, LINK, &since);
        struct slice certificate = after == 0 ? buf_slice(&p->one.identity.certificate) : slice_of("", 0);
        MUST(segment_encode(&ops, seeds, seed_count, &signature, certificate, &segment, err));
        struct exchange_request request = { .incarnation = 1, .acked_seq = after, .segment = buf_slice(&segment) };
        memcpy(request.stream, p->one.identity.stream, STREAM_ID_BYTES);
        MUST(exchange_request_encode(&request, &body, err));
        lap(p, ENCODE, &since);
        take_at_centre(p, buf_slice(&body), &since);
        p->bytes[0] += body.len;
    }
    op_batch_fini(&ops);
    buf_fini(&segment);
    buf_fini(&body);
    return count;
}

static void encode_page(struct pipeline *p, const struct centre_page *page, struct buf *segments, struct buf *body)
{
    struct exchange_response *response = calloc(1, sizeof(*response));
    size_t ends[EXCHANGE_SEGMENTS_MAX];
    CHECK(response != NULL && page->run_count <= EXCHANGE_SEGMENTS_MAX);
    for (size_t i = 0; i < page->run_count; i++) {
        const struct store_run *run = &page->runs[i];
        struct segment_signature signature = { .seq = run->signed_seq, .len = run->signature_len };
        memcpy(signature.bytes, run->signature, run->signature_len);
        MUST(segment_encode(&run->ops, run->seeds, run->seed_count, &signature, run->certificate, segments, err));
        ends[i] = segments->len;
    }
    for (size_t i = 0; i < page->run_count; i++) {
        size_t from = i > 0 ? ends[i - 1] : 0;
        response->segments[i] = slice_of(segments->data + from, ends[i] - from);
    }
    response->segment_count = page->run_count;
    response->cursor = page->cursor;
    response->head = page->head;
    /* any key makes a receipt of the right length */
    MUST(device_key_sign(p->one.key, EXCHANGE_RECEIPT_CONTEXT, slice_of("receipt", 7), response->receipt,
                         &response->receipt_len, err));
    MUST(exchange_response_encode(response, body, err));
    free(response);
}

static void apply_page(struct pipeline *p, struct slice body, double *since)
{
    struct exchange_response *response = calloc(1, sizeof(*response));
    struct segment segments[EXCHANGE_SEGMENTS_MAX];
    struct store_run runs[EXCHANGE_SEGMENTS_MAX];
    CHECK(response != NULL);
    MUST(exchange_response_decode(body, response, err));
    for (size_t i = 0; i < response->segment_count; i++) {
        MUST(segment_decode(response->segments[i], p->two.identity.stream, &segments[i], err));
        runs[i] = segments[i].run;
    }
    lap(p, DECODE_PAGE, since);
    struct store_exchange exchange = { .runs = runs,
                                       .run_count = response->segment_count,
                                       .cursor = response->cursor,
                                       .received_at_ms = clock_wall_ms() };
    struct store_applied applied;
    MUST(store_apply(p->two.store, &exchange, &applied, err));
    CHECK(applied.quarantined == 0);
    for (size_t i = 0; i < response->segment_count; i++) {
        segment_fini(&segments[i]);
    }
    free(response);
    lap(p, APPLY, since);
}

/* One answer; false when there was nothing to fetch. */
static bool pull(struct pipeline *p, uint64_t *cursor)
{
    struct centre_page_request request = { .cursor = *cursor,
                                           .device = p->two.identity.device,
                                           .incarnation = 1,
                                           .max_ops = p->batch,
                                           .max_bytes = READ_MAX };
    struct centre_page page;
    struct buf segments;
    struct buf body;
    buf_init(&segments, EXCHANGE_RESPONSE_MAX);
    buf_init(&body, EXCHANGE_RESPONSE_MAX);
    double since = bench_cpu_self_s();
    MUST(centre_page_read(p->centre.store, &p->centre.site, &request, &page, err));
    lap(p, PAGE, &since);
    bool any = page.ops > 0;
    if (any) {
        encode_page(p, &page, &segments, &body);
        lap(p, ENCODE_PAGE, &since);
        apply_page(p, buf_slice(&body), &since);
        p->bytes[1] += body.len;
        p->ops[1] += page.ops;
        *cursor = page.cursor;
    }
    centre_page_fini(&page);
    buf_fini(&segments);
    buf_fini(&body);
    return any;
}

static void run(struct pipeline *p)
{
    struct stopwatch watch = stopwatch_start();
    for (;;) {
        size_t sent = push(p, p->ops[0]);
        if (sent == 0) {
            break;
        }
        p->ops[0] += sent;
    }
    p->wall_s[0] = stopwatch_wall_s(watch);
    watch = stopwatch_start();
    uint64_t cursor = 0;
    while (pull(p, &cursor)) {
    }
    p->wall_s[1] = stopwatch_wall_s(watch);
    uint8_t one[SHA256_BYTES];
    uint8_t two[SHA256_BYTES];
    MUST(store_digest(p->one.store, one, err));
    MUST(store_digest(p->two.store, two, err));
    if (memcmp(one, two, SHA256_BYTES) != 0) {
        bench_die("the two replicas differ");
    }
}

static void print(const struct pipeline *p, const char *style)
{
    static const char *const ways[] = { "push", "pull" };
    for (int i = 0; i < STAGES; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "stage_%s_us", stage_names[i]);
        bench_value(key, style, BENCH_OURS, p->cpu_s[i] / (double)p->ops[i >= PAGE] * 1e6);
    }
    for (int i = 0; i < 2; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "inprocess_%s_ops", ways[i]);
        bench_value(key, style, BENCH_OURS, (double)p->ops[i] / p->wall_s[i]);
        (void)snprintf(key, sizeof(key), "inprocess_%s_bytes", ways[i]);
        bench_value(key, style, BENCH_OURS, (double)p->bytes[i] / (double)p->ops[i]);
    }
}

int main(int argc, char **argv)
{
    static struct pipeline p;
    enum week_style style = WEEK_REPEATED;
    if (argc > 1 && !week_style_parse(argv[1], &style)) {
        bench_die("bench_pipeline: expected repeated or free, not '%s'", argv[1]);
    }
    size_t records = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : RECORDS;
    p.batch = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : BATCH;
    if (records == 0 || records > WEEK_RECORDS_MAX || p.batch == 0 || p.batch > OP_BATCH_OPS_MAX) {
        bench_die("bench_pipeline: expected 1 to %d records and 1 to %d ops in a request", WEEK_RECORDS_MAX,
                  OP_BATCH_OPS_MAX);
    }
    char folder[96];
    bench_folder_make(folder);
    MUST(secret_init(err));
    MUST(authority_new("bench", clock_wall_ms(), &p.authority, err));
    bench_centre_open(&p.centre, folder);
    bench_site_open(&p.one, p.authority, p.centre.site.stream, folder, "one");
    bench_site_open(&p.two, p.authority, p.centre.site.stream, folder, "two");
    bench_site_record(&p.one, style, records);
    run(&p);
    print(&p, week_style_name(style));
    bench_site_close(&p.one);
    bench_site_close(&p.two);
    bench_centre_close(&p.centre);
    authority_free(p.authority);
    bench_folder_remove(folder);
    return 0;
}
