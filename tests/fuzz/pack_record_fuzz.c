/*
 * Programme packs as they come in a record: the frame alone, and the whole body with whatever subject. Refused with a
 * reason, or what was taken is a pack.
 */
#include <string.h>

#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand(struct slice frame)
{
    SCOPED(buf_fini) struct buf json;
    struct error err;
    buf_init(&json, PROGRAMME_JSON_MAX + 1);
    enum err_code rc = programme_expand(frame, &json, &err);
    CHECK(rc == ERR_OK ? json.len <= PROGRAMME_JSON_MAX
                       : json.len == 0 && (rc == ERR_INVALID || rc == ERR_NO_MEMORY) && err.message[0] != '\0');
}

/* The subject that its own digest asks for, so that what is behind that check is reached too. */
static void admit(struct slice body)
{
    struct record record;
    struct error err;
    struct op op = { .kind = KIND_PROGRAMME_PACK, .subject_len = OP_ENTITY_BYTES, .body = body };
    if (record_decode(kind_by_number(KIND_PROGRAMME_PACK), body, &record, NULL) == ERR_OK) {
        struct slice digits = record_value(&record, "sha256")->text;
        char text[2 * OP_ENTITY_BYTES + 1] = "";
        if (digits.len >= 2 * OP_ENTITY_BYTES) {
            memcpy(text, digits.data, 2 * OP_ENTITY_BYTES);
            (void)hex_decode(text, op.subject, OP_ENTITY_BYTES);
        }
        expand(record_value(&record, "pack")->text);
    }
    CHECK(record_admit(&op, WRITER_ORGANISATION, &err) == ERR_REFUSED);
    enum err_code rc = record_admit(&op, WRITER_CENTRE, &err);
    CHECK(rc == ERR_OK || rc == ERR_INVALID || rc == ERR_NO_MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice given = slice_of(data, size <= OP_BODY_MAX ? size : OP_BODY_MAX);
    expand(given);
    admit(given);
    return 0;
}
