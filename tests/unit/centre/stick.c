#include "stick.h"

#include <criterion/criterion.h>

enum { PIECE = 70001 }; /* an odd size, as files are read */

enum err_code stick_from_centre(struct laptop *laptop, bool from_start, struct buf *file)
{
    struct centre_bundle_out *out = NULL;
    bool last = false;
    uint8_t id[DEVICE_ID_BYTES];
    device_key_id(laptop->key, id);
    laptop->world->now_ms += 1000;
    buf_init(file, STICK_FILE_MAX);
    TRY(centre_bundle_out_begin(laptop->world->centre, id, from_start, laptop->world->now_ms, &out,
                                &laptop->world->err));
    while (!last) {
        cr_assert_eq(centre_bundle_out_next(out, file, &last, &laptop->world->err), ERR_OK, "%s",
                     laptop->world->err.message);
    }
    centre_bundle_out_free(out);
    return ERR_OK;
}

struct buf stick_from_laptop(struct laptop *laptop)
{
    struct buf file;
    struct device_bundle_out *out;
    bool last = false;
    laptop->world->now_ms += 1000;
    buf_init(&file, STICK_FILE_MAX);
    cr_assert_eq(device_bundle_out_begin(laptop->client, laptop->world->now_ms, &out, &laptop->world->err), ERR_OK,
                 "%s", laptop->world->err.message);
    while (!last) {
        cr_assert_eq(device_bundle_out_next(out, &file, &last, &laptop->world->err), ERR_OK, "%s",
                     laptop->world->err.message);
    }
    device_bundle_out_free(out);
    return file;
}

enum err_code stick_to_centre(struct centre_world *world, struct slice file, struct centre_bundle_taken *taken)
{
    struct centre_bundle_in *in;
    enum err_code rc = ERR_OK;
    world->now_ms += 1000;
    cr_assert_eq(centre_bundle_in_new(world->centre, &in, &world->err), ERR_OK);
    for (size_t at = 0; at < file.len && rc == ERR_OK; at += PIECE) {
        size_t len = file.len - at < PIECE ? file.len - at : PIECE;
        rc = centre_bundle_in_put(in, slice_of(file.data + at, len), world->now_ms, &world->err);
    }
    rc = rc != ERR_OK ? rc : centre_bundle_in_finish(in, &world->err);
    centre_bundle_in_taken(in, taken);
    centre_bundle_in_free(in);
    return rc;
}

enum err_code stick_to_laptop(struct laptop *laptop, struct slice file, struct device_bundle_taken *taken)
{
    struct device_bundle_in *in;
    enum err_code rc = ERR_OK;
    laptop->world->now_ms += 1000;
    cr_assert_eq(device_bundle_in_new(laptop->client, &in, &laptop->world->err), ERR_OK);
    for (size_t at = 0; at < file.len && rc == ERR_OK; at += PIECE) {
        size_t len = file.len - at < PIECE ? file.len - at : PIECE;
        rc = device_bundle_in_put(in, slice_of(file.data + at, len), &laptop->world->err);
    }
    rc = rc != ERR_OK ? rc : device_bundle_in_finish(in, &laptop->world->err);
    device_bundle_in_taken(in, taken);
    device_bundle_in_free(in);
    return rc;
}
