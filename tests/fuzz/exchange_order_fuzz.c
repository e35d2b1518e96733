/* The order of the ops in an answer, on hostile bytes: what reads must write again as the same bytes. */
#include <stdlib.h>

#include "sync/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct store_order *order = NULL;
    struct buf out;
    size_t count = 0;
    if (size > EXCHANGE_ORDER_MAX || exchange_order_decode(slice_of(data, size), &order, &count, &err) != ERR_OK) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(order[i].count > 0);
        CHECK(order[i].run == STORE_ORDER_OWN || order[i].run < EXCHANGE_SEGMENTS_MAX);
    }
    buf_init(&out, EXCHANGE_ORDER_MAX);
    CHECK(exchange_order_encode(order, count, &out, &err) == ERR_OK);
    CHECK(slice_equal(buf_slice(&out), slice_of(data, size)));
    buf_fini(&out);
    free(order);
    return 0;
}
