#include "tests/support/centre_look.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "store/centre/tables.h"
#include "sync/bundle.h"
#include "sync/endpoint/core/private.h"
#include "sync/endpoint/core/state.h"
#include "sync/segment.h"
#include "tests/support/folder.h"

#define CACHE_KIB 256

static void put(struct buf *out, struct slice bytes)
{
    cr_assert_eq(buf_append(out, bytes.data, bytes.len, NULL), ERR_OK);
}

size_t request_words(struct slice bytes, struct buf *out)
{
    struct error err;
    struct segment segment;
    SCOPED(scoped_free) struct exchange_request *request = calloc(1, sizeof(*request));
    cr_assert_not_null(request);
    put(out, bytes);
    cr_assert_eq(exchange_request_decode(bytes, request, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(request->rest.len, 0, "the rest of a segment alone cannot be read");
    if (request->segment.len == 0) {
        return 0;
    }
    cr_assert_eq(segment_decode(request->segment, request->stream, &segment, &err), ERR_OK, "%s", err.message);
    size_t count = segment.run.ops.count;
    for (size_t i = 0; i < count; i++) {
        const struct op *op = &segment.run.ops.ops[i];
        put(out, slice_of(op->subject, op->subject_len));
        put(out, op->actor);
        put(out, op->body);
    }
    segment_fini(&segment);
    return count;
}

struct open_centre {
    struct vault *vault;
    struct centre *centre;
};

static struct open_centre centre_of(const char *folder)
{
    struct error err;
    struct open_centre it = { 0 };
    struct state_options options = { .folder = folder };
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_eq(state_open(&options, &it.vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(centre_open(it.vault, CACHE_KIB, &it.centre, &err), ERR_OK, "%s", err.message);
    return it;
}

static void shut(struct open_centre *it)
{
    centre_close(it->centre);
    vault_close(it->vault);
}

static size_t bundle_words(struct bundle_reader *reader, struct buf *out)
{
    struct error err;
    SCOPED(buf_fini) struct buf message;
    enum bundle_found found = BUNDLE_MESSAGE;
    size_t count = 0;
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    while (found != BUNDLE_END) {
        cr_assert_eq(bundle_read(reader, &message, &found, &err), ERR_OK, "%s", err.message);
        cr_assert_neq(found, BUNDLE_MORE_BYTES, "the bundle is cut off");
        count += found == BUNDLE_MESSAGE ? request_words(buf_slice(&message), out) : 0;
    }
    return count;
}

size_t centre_bundle_words(const char *folder, const char *path, struct buf *out)
{
    struct error err;
    struct bundle_reader reader;
    SCOPED(buf_fini) struct buf file;
    struct open_centre it = centre_of(folder);
    file_load(path, &file);
    bundle_reader_init(&reader, it.centre->signing_key, BUNDLE_TO_CENTRE);
    cr_assert_eq(bundle_read_put(&reader, buf_slice(&file), &err), ERR_OK, "%s", err.message);
    size_t count = bundle_words(&reader, out);
    bundle_reader_fini(&reader);
    shut(&it);
    return count;
}

void centre_pages(const char *folder, struct buf *out)
{
    sqlite3_int64 size = 0;
    struct open_centre it = centre_of(folder);
    unsigned char *pages = sqlite3_serialize(it.centre->store->db.handle, "main", &size, 0);
    cr_assert(pages != NULL && size > 0);
    put(out, slice_of(pages, (size_t)size));
    sqlite3_free(pages);
    shut(&it);
}
