#include "sync/exchange_wire.h"

enum { MEMBERS_MAX = 64 };

/* ---- maps with integer keys ---- */

struct exchange_members exchange_members_begin(struct slice bytes, struct error *err)
{
    struct exchange_members m = { .r = dcbor_reader_begin(bytes, err) };
    m.left = dcbor_get_map(&m.r, MEMBERS_MAX);
    return m;
}

bool exchange_members_next(struct exchange_members *m)
{
    if (!dcbor_ok(&m->r) || m->left == 0) {
        return false;
    }
    m->left--;
    uint64_t key = dcbor_get_uint(&m->r, UINT32_MAX);
    if (key <= m->key) {
        dcbor_reject(&m->r, "members are not in order");
    }
    m->key = key;
    m->seen |= key < MEMBERS_MAX ? UINT64_C(1) << key : 0;
    return dcbor_ok(&m->r);
}

enum err_code exchange_members_end(struct exchange_members *m, uint64_t required)
{
    if ((m->seen & required) != required) {
        dcbor_reject(&m->r, "a required member is missing");
    }
    return dcbor_reader_end(&m->r);
}

enum err_code exchange_members_version(struct exchange_members *m, struct error *err)
{
    if (!exchange_members_next(m) || m->key != MEMBER_VERSION) {
        dcbor_reject(&m->r, "expected the protocol's version first");
        return dcbor_reader_end(&m->r);
    }
    uint64_t version = dcbor_get_uint(&m->r, UINT32_MAX);
    if (dcbor_ok(&m->r) && version != EXCHANGE_VERSION) {
        return FAIL(err, UNSUPPORTED, "read an exchange: the other side speaks version %llu, this one %d",
                    (unsigned long long)version, EXCHANGE_VERSION);
    }
    return ERR_OK;
}

/* ---- what came of a segment ---- */

void exchange_begun_put(struct dcbor_writer *w, uint64_t key, const struct exchange_begun *begun)
{
    dcbor_put_uint(w, key);
    dcbor_put_array(w, 2);
    dcbor_put_uint(w, begun->len);
    dcbor_put_bytes(w, begun->hash, EXCHANGE_BEGUN_HASH_BYTES);
}

void exchange_begun_get(struct dcbor_reader *r, struct exchange_begun *begun)
{
    if (dcbor_get_array(r, 2) != 2) {
        dcbor_reject(r, "what came of a segment has two members");
        return;
    }
    begun->len = dcbor_get_uint(r, SEGMENT_BYTES_MAX);
    dcbor_get_fixed(r, begun->hash, EXCHANGE_BEGUN_HASH_BYTES);
    if (dcbor_ok(r) && begun->len == 0) {
        dcbor_reject(r, "nothing came of a segment");
    }
}
