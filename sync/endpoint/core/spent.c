/*
 * What was taken from somebody for good, in a small file beside the database: who was revoked, and which codes were
 * used, by whom. An operator who puts the database back to an older copy leaves this file where it is, so that a laptop
 * that was stolen after the copy does not get in again, and no code enrols a second machine.
 *
 *     holdfast spent 1
 *     device ID                   revoked
 *     code HASH DEVICE UNTIL      the code with this hash was used by this device; forgotten at UNTIL, when it has run
 * out
 *
 * At a start both are brought together: who is revoked in either is in both, and what the database has of used codes is
 * in the file, which may be lost, or lack the one that was used when the power went. The file lets nobody in: its loss
 * can do harm only together with an older database.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "sync/endpoint/core/private.h"

#define FIRST_LINE "holdfast spent 1\n"

enum { FILE_MAX = 4 * 1024 * 1024, LINE_SIZE = 128, CODE_DAYS = CENTRE_CODE_HOURS_MAX / 24 + 1 };

struct spent_code {
    uint8_t hash[SPENT_HASH_BYTES];
    uint8_t device[DEVICE_ID_BYTES];
    int64_t until_ms;
};

static size_t device_count(const struct spent *spent)
{
    return spent->devices.len / DEVICE_ID_BYTES;
}

static size_t code_count(const struct spent *spent)
{
    return spent->codes.len / sizeof(struct spent_code);
}

static struct spent_code code_at(const struct spent *spent, size_t index)
{
    struct spent_code code;
    memcpy(&code, spent->codes.data + index * sizeof(code), sizeof(code));
    return code;
}

static size_t find_device(const struct spent *spent, const uint8_t device[DEVICE_ID_BYTES])
{
    size_t i = 0;
    while (i < device_count(spent) && memcmp(spent->devices.data + i * DEVICE_ID_BYTES, device, DEVICE_ID_BYTES) != 0) {
        i++;
    }
    return i;
}

/* Of the code's hash again: with that itself somebody could prove to have the code. */
static void hash_again(const uint8_t code[SHA256_BYTES], uint8_t out[SPENT_HASH_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct slice one = slice_of(code, SHA256_BYTES);
    sha256(&one, 1, digest);
    memcpy(out, digest, SPENT_HASH_BYTES);
}

/* Its index, or how many there are. */
static size_t find_code(const struct spent *spent, const uint8_t hash[SPENT_HASH_BYTES])
{
    size_t i = 0;
    while (i < code_count(spent) && memcmp(code_at(spent, i).hash, hash, SPENT_HASH_BYTES) != 0) {
        i++;
    }
    return i;
}

static enum err_code add_code(struct spent *spent, const uint8_t code[SHA256_BYTES],
                              const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms, bool *ret_added, struct error *err)
{
    struct spent_code used = { .until_ms = now_ms + CODE_DAYS * DAY_MS };
    hash_again(code, used.hash);
    memcpy(used.device, device, DEVICE_ID_BYTES);
    *ret_added = find_code(spent, used.hash) == code_count(spent);
    return *ret_added ? buf_append(&spent->codes, &used, sizeof(used), err) : ERR_OK;
}

void spent_init(struct spent *spent)
{
    buf_init(&spent->devices, FILE_MAX);
    buf_init(&spent->codes, FILE_MAX);
}

void spent_fini(struct spent *spent)
{
    free(spent->path);
    buf_fini(&spent->devices);
    buf_fini(&spent->codes);
}

/* ---- the file ---- */

static enum err_code take_line(struct spent *spent, const char *line, struct error *err)
{
    char one[2 * DEVICE_ID_BYTES + 2];
    char two[2 * DEVICE_ID_BYTES + 2];
    struct spent_code code;
    uint8_t device[DEVICE_ID_BYTES];
    int end = 0;
    if (sscanf(line, "device %33s%n", one, &end) == 1 && line[end] == '\0' && hex_decode(one, device, sizeof(device))) {
        return buf_append(&spent->devices, device, sizeof(device), err);
    }
    if (sscanf(line, "code %33s %33s %" SCNd64 "%n", one, two, &code.until_ms, &end) == 3 && line[end] == '\0' &&
        hex_decode(one, code.hash, sizeof(code.hash)) && hex_decode(two, code.device, sizeof(code.device))) {
        return buf_append(&spent->codes, &code, sizeof(code), err);
    }
    return FAIL(err, CONFIG, "read '%s': a line of it is none of this program's; put the file back as it was",
                spent->path);
}

static enum err_code read_file(struct spent *spent, struct error *err)
{
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, FILE_MAX);
    if (!file_exists(spent->path)) {
        return ERR_OK;
    }
    TRY(file_read(spent->path, &content, err));
    struct slice rest = buf_slice(&content);
    size_t first = strlen(FIRST_LINE);
    if (rest.len < first || memcmp(rest.data, FIRST_LINE, first) != 0) {
        return FAIL(err, CONFIG, "read '%s': it is not the file of this program; put it back as it was", spent->path);
    }
    rest = slice_of(rest.data + first, rest.len - first);
    while (rest.len > 0) {
        char line[LINE_SIZE] = "";
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? LINE_SIZE : (size_t)(end - rest.data);
        memcpy(line, rest.data, len < LINE_SIZE ? len : 0);
        TRY(take_line(spent, line, err));
        rest = slice_of(rest.data + len + 1, rest.len - len - 1);
    }
    return ERR_OK;
}

