/*
 * One exchange at the centre:
 *
 *     who asks? ──► what it sends is appended, durably ──► what it lacks is read ──► signed receipt, answer
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/endpoint/core/private.h"

#define SEEN_EVERY_MS (10 * 60 * 1000)
#define WANT_BYTES_MIN 4096
#define RAW_PER_ENCODED_MAX 64
#define PAGE_TRIES 4
#define COLUMN_BYTES_ABOUT 512 /* more than an op takes in a segment beside its body */

struct answering {
    struct centre *centre;
    struct slice peer;
    struct certificate certificate;
    struct centre_device device;
    struct exchange_request request;
    int64_t now_ms;
    struct centre_held held;
    bool behind; /* this centre, which was noted */
    struct centre_appended appended;
    struct centre_refused refused[EXCHANGE_REFUSALS_MAX];
    struct buf segments; /* one behind the other */
    size_t segment_ends[CENTRE_PAGE_AUTHORS_MAX];
    struct buf order;
    struct buf joined; /* a segment that came in parts */
    struct exchange_response response;
    char reasons[EXCHANGE_GIVEN_MAX][EXCHANGE_REASON_MAX + 1]; /* why what was given back is not taken */
    struct error *err;
};

static void answering_free(struct answering **answering)
{
    if (*answering != NULL) {
        buf_fini(&(*answering)->segments);
        buf_fini(&(*answering)->order);
        buf_fini(&(*answering)->joined);
        free(*answering);
    }
}

/* ---- what the device sends ---- */

static void log_mismatch(const struct answering *a, const char *event, uint64_t held)
{
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(a->device.device, DEVICE_ID_BYTES, device);
    LOG_WARNING(event, "device=%s incarnation=%u held=%llu", device, a->request.incarnation, (unsigned long long)held);
}

/* By the device's word this centre was put back to an older state: `number` is what it was told, `held` what there is.
 */
static enum err_code note_behind(struct answering *a, bool own, uint64_t number, uint64_t held)
{
    const struct centre_behind told = {
        .device = a->device.device, .incarnation = a->request.incarnation, .own = own, .number = number
    };
    log_mismatch(a, "centre_behind_device", held);
    a->behind = true;
    return centre_behind_note(a->centre->store, &a->device.site, &told, a->now_ms, a->err);
}

/* A device that compresses better than we do sends less at a time. */
enum err_code run_fits(const struct store_run *run, struct slice certificate, struct error *err)
{
    if (run->ops.bytes + run->ops.count * COLUMN_BYTES_ABOUT < SEGMENT_BYTES_MAX) {
        return ERR_OK;
    }
    SCOPED(buf_fini) struct buf segment;
    struct segment_signature signature = { .seq = run->signed_seq, .len = run->signature_len };
    memcpy(signature.bytes, run->signature, sizeof(signature.bytes));
    buf_init(&segment, SEGMENT_BYTES_MAX);
    return segment_encode(&run->ops, NULL, 0, &signature, certificate, &segment, err);
}

static enum err_code take_segment(struct answering *a)
{
    struct segment segment;
    TRY(segment_decode(a->request.segment, a->request.stream, &segment, a->err));
    enum err_code rc = ERR_OK;
    if (segment.run.ops.count == 0 || segment.run.ops.ops[0].id.incarnation != a->request.incarnation) {
        rc = FAIL(a->err, PROTOCOL, "take records: they are of another incarnation than the request");
    }
    rc = rc != ERR_OK ? rc : run_fits(&segment.run, a->peer, a->err);
    rc = rc != ERR_OK ? rc : erasing_allow(a->centre, a->device.device, &segment.run.ops, a->now_ms, a->err);
    if (rc == ERR_OK) {
        struct centre_offer offer = {
            .author = &a->certificate, .certificate = a->peer, .run = &segment.run, .now_ms = a->now_ms
        };
        rc = centre_append(a->centre->store, &a->device.site, &offer, &a->appended, a->err);
    }
    segment_fini(&segment);
    TRY(rc);
    a->held = a->appended.held;
    if (a->appended.result != CENTRE_APPENDED) {
        log_mismatch(a, a->appended.result == CENTRE_FORK ? "device_history_forked" : "device_history_has_gap",
                     a->appended.held.seq);
    }
    return ERR_OK;
}

