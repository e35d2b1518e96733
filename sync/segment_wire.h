/*
 * sync/segment_wire - what the segment's encoder and decoder share: sections, shapes and columns.
 *
 * Both walk the ops in order and touch the same sections in the same order, so the columns need no description of their
 * own: a shape (kind and fields of a body) is told once, where it is first met, and the columns that it needs follow
 * from that.
 *
 * Private to sync/segment_*.c. The format is drawn in sync/PROTOCOL.md.
 */
#ifndef SYNC_SEGMENT_WIRE_H
#define SYNC_SEGMENT_WIRE_H

#include "sync/segment.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_FIELDS_MAX = 32,                 /* a body with more travels whole */
    SEGMENT_COLUMNS_MAX = 128,               /* and so does one that would need more columns than this */
    SEGMENT_NUMBERED_MAX = OP_BATCH_OPS_MAX, /* values of one column that can be named again by number */
    SEGMENT_ID_BYTES = 16,
};

/* The second byte. */
enum {
    SEGMENT_ZSTD = 1 << 0,
    SEGMENT_ROWS = 1 << 1, /* one section for all */
    SEGMENT_SIGNED = 1 << 2,
    SEGMENT_CERTIFIED = 1 << 3,
    SEGMENT_DICTIONARY_1 = 1 << 4, /* the high half: number of the dictionary */
    SEGMENT_FLAGS_ALL = SEGMENT_ZSTD | SEGMENT_ROWS | SEGMENT_SIGNED | SEGMENT_CERTIFIED | SEGMENT_DICTIONARY_1,
};

enum {
    SECTION_SHAPE,
    SECTION_SUBJECT,
    SECTION_SESSION,
    SECTION_RECORDED,
    SECTION_OFFSET,
    SECTION_HLC,
    SECTION_HAPPENED,
    SECTION_SUPERSEDES,
    SECTION_FIXED,
    SECTIONS_MAX = SECTION_FIXED + 2 * SEGMENT_COLUMNS_MAX,
};

/* What a shape says beside its kind. */
enum {
    SHAPE_FORM_MAP = 0,
    SHAPE_FORM_WHOLE = 1, /* a body that is no map of numbered plain values: as it is */
    SHAPE_FORM_ERASED = 2,
    SHAPE_FORM = 3,
    SHAPE_SESSION = 1 << 2,
    SHAPE_HAPPENED = 1 << 3,
    SHAPE_SUPERSEDES = 1 << 4,
    SHAPE_FLAGS_ALL = (1 << 5) - 1,
};

enum value_type {
    VALUE_NUMBER, /* within SEGMENT_NUMBER_MAX either way */
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_ID, /* 16 bytes */
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_NULL,
    VALUE_WHOLE, /* a whole body: not in a field list */
    VALUE_TYPES = 8,
};

#define SEGMENT_NUMBER_MAX (INT64_C(1) << 60) /* so that twice a zigzag difference fits 64 bits */

/* ---- numbers: LEB128, shortest form, least significant seven bits first ---- */

#define VARINT_MAX_BYTES 10

size_t varint_put(uint8_t out[VARINT_MAX_BYTES], uint64_t value);

static inline uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

/* Differences wrap, so that any two numbers have one. */
static inline int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Bytes being written; after a failure, nothing more. */
struct sink {
    struct buf buf;
    enum err_code rc;
    struct error *err;
};

void sink_init(struct sink *sink, size_t max, struct error *err);
void sink_fini(struct sink *sink);
void sink_varint(struct sink *sink, uint64_t value);
void sink_bytes(struct sink *sink, struct slice bytes);
void sink_byte(struct sink *sink, uint8_t byte);

/* Bytes being read. The first failure sets *bad; from then on the reads give zeros. */
struct source {
    const uint8_t *at;
    const uint8_t *end;
    bool *bad;
};

struct source source_of(struct slice bytes, bool *bad);
uint64_t source_varint(struct source *source, uint64_t max);
struct slice source_bytes(struct source *source, uint64_t len);
size_t source_left(const struct source *source);