static enum err_code write_file(const struct spent *spent, struct error *err)
{
    SCOPED(buf_fini) struct buf content;
    char one[2 * DEVICE_ID_BYTES + 1];
    char two[2 * DEVICE_ID_BYTES + 1];
    char line[LINE_SIZE];
    buf_init(&content, FILE_MAX);
    if (spent->path == NULL) {
        return ERR_OK;
    }
    TRY(buf_append(&content, FIRST_LINE, strlen(FIRST_LINE), err));
    for (size_t i = 0; i < device_count(spent); i++) {
        hex_encode(spent->devices.data + i * DEVICE_ID_BYTES, DEVICE_ID_BYTES, one);
        int len = snprintf(line, sizeof(line), "device %s\n", one);
        TRY(buf_append(&content, line, (size_t)len, err));
    }
    for (size_t i = 0; i < code_count(spent); i++) {
        struct spent_code code = code_at(spent, i);
        hex_encode(code.hash, sizeof(code.hash), one);
        hex_encode(code.device, sizeof(code.device), two);
        int len = snprintf(line, sizeof(line), "code %s %s %" PRId64 "\n", one, two, code.until_ms);
        TRY(buf_append(&content, line, (size_t)len, err));
    }
    return file_replace(spent->path, buf_slice(&content), 0600, err);
}

/* ---- the database and the file ---- */

struct joining {
    struct spent *spent;
    struct buf revoke; /* ids that the file has and the database lets in */
    int64_t now_ms;
    bool added;
};

static enum err_code look_at(void *context, const struct centre_device *device, struct slice certificate,
                             struct error *err)
{
    struct joining *joining = context;
    bool listed = find_device(joining->spent, device->device) < device_count(joining->spent);
    bool revoked = device->revoked_at_ms != OP_TIME_NONE;
    (void)certificate;
    if (listed && !revoked) {
        return buf_append(&joining->revoke, device->device, DEVICE_ID_BYTES, err);
    }
    if (revoked && !listed) {
        joining->added = true;
        return buf_append(&joining->spent->devices, device->device, DEVICE_ID_BYTES, err);
    }
    return ERR_OK;
}

static enum err_code look_at_code(void *context, const uint8_t hash[SHA256_BYTES],
                                  const uint8_t device[DEVICE_ID_BYTES], struct error *err)
{
    struct joining *joining = context;
    bool added;
    TRY(add_code(joining->spent, hash, device, joining->now_ms, &added, err));
    joining->added = joining->added || added;
    return ERR_OK;
}