/* Of others, and lost here. What is not taken is told with its reason and holds nothing else up. */
static enum err_code take_given(struct answering *a)
{
    for (size_t i = 0; i < a->request.given_count; i++) {
        char *reason = a->reasons[i];
        TRY(given_take(a->centre, &a->device, a->request.given[i], a->now_ms, reason, a->err));
        if (reason[0] != '\0') {
            a->response.declined[a->response.declined_count++] =
                (struct exchange_declined){ .index = (uint32_t)i, .reason = slice_of_text(reason) };
        }
    }
    return ERR_OK;
}

static enum err_code read_refusals(struct answering *a, uint64_t after_seq)
{
    return centre_refusals(a->centre->store, &a->device.site, a->device.device, a->request.incarnation, after_seq,
                           a->refused, EXCHANGE_REFUSALS_MAX, &a->response.refusal_count, a->err);
}

/* Of what was read: is it what the device holds as refused? */
static bool refused_as_told(const struct answering *a)
{
    uint64_t seqs[EXCHANGE_REFUSALS_MAX];
    uint8_t hash[EXCHANGE_REFUSED_HASH_BYTES];
    size_t count = 0;
    while (count < a->response.refusal_count && a->refused[count].seq <= a->request.acked_seq) {
        seqs[count] = a->refused[count].seq;
        count++;
    }
    exchange_refused_hash(seqs, count, hash);
    return memcmp(hash, a->request.refused.hash, sizeof(hash)) == 0;
}

/* What was refused after what the device acknowledged; all of it when some of it was taken since. */
static enum err_code tell_refusals(struct answering *a)
{
    uint64_t from = a->request.refused.from;
    if (from > 0 && from <= a->request.acked_seq) {
        TRY(read_refusals(a, from - 1));
        a->response.refused_from = refused_as_told(a) ? 0 : from;
    }
    if (a->response.refused_from == 0) {
        TRY(read_refusals(a, a->request.acked_seq));
    }
    for (size_t i = 0; i < a->response.refusal_count; i++) {
        a->response.refusals[i] =
            (struct exchange_refusal){ .seq = a->refused[i].seq, .reason = slice_of_text(a->refused[i].reason) };
    }
    return ERR_OK;
}

/* ---- what the device lacks ---- */

static enum err_code encode_page(struct answering *a, const struct centre_page *page)
{
    buf_clear(&a->segments);
    for (size_t i = 0; i < page->run_count; i++) {
        const struct store_run *run = &page->runs[i];
        struct segment_signature signature = { .seq = run->signed_seq, .len = run->signature_len };
        memcpy(signature.bytes, run->signature, sizeof(signature.bytes));
        TRY(segment_encode(&run->ops, run->seeds, run->seed_count, &signature, run->certificate, &a->segments, a->err));
        a->segment_ends[i] = a->segments.len;
    }
    return ERR_OK;
}

/* A cursor past the newest position: the device is told where this centre stands. */
static enum err_code page_cursor(struct answering *a, const struct centre_page *page)
{
    if (page->cursor > page->head && !a->behind) {
        TRY(note_behind(a, false, page->cursor, page->head));
    }
    a->response.cursor = page->cursor < page->head ? page->cursor : page->head;
    return ERR_OK;
}

static enum err_code tell_page(struct answering *a, const struct centre_page *page)
{
    size_t from = 0;
    TRY(exchange_order_encode(page->order, page->order_count, &a->order, a->err));
    a->response.order = buf_slice(&a->order);
    for (size_t i = 0; i < page->run_count; i++) {
        a->response.segments[i] = slice_of(a->segments.data + from, a->segment_ends[i] - from);
        from = a->segment_ends[i];
    }
    a->response.segment_count = page->run_count;
    TRY(page_cursor(a, page));
    a->response.head = page->head;
    a->response.more = page->cursor < page->head;
    return ERR_OK;
}

