/*
 * The order of the ops in an answer: who made what stands at the positions after the asked cursor.
 */
#include <stdlib.h>

#include "sync/exchange.h"
#include "sync/segment_wire.h"

enum { ORDER_BYTES_MIN = 2 };

enum err_code exchange_order_encode(const struct store_order *order, size_t count, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[2 * VARINT_MAX_BYTES];
        uint64_t who = order[i].run == STORE_ORDER_OWN ? 0 : (uint64_t)order[i].run + 1;
        size_t len = varint_put(bytes, who);
        len += varint_put(bytes + len, order[i].count);
        TRY(buf_append(out, bytes, len, err));
    }
    return ERR_OK;
}

enum err_code exchange_order_decode(struct slice bytes, struct store_order **ret_order, size_t *ret_count,
                                    struct error *err)
{
    bool bad = false;
    struct source source = source_of(bytes, &bad);
    size_t count = 0;
    struct store_order *order = calloc(bytes.len / ORDER_BYTES_MIN + 1, sizeof(*order));
    if (order == NULL) {
        return FAIL(err, NO_MEMORY, "read the order of records");
    }
    while (!bad && source.at < source.end) {
        uint64_t who = source_varint(&source, EXCHANGE_SEGMENTS_MAX);
        order[count].run = who == 0 ? STORE_ORDER_OWN : (uint32_t)who - 1;
        order[count].count = (uint32_t)source_varint(&source, UINT32_MAX);
        bad = bad || order[count].count == 0;
        count++;
    }
    if (bad) {
        free(order);
        return FAIL(err, PROTOCOL, "read the order of records: it is not a list of numbers as expected");
    }
    *ret_order = order;
    *ret_count = count;
    return ERR_OK;
}