static enum err_code revoke_again(struct centre *centre, const struct buf *ids, int64_t now_ms, struct error *err)
{
    for (size_t i = 0; i < ids->len; i += DEVICE_ID_BYTES) {
        char digits[2 * DEVICE_ID_BYTES + 1];
        TRY(centre_device_revoke(centre->store, ids->data + i, now_ms, err));
        hex_encode(ids->data + i, DEVICE_ID_BYTES, digits);
        LOG_WARNING("device_revoked_again", "device=%s", digits);
    }
    return ids->len == 0 ? ERR_OK
                         : centre_incident_of_all(centre->store,
                                                  "this centre was put back to an older state: devices that it had "
                                                  "revoked since are revoked again; see BACKUP in holdfast-endpoint(8)",
                                                  now_ms, err);
}

enum err_code centre_spent_open(struct centre *centre, const char *path, int64_t now_ms, struct error *err)
{
    struct spent *spent = &centre->spent;
    struct joining joining = { .spent = spent, .now_ms = now_ms };
    CHECK(spent->path == NULL);
    spent->path = strdup(path);
    if (spent->path == NULL) {
        return FAIL(err, NO_MEMORY, "open the centre");
    }
    TRY(read_file(spent, err));
    buf_init(&joining.revoke, FILE_MAX);
    enum err_code rc = centre_device_certificates(centre->store, look_at, &joining, err);
    rc = rc != ERR_OK ? rc : centre_codes_used(centre->store, now_ms, look_at_code, &joining, err);
    rc = rc != ERR_OK ? rc : revoke_again(centre, &joining.revoke, now_ms, err);
    buf_fini(&joining.revoke);
    TRY(rc);
    return joining.added ? write_file(spent, err) : ERR_OK;
}

/* ---- who was revoked ---- */

enum err_code spent_revoke(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], struct error *err)
{
    struct spent *spent = &centre->spent;
    if (find_device(spent, device) == device_count(spent)) {
        TRY(buf_append(&spent->devices, device, DEVICE_ID_BYTES, err));
    }
    enum err_code rc = write_file(spent, err);
    return rc == ERR_OK
               ? ERR_OK
               : error_wrap(err, rc, "keep that it is revoked, which it is now, also for a database that is put back");
}

enum err_code spent_reinstate(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], struct error *err)
{
    struct spent *spent = &centre->spent;
    size_t at = find_device(spent, device);
    if (at == device_count(spent)) {
        return ERR_OK;
    }
    uint8_t *place = spent->devices.data + at * DEVICE_ID_BYTES;
    memmove(place, place + DEVICE_ID_BYTES, spent->devices.len - (at + 1) * DEVICE_ID_BYTES);
    spent->devices.len -= DEVICE_ID_BYTES;
    return write_file(spent, err);
}

/* ---- which codes were used ---- */

static void forget_old_codes(struct spent *spent, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < code_count(spent); i++) {
        struct spent_code code = code_at(spent, i);
        if (code.until_ms > now_ms) {
            memcpy(spent->codes.data + kept++ * sizeof(code), &code, sizeof(code));
        }
    }
    spent->codes.len = kept * sizeof(struct spent_code);
}

enum err_code spent_check_code(const struct centre *centre, const uint8_t code[SHA256_BYTES],
                               const uint8_t device[DEVICE_ID_BYTES], struct error *err)
{
    const struct spent *spent = &centre->spent;
    uint8_t hash[SPENT_HASH_BYTES];
    hash_again(code, hash);
    if (find_device(spent, device) < device_count(spent)) {
        return FAIL(err, REVOKED, "enrol: this device was revoked; make a new key");
    }
    size_t at = find_code(spent, hash);
    bool of_another = at < code_count(spent) && memcmp(code_at(spent, at).device, device, DEVICE_ID_BYTES) != 0;
    return of_another ? FAIL(err, REFUSED, "enrol: another device used this code; ask for a new one") : ERR_OK;
}

enum err_code spent_keep_code(struct centre *centre, const uint8_t code[SHA256_BYTES],
                              const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms, struct error *err)
{
    struct spent *spent = &centre->spent;
    bool added;
    forget_old_codes(spent, now_ms);
    TRY(add_code(spent, code, device, now_ms, &added, err));
    return write_file(spent, err); /* also what could not be written when it was used first */
}