/* Remembers how much smaller pages get, so that the next one fits at the first try. */
static void learn_ratio(struct centre *centre, size_t raw, size_t encoded)
{
    size_t ratio = encoded > 0 ? raw / encoded : 1;
    ratio = ratio < 1 ? 1 : ratio;
    centre->raw_per_encoded = (uint32_t)(ratio < RAW_PER_ENCODED_MAX ? ratio : RAW_PER_ENCODED_MAX);
}

static enum err_code read_page(struct answering *a)
{
    size_t want = a->request.want_bytes < WANT_BYTES_MIN ? WANT_BYTES_MIN : a->request.want_bytes;
    want = want < SEGMENT_BYTES_MAX ? want : SEGMENT_BYTES_MAX;
    struct centre_page_request request = { .cursor = a->request.cursor,
                                           .device = a->device.device,
                                           .incarnation = a->request.incarnation,
                                           .own_seq = a->request.newest_seq,
                                           .max_ops = EXCHANGE_OPS_MAX,
                                           .max_bytes = want * a->centre->raw_per_encoded };
    for (int i = 0; i < PAGE_TRIES; i++) {
        struct centre_page page;
        request.max_bytes = request.max_bytes < OP_BATCH_BYTES_MAX / 2 ? request.max_bytes : OP_BATCH_BYTES_MAX / 2;
        TRY(centre_page_read(a->centre->store, &a->device.site, &request, &page, a->err));
        enum err_code rc = encode_page(a, &page);
        bool fits = rc == ERR_OK && (a->segments.len <= want + want / 4 || page.batches <= 1 || i == PAGE_TRIES - 1);
        if (rc == ERR_OK && page.ops > 0) {
            learn_ratio(a->centre, page.bytes, a->segments.len);
        }
        if (fits) {
            rc = tell_page(a, &page);
        }
        request.max_bytes = a->segments.len > 0 ? page.bytes * want / a->segments.len * 9 / 10 : page.bytes / 2;
        request.max_bytes = i == PAGE_TRIES - 2 ? 1 : request.max_bytes; /* the last try: a single batch */
        centre_page_fini(&page);
        if (rc != ERR_OK && (fits || rc != ERR_LIMIT || i == PAGE_TRIES - 1)) {
            return rc;
        }
        if (fits) {
            return ERR_OK;
        }
    }
    return FAIL(a->err, LIMIT, "make a page that fits");
}

/* ---- the answer ---- */

static enum err_code sign_receipt(struct answering *a)
{
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES];
    struct op_id acked = { .incarnation = a->request.incarnation, .seq = a->held.seq };
    memcpy(acked.device, a->device.device, DEVICE_ID_BYTES);
    op_receipt_message(a->request.stream, &acked, a->held.link, a->now_ms, message);
    a->response.answered_at_ms = a->now_ms;
    a->response.acked_seq = a->held.seq;
    memcpy(a->response.acked_link, a->held.link, SHA256_BYTES);
    return device_key_sign(a->centre->signing_key, OP_RECEIPT_CONTEXT, slice_of(message, sizeof(message)),
                           a->response.receipt, &a->response.receipt_len, a->err);
}

/* A device that knows the authority before is given what that one issued, and told of the present one. */
static void tell_certificate(struct answering *a)
{
    const struct centre *centre = a->centre;
    uint8_t hash[EXCHANGE_CERTIFICATE_HASH_BYTES];
    struct slice ours = signing_certificate_for(centre, a->peer, a->now_ms);
    exchange_centre_hash(ours, centre->vouched_key, hash);
    if (!a->request.certificate_known || memcmp(a->request.certificate_hash, hash, sizeof(hash)) != 0) {
        a->response.centre_certificate = ours;
        a->response.checkpoint_key = slice_of(centre->vouched_key, centre->vouched_key_len);
    }
    a->response.authority_told = authorities_issued_before(centre, a->peer, a->now_ms);
    if (a->response.authority_told) {
        exchange_certificate_hash(centre_authority_certificate(centre), a->response.authority_hash);
    }
}

