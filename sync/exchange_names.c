/* What of an exchange is named by a hash. */
#include "sync/exchange.h"

#include <string.h>

static void hash_parts(const struct slice *parts, size_t count, uint8_t out[EXCHANGE_CERTIFICATE_HASH_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    sha256(parts, count, hash);
    memcpy(out, hash, EXCHANGE_CERTIFICATE_HASH_BYTES);
}

struct exchange_begun exchange_begun_of(struct slice bytes)
{
    struct exchange_begun begun = { .len = bytes.len };
    hash_parts(&bytes, 1, begun.hash);
    return begun;
}

bool exchange_begun_equal(const struct exchange_begun *a, const struct exchange_begun *b)
{
    return a->len == b->len && memcmp(a->hash, b->hash, EXCHANGE_BEGUN_HASH_BYTES) == 0;
}

void exchange_refused_hash(const uint64_t *seqs, size_t count, uint8_t out[EXCHANGE_REFUSED_HASH_BYTES])
{
    uint8_t bytes[EXCHANGE_REFUSALS_MAX * 8];
    CHECK(count <= EXCHANGE_REFUSALS_MAX);
    for (size_t i = 0; i < count; i++) {
        put_be64(bytes + i * 8, seqs[i]);
    }
    struct slice part = slice_of(bytes, count * 8);
    hash_parts(&part, 1, out);
}

void exchange_certificate_hash(struct slice certificate_der, uint8_t out[EXCHANGE_CERTIFICATE_HASH_BYTES])
{
    hash_parts(&certificate_der, 1, out);
}

void exchange_centre_hash(struct slice certificate_der, const uint8_t checkpoint_key[CHECKPOINT_KEY_BYTES],
                          uint8_t out[EXCHANGE_CERTIFICATE_HASH_BYTES])
{
    struct slice parts[] = { certificate_der, slice_of(checkpoint_key, CHECKPOINT_KEY_BYTES) };
    hash_parts(parts, ARRAY_LEN(parts), out);
}
