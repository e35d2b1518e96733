#include "tests/bench/common/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/exchange.h"
#include "tests/bench/common/bench.h"

enum { SEEDS_MAX = OP_BATCH_OPS_MAX / OP_SALT_BLOCK + 2, READ_MAX = 4 * 1024 * 1024 };

void pipeline_open(struct pipeline *p, size_t batch)
{
    *p = (struct pipeline){ .batch = batch };
    bench_folder_make(p->folder);
    MUST(secret_init(err));
    MUST(authority_new("bench", clock_wall_ms(), &p->authority, err));
    bench_centre_open(&p->centre, p->folder);
    bench_site_open(&p->one, p->authority, p->centre.site.stream, p->folder, "one");
    bench_site_open(&p->two, p->authority, p->centre.site.stream, p->folder, "two");
}

void pipeline_close(struct pipeline *p)
{
    bench_site_close(&p->one);
    bench_site_close(&p->two);
    bench_centre_close(&p->centre);
    authority_free(p->authority);
    bench_folder_remove(p->folder);
}

static void lap(struct pipeline *p, enum pipeline_stage stage, double *since)
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
    lap(p, STAGE_DECODE, since);
    MUST(certificate_parse(der, &author, err));
    struct centre_offer offer = {
        .author = &author, .certificate = der, .run = &segment.run, .now_ms = clock_wall_ms()
    };
    MUST(centre_append(p->centre.store, &p->centre.site, &offer, &appended, err));
    CHECK(appended.result == CENTRE_APPENDED && appended.new_ops == segment.run.ops.count);
    segment_fini(&segment);
    lap(p, STAGE_APPEND, since);
}

size_t pipeline_push(struct pipeline *p, uint64_t after)
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
        lap(p, STAGE_READ_OWN, &since);
        sign(&p->one, &ops.ops[count - 1].id, &signature);
        lap(p, STAGE_LINK, &since);
        struct slice certificate = after == 0 ? buf_slice(&p->one.identity.certificate) : slice_of("", 0);
        MUST(segment_encode(&ops, seeds, seed_count, &signature, certificate, &segment, err));
        struct exchange_request request = { .incarnation = 1, .acked_seq = after, .segment = buf_slice(&segment) };
        memcpy(request.stream, p->one.identity.stream, STREAM_ID_BYTES);
        MUST(exchange_request_encode(&request, &body, err));
        lap(p, STAGE_ENCODE, &since);
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
    SCOPED(buf_fini) struct buf order;
    buf_init(&order, EXCHANGE_ORDER_MAX);
    MUST(exchange_order_encode(page->order, page->order_count, &order, err));
    response->order = buf_slice(&order);
    /* any key makes a receipt of the right length */
    MUST(device_key_sign(p->one.key, OP_RECEIPT_CONTEXT, slice_of("receipt", 7), response->receipt,
                         &response->receipt_len, err));
    MUST(exchange_response_encode(response, body, err));
    free(response);
}

static void apply_page(struct pipeline *p, uint64_t from, struct slice body, double *since)
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
    struct store_order *order = NULL;
    size_t order_count = 0;
    MUST(exchange_order_decode(response->order, &order, &order_count, err));
    lap(p, STAGE_DECODE_PAGE, since);
    struct store_exchange exchange = { .runs = runs,
                                       .run_count = response->segment_count,
                                       .placed = true,
                                       .from = from,
                                       .cursor = response->cursor,
                                       .head = OP_SEQ_MAX, /* nothing is signed here */
                                       .order = order,
                                       .order_count = order_count,
                                       .received_at_ms = clock_wall_ms() };
    struct store_applied applied;
    MUST(store_apply(p->two.store, &exchange, &applied, err));
    CHECK(applied.quarantined == 0);
    for (size_t i = 0; i < response->segment_count; i++) {
        segment_fini(&segments[i]);
    }
    free(order);
    free(response);
    lap(p, STAGE_APPLY, since);
}

bool pipeline_pull(struct pipeline *p, uint64_t *cursor)
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
    lap(p, STAGE_PAGE, &since);
    bool any = page.ops > 0;
    if (any) {
        encode_page(p, &page, &segments, &body);
        lap(p, STAGE_ENCODE_PAGE, &since);
        apply_page(p, *cursor, buf_slice(&body), &since);
        p->bytes[1] += body.len;
        p->ops[1] += page.ops;
        *cursor = page.cursor;
    }
    centre_page_fini(&page);
    buf_fini(&segments);
    buf_fini(&body);
    return any;
}

void pipeline_check(struct pipeline *p)
{
    uint8_t one[SHA256_BYTES];
    uint8_t two[SHA256_BYTES];
    MUST(store_digest(p->one.store, one, err));
    MUST(store_digest(p->two.store, two, err));
    if (memcmp(one, two, SHA256_BYTES) != 0) {
        bench_die("the two replicas differ");
    }
}