/* Signed for whoever comes to the head and has verified another one, or none. */
static enum err_code tell_checkpoint(struct answering *a)
{
    struct merkle_range tree;
    struct merkle_hash root;
    if (a->response.more) {
        return ERR_OK;
    }
    TRY(centre_tree(a->centre->store, &a->device.site, &tree, a->err));
    merkle_root(&tree, &root);
    bool known = a->request.tree_known ? a->request.tree_size == tree.size &&
                                             memcmp(a->request.tree_root, root.bytes, EXCHANGE_ROOT_BYTES) == 0
                                       : tree.size == 0;
    if (!known) {
        TRY(checkpoint_of_tree(a->centre, &a->device.site, &tree, &a->response.checkpoint, a->err));
        a->response.checkpoint_known = true;
    }
    return ERR_OK;
}

static enum err_code take_freshness(struct answering *a)
{
    const struct exchange_freshness *told = &a->request.freshness;
    if (told->counter == 0) {
        return ERR_OK;
    }
    struct centre_freshness freshness = { .device = a->device.device,
                                          .incarnation = told->incarnation,
                                          .counter = told->counter,
                                          .hash = slice_of(told->hash, sizeof(told->hash)) };
    TRY(centre_freshness_take(a->centre->store, &a->device.site, &freshness, a->now_ms, &a->response.fresher_counter,
                              a->err));
    if (a->response.fresher_counter > 0) {
        log_mismatch(a, "device_files_older", a->response.fresher_counter);
    }
    return ERR_OK;
}

/* What the device sends, kept. */
static enum err_code take(struct answering *a)
{
    struct centre_store *store = a->centre->store;
    if (memcmp(a->request.stream, a->device.site.stream, STREAM_ID_BYTES) != 0) {
        return FAIL(a->err, REFUSED, "take an exchange: this device does not belong to that site");
    }
    TRY(centre_held(store, &a->device.site, a->device.device, a->request.incarnation, &a->held, a->err));
    if (a->request.acked_seq > a->held.seq) {
        TRY(note_behind(a, true, a->request.acked_seq, a->held.seq));
    }
    if (a->request.rest.len > 0) {
        TRY(begun_join(a->centre, a->device.device, a->request.incarnation, &a->request.begun, a->request.rest,
                       &a->joined, a->err));
        a->request.segment = buf_slice(&a->joined);
    }
    if (a->request.segment.len > 0) {
        begun_drop(a->centre, a->device.device); /* whatever becomes of this one */
        TRY(take_segment(a));
    }
    TRY(take_given(a));
    if (a->device.last_seen_at_ms == OP_TIME_NONE || a->now_ms - a->device.last_seen_at_ms > SEEN_EVERY_MS) {
        TRY(centre_device_seen(store, a->device.id, a->now_ms, a->err));
    }
    return take_freshness(a);
}

/* What the device is told. */
static enum err_code tell(struct answering *a, struct buf *out)
{
    TRY(tell_refusals(a));
    TRY(read_page(a));
    TRY(tell_checkpoint(a));
    TRY(sign_receipt(a));
    tell_certificate(a);
    a->response.begun = begun_of(a->centre, a->device.device, a->request.incarnation);
    return exchange_response_encode(&a->response, out, a->err);
}

/* Nothing was given, nothing taken, and the device believes of its own records what is held here. */
static bool tells_nothing_new(const struct answering *a)
{
    const struct exchange_response *response = &a->response;
    return a->request.segment.len == 0 && a->request.given_count == 0 && response->segment_count == 0 &&
           response->refusal_count == 0 && response->refused_from == 0 && !response->more &&
           response->cursor == a->request.cursor && response->acked_seq == a->request.acked_seq &&
           response->centre_certificate.len == 0 && response->fresher_counter == 0 && !response->checkpoint_known;
}

static enum err_code answering_new(struct centre *centre, struct slice peer, int64_t now_ms, struct answering **ret,
                                   struct error *err)
{
    struct answering *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return FAIL(err, NO_MEMORY, "answer an exchange");
    }
    a->centre = centre;
    a->peer = peer;
    a->now_ms = now_ms;
    a->err = err;
    buf_init(&a->segments, EXCHANGE_RESPONSE_MAX);
    buf_init(&a->order, EXCHANGE_ORDER_MAX);
    buf_init(&a->joined, SEGMENT_BYTES_MAX);
    *ret = a;
    return ERR_OK;
}

