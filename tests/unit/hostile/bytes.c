#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "attack.h"

enum { DEEP_BYTES = 200000, BOMB_BYTES = 32 * 1024 * 1024 };

static void add(struct buf *out, const void *bytes, size_t len)
{
    cr_assert(buf_append(out, bytes, len, NULL) == ERR_OK);
}

static void add_repeated(struct buf *out, uint8_t byte, size_t count)
{
    cr_assert(buf_reserve(out, count, NULL) == ERR_OK);
    memset(out->data + out->len, byte, count);
    out->len += count;
}

static void add_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        add_repeated(out, (uint8_t)(value | 0x80), 1);
    }
    add_repeated(out, (uint8_t)value, 1);
}

void bytes_deep(struct buf *out)
{
    static const uint8_t head[] = { 0xa2, 0x01, 0x01, 0x18, 0x63 }; /* {1: 1, 99: */
    add(out, head, sizeof(head));
    add_repeated(out, 0x81, DEEP_BYTES);
}

void bytes_too_long(size_t limit, struct buf *out)
{
    static const uint8_t head[] = {
        0xa2, 0x01, 0x01, 0x18, 0x63, 0x5a
    }; /* {1: 1, 99: a byte string of 32-bit length */
    uint8_t length[4];
    put_be32(length, (uint32_t)limit);
    add(out, head, sizeof(head));
    add(out, length, sizeof(length));
    add_repeated(out, 0, limit);
}

void segment_bomb(const uint8_t device[DEVICE_ID_BYTES], uint64_t seq, struct buf *out)
{
    static const uint8_t head[] = { 1, 0x11 }; /* version; compressed with dictionary 1 */
    uint8_t *zeros = calloc(1, BOMB_BYTES);
    size_t room = ZSTD_compressBound(BOMB_BYTES);
    uint8_t *packed = malloc(room);
    size_t len = ZSTD_compress(packed, room, zeros, BOMB_BYTES, 3);
    cr_assert(!ZSTD_isError(len));
    add(out, head, sizeof(head));
    add(out, device, DEVICE_ID_BYTES);
    add_varint(out, 1); /* incarnation */
    add_varint(out, seq);
    add_varint(out, 1); /* op */
    add_varint(out, 0); /* seeds */
    add_varint(out, 0); /* raw */
    add(out, packed + 4, len - 4);
    free(packed);
    free(zeros);
}

/* PROTOCOL.md, 2: one op by row, its body whole. */
void segment_with_body(const uint8_t device[DEVICE_ID_BYTES], uint64_t seq, size_t body_len, struct buf *out)
{
    static const uint8_t head[] = { 1, 0x02 };                        /* version; by row */
    static const uint8_t shape[] = { 0, KIND_CAPACITY_STATEMENT, 1 }; /* a new one, its body whole */
    static const uint8_t members[] = { 2, 0, 0, 0, 2, 'x' };          /* new id, times, an actor of one letter */
    struct buf row;
    buf_init(&row, SIZE_MAX / 2);
    add(&row, shape, sizeof(shape));
    add(&row, members, sizeof(members));
    add_varint(&row, 2 * body_len);
    add_repeated(&row, 7, body_len);
    add(out, head, sizeof(head));
    add(out, device, DEVICE_ID_BYTES);
    add_varint(out, 1); /* incarnation */
    add_varint(out, seq);
    add_varint(out, 1);
    add_varint(out, 0);
    add_varint(out, 32); /* the subject's id, the salt */
    add_repeated(out, 5, 32);
    add(out, row.data, row.len);
    buf_fini(&row);
}