/* ---- bodies ---- */

struct body_field {
    uint32_t key;
    enum value_type type;
    int64_t number;
    struct slice bytes;
};

/* The fields of a deterministic map of at most SEGMENT_FIELDS_MAX plain values with ascending keys; false for anything
 * else. */
bool body_split(struct slice body, struct body_field fields[SEGMENT_FIELDS_MAX], size_t *ret_count);

/* A body being put together again in a fixed place; `full` once it would pass OP_BODY_MAX. */
struct body_writer {
    uint8_t bytes[OP_BODY_MAX];
    size_t len;
    bool full;
};

void body_begin(struct body_writer *writer, size_t field_count);
void body_put(struct body_writer *writer, const struct body_field *field);

/* ---- shapes and columns ---- */

union column_value {
    int64_t number;
    struct slice bytes;
};

struct column {
    uint32_t kind;
    uint32_t key;
    enum value_type type;
    uint16_t codes; /* section of numbers and references */
    uint16_t bytes; /* section of the bytes of new values; the same as `codes` for types without */
    int64_t previous;
    uint32_t numbered;
    uint32_t capacity;
    union column_value *values; /* the decoder's, by number */
};

enum { COLUMN_WHOLE, COLUMN_ACTOR, COLUMN_FIXED };

struct shape_field {
    uint32_t key;
    uint8_t type;
    uint8_t column;
};

struct shape {
    uint32_t kind;
    uint8_t flags;
    uint8_t field_count;
    struct shape_field fields[SEGMENT_FIELDS_MAX];
};

struct layout {
    struct column columns[SEGMENT_COLUMNS_MAX];
    size_t column_count;
    size_t section_count;
    struct shape *shapes;
    size_t shape_count;
    size_t shape_capacity;
};

void layout_init(struct layout *layout);
void layout_fini(struct layout *layout);
/* Gives the fields of `shape` their columns, making those that are not there yet; false, and nothing made, when there
 * are too many. */
bool layout_assign(struct layout *layout, struct shape *shape);
MUST_USE enum err_code layout_add(struct layout *layout, const struct shape *shape, struct error *err);

static inline bool value_has_column(enum value_type type)
{
    return type <= VALUE_ID;
}

static inline bool value_has_bytes(enum value_type type)
{
    return type == VALUE_TEXT || type == VALUE_BYTES || type == VALUE_WHOLE;
}

/* ---- what the encoder has met before ---- */

/*
 * A hash table of (column, value) to number. It never grows and never probes far: a value that does not find its place
 * is sent again as a new one, so that no choice of values makes it slow.
 */
struct intern_entry {
    const uint8_t *data; /* borrowed; NULL for a number */
    uint64_t word;       /* the number, or the length */
    uint32_t hash;
    uint32_t column;
    uint32_t number;
    bool used;
};

struct intern {
    struct intern_entry *entries;
    size_t mask;
};

enum { INTERN_IDS = SEGMENT_COLUMNS_MAX, INTERN_SHAPES };

#define INTERN_NEW UINT32_MAX

MUST_USE enum err_code intern_init(struct intern *table, size_t expected, struct error *err);
void intern_fini(struct intern *table);
/* The number under which the value was met, or INTERN_NEW, and then it is remembered as `number`. Bytes are borrowed.
 */
uint32_t intern_bytes(struct intern *table, uint32_t column, struct slice bytes, uint32_t number);
uint32_t intern_number(struct intern *table, uint32_t column, int64_t value, uint32_t number);

/* ---- compression ---- */

/* Appends `in` to `out`, compressed if that is smaller; *ret_flags says so (SEGMENT_ZSTD | SEGMENT_DICTIONARY_1, or 0).
 */
MUST_USE enum err_code pack(struct slice in, struct buf *out, uint8_t *ret_flags, struct error *err);
/* At most SEGMENT_INFLATED_MAX bytes, malloc'ed, into *ret_bytes. */
MUST_USE enum err_code unpack(struct slice in, uint8_t **ret_bytes, size_t *ret_len, struct error *err);

#endif
