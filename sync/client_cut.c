#include "sync/client_parts.h"

#include <string.h>

enum {
    ASKED_ABOUT_MIN = 2048, /* what is shorter costs less to send again than to ask about */
    KEPT_MS = 60 * 60 * 1000,
    IN_VAIN_MAX = 3, /* rests; a line that bears none of them wants smaller segments */
};

void client_cut_drop(struct client *c)
{
    c->cut.phase = CUT_NONE;
    buf_fini(&c->cut.segment);
}

/* Of the request that broke off. */
static bool keep_segment(struct client *c)
{
    struct exchange_request request;
    buf_fini(&c->cut.segment);
    buf_init(&c->cut.segment, SEGMENT_BYTES_MAX);
    return exchange_request_decode(buf_slice(&c->body), &request, NULL) == ERR_OK &&
           request.segment.len >= ASKED_ABOUT_MIN &&
           buf_append(&c->cut.segment, request.segment.data, request.segment.len, NULL) == ERR_OK;
}

void client_cut_note(struct client *c)
{
    if (c->sent.first_seq == 0 || c->recovery.active) {
        return; /* it brought none; what was to be asked still is */
    }
    if (c->sent.rest) {
        c->cut.phase = CUT_ASK;
    } else if (keep_segment(c)) {
        c->cut.phase = CUT_ASK;
        c->cut.sent = c->sent;
        c->cut.from = 0;
        c->cut.in_vain = 0;
    } else {
        client_cut_drop(c);
    }
}

bool client_cut_continues(struct client *c, const struct store_sync *sync, struct slice *ret_rest)
{
    const struct client_sent *cut = &c->cut.sent;
    if (c->cut.phase == CUT_NONE) {
        return false;
    }
    bool due = !c->recovery.active && sync->incarnation == cut->incarnation && sync->acked_seq + 1 == cut->first_seq &&
               sync->newest_seq > sync->acked_seq && c->io->monotonic_ms(c->io->context) - cut->at_ms < KEPT_MS;
    if (!due) {
        client_cut_drop(c);
    }
    if (c->cut.phase != CUT_CONTINUE) {
        return false;
    }
    *ret_rest = slice_of(c->cut.segment.data + c->cut.from, c->cut.segment.len - c->cut.from);
    c->sent.rest = true;
    c->sent.first_seq = cut->first_seq;
    c->sent.op_count = cut->op_count;
    c->sent.segment_len = ret_rest->len;
    c->sent.signature = cut->signature;
    return true;
}

void client_cut_answered(struct client *c, const struct exchange_response *response)
{
    const struct exchange_begun *begun = &response->begun;
    if (c->cut.phase == CUT_ASK && begun->len > 0 && begun->len < c->cut.segment.len &&
        response->acked_seq + 1 == c->cut.sent.first_seq && c->sent.incarnation == c->cut.sent.incarnation) {
        struct exchange_begun ours = exchange_begun_of(slice_of(c->cut.segment.data, begun->len));
        c->cut.in_vain = begun->len > c->cut.from ? 0 : c->cut.in_vain + 1;
        if (c->cut.in_vain < IN_VAIN_MAX && exchange_begun_equal(&ours, begun)) {
            c->cut.phase = CUT_CONTINUE;
            c->cut.from = begun->len;
            client_line_cuts(c, false);
            return;
        }
    }
    if (c->cut.phase == CUT_ASK && response->acked_seq < c->cut.sent.first_seq) {
        client_line_cuts(c, true);
    }
    client_cut_drop(c);
}
