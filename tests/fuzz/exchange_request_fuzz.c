/*
 * The exchange's request, on hostile bytes: what reads must write again and read as the same bytes; and what is read of
 * one that broke off is a part of it.
 */
#include <stdint.h>

#include "sync/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    static struct exchange_request first;
    static struct exchange_request second;
    struct buf out[2];
    struct exchange_cut cut;
    if (exchange_cut_decode(slice_of(data, size), &cut, &err) == ERR_OK) {
        CHECK(cut.bytes.len > 0 && cut.bytes.data > data && cut.bytes.data + cut.bytes.len == data + size);
    }
    if (exchange_request_decode(slice_of(data, size), &first, &err) != ERR_OK) {
        return 0;
    }
    buf_init(&out[0], EXCHANGE_REQUEST_MAX);
    buf_init(&out[1], EXCHANGE_REQUEST_MAX);
    CHECK(exchange_request_encode(&first, &out[0], &err) == ERR_OK);
    CHECK(exchange_request_decode(buf_slice(&out[0]), &second, &err) == ERR_OK);
    CHECK(exchange_request_encode(&second, &out[1], &err) == ERR_OK);
    CHECK(slice_equal(buf_slice(&out[0]), buf_slice(&out[1])));
    buf_fini(&out[0]);
    buf_fini(&out[1]);
    return 0;
}