enum err_code centre_exchange(struct centre *centre, struct slice peer, struct slice request, int64_t now_ms,
                              struct buf *ret_response, struct error *err)
{
    struct centre_wait wait;
    return centre_exchange_or_wait(centre, peer, request, now_ms, &wait, ret_response, err);
}

enum err_code centre_exchange_or_wait(struct centre *centre, struct slice peer, struct slice request, int64_t now_ms,
                                      struct centre_wait *ret_wait, struct buf *ret_response, struct error *err)
{
    SCOPED(answering_free) struct answering *a = NULL;
    TRY(answering_new(centre, peer, now_ms, &a, err));
    TRY(peer_device(centre, peer, now_ms, &a->certificate, &a->device, err));
    TRY(exchange_request_decode(request, &a->request, err));
    TRY(take(a));
    TRY(tell(a, ret_response));
    *ret_wait = (struct centre_wait){ .s = tells_nothing_new(a) ? a->request.wait_s : 0,
                                      .site = a->device.site.id,
                                      .head = a->response.head,
                                      .lifted = centre_store_lifted(centre->store) };
    memcpy(ret_wait->device, a->device.device, DEVICE_ID_BYTES);
    return ERR_OK;
}

bool centre_wait_is_over(struct centre *centre, const struct centre_wait *wait)
{
    uint64_t head;
    return centre_store_lifted(centre->store) != wait->lifted ||
           centre_head(centre->store, wait->site, &head, NULL) != ERR_OK || head != wait->head;
}

bool centre_erasures_due(const struct centre *centre)
{
    return centre_erase_due(centre->store);
}

enum err_code centre_erasures_go_on(struct centre *centre, struct error *err)
{
    return centre_erase_slice(centre->store, err);
}

void centre_backup_ended(struct centre *centre)
{
    centre_erased_forget(centre->store);
}

uint64_t centre_news(const struct centre *centre)
{
    return centre_store_news(centre->store);
}

enum err_code exchange_take(struct centre *centre, struct slice peer, const struct exchange_request *request,
                            int64_t now_ms, struct exchange_kept *ret_kept, struct error *err)
{
    SCOPED(answering_free) struct answering *a = NULL;
    TRY(answering_new(centre, peer, now_ms, &a, err));
    TRY(peer_device(centre, peer, now_ms, &a->certificate, &a->device, err));
    a->request = *request;
    TRY(take(a));
    *ret_kept = (struct exchange_kept){ .appended = a->appended, .declined = a->response.declined_count };
    if (ret_kept->declined > 0) {
        (void)snprintf(ret_kept->why, sizeof(ret_kept->why), "%s", a->reasons[a->response.declined[0].index]);
    }
    return ERR_OK;
}

enum err_code exchange_tell(struct centre *centre, const struct exchange_peer *peer,
                            const struct exchange_request *request, int64_t now_ms, struct buf *out,
                            struct exchange_told *ret_told, struct error *err)
{
    SCOPED(answering_free) struct answering *a = NULL;
    TRY(answering_new(centre, peer->certificate, now_ms, &a, err));
    a->device = *peer->device;
    a->request = *request;
    a->request.refused.from = 1; /* nobody can ask twice: all of it is told */
    TRY(centre_held(centre->store, &a->device.site, a->device.device, request->incarnation, &a->held, err));
    TRY(tell(a, out));
    *ret_told = (struct exchange_told){ .cursor = a->response.cursor,
                                        .head = a->response.head,
                                        .segments = a->response.segment_count,
                                        .more = a->response.more };
    return ERR_OK;
}

int centre_status_of(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return 200;
    case ERR_TLS:
        return 401;
    case ERR_REFUSED:
    case ERR_REVOKED:
    case ERR_NOT_ENROLLED:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
    case ERR_HISTORY:
        return 409;
    case ERR_LIMIT:
        return 413;
    case ERR_INVALID:
    case ERR_PROTOCOL:
    case ERR_UNSUPPORTED:
        return 400;
    case ERR_BUSY:
    case ERR_IO:
    case ERR_DISK_FULL:
    case ERR_READ_ONLY:
    case ERR_NO_MEMORY:
    case ERR_LOCKED:
        return 503;
    default:
        return 500;
    }
}
