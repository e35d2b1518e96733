/*
 * The header of the write-ahead log: hidden, valid or not, and of which round.
 */
#include "crypto/vault/log_internal.h"

void log_checksum(bool big_endian, const uint8_t *bytes, size_t len, uint32_t sum[2])
{
    for (size_t i = 0; i < len; i += 8) {
        uint32_t a = get_be32(bytes + i);
        uint32_t b = get_be32(bytes + i + 4);
        sum[0] += (big_endian ? a : __builtin_bswap32(a)) + sum[1];
        sum[1] += (big_endian ? b : __builtin_bswap32(b)) + sum[0];
    }
}

bool log_big_endian(const uint8_t header[HEADER_BYTES])
{
    return (get_be32(header) & 1) != 0;
}

static bool header_valid(const uint8_t header[HEADER_BYTES])
{
    uint32_t magic = get_be32(header);
    if ((magic & ~1u) != WAL_MAGIC || get_be32(header + 4) != WAL_VERSION || get_be32(header + 8) != PAGE_BYTES) {
        return false;
    }
    uint32_t sum[2] = { 0 };
    log_checksum(log_big_endian(header), header, AT_CHECKSUM, sum);
    return sum[0] == get_be32(header + AT_CHECKSUM) && sum[1] == get_be32(header + AT_CHECKSUM + 4);
}

static void salts_take(struct log_state *state, const uint8_t header[HEADER_BYTES])
{
    memcpy(state->salts, header + AT_SALTS, SALTS_BYTES);
    state->salts_known = true;
}

enum header { HEADER_NONE, HEADER_SPOILT, HEADER_VALID };

/* Reads and shows the header; zeros unless it is valid. SPOILT: there is something else, and frames follow it. */
static int header_look(struct vault_file *file, uint8_t header[HEADER_BYTES], enum header *ret_what)
{
    static const uint8_t ZERO[HEADER_BYTES] = { 0 };
    struct log_state *state = log_state_of(file);
    uint8_t hidden[HEADER_BYTES];
    memset(header, 0, HEADER_BYTES);
    *ret_what = HEADER_NONE;
    int rc = log_read_below(file, hidden, HEADER_BYTES, 0);
    if (rc != SQLITE_OK || memcmp(hidden, ZERO, HEADER_BYTES) == 0) {
        return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
    }
    struct error err;
    for (unsigned turn = 0; hides_try(&state->hides, turn, &err) == ERR_OK; turn++) {
        if (show_bytes(&state->hides.hide, 0, hidden, HEADER_BYTES, header, &err) != ERR_OK) {
            return SQLITE_IOERR_READ;
        }
        if (header_valid(header)) {
            *ret_what = HEADER_VALID;
            return SQLITE_OK;
        }
    }
    if (err.code != ERR_NOT_FOUND) {
        return SQLITE_IOERR_READ;
    }
    memset(header, 0, HEADER_BYTES);
    sqlite3_int64 size = 0;
    rc = file->below->pMethods->xFileSize(file->below, &size);
    *ret_what = size > HEADER_BYTES ? HEADER_SPOILT : HEADER_NONE;
    return rc;
}

int log_refused(struct vault_file *file, const struct error *why)
{
    return vault_refused(file->vault, why, "read the log '%s-wal'", file->vault->path);
}

/*
 * A header that was never written whole (absent, zero, or nothing behind it) is given as zeros: SQLite takes the log
 * for empty, and so it is, because the header is made durable before the first frame. So is that of a round which is
 * in the database with all it had. Any other that is not of the present round is damage.
 */
int log_header_check(struct vault_file *file, uint8_t header[HEADER_BYTES], struct error *err)
{
    struct log_state *state = log_state_of(file);
    enum header what;
    enum fresh_log log = FRESH_LOG_UNCHECKED;
    state->salts_known = false;
    int rc = header_look(file, header, &what);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (what == HEADER_SPOILT) {
        (void)FAIL(err, DAMAGED, "its header is not one of this vault, and frames follow it");
        return SQLITE_IOERR_DATA;
    }
    bool valid = what == HEADER_VALID;
    if (fresh_log_check(file->vault->fresh, valid ? header + AT_SALTS : NULL, &log, err) != ERR_OK) {
        return SQLITE_IOERR_DATA;
    }
    if (valid && log == FRESH_LOG_ABSORBED) {
        memset(header, 0, HEADER_BYTES);
    } else if (valid) {
        salts_take(state, header);
        state->recovery =
            (struct recovery){ .tail = fresh_tail_of(file->vault->fresh, state->salts),
                               .big_endian = log_big_endian(header),
                               .sum = { get_be32(header + AT_CHECKSUM), get_be32(header + AT_CHECKSUM + 4) } };
    }
    return SQLITE_OK;
}

int log_header_read(struct vault_file *file, uint8_t header[HEADER_BYTES])
{
    struct error err;
    int rc = log_header_check(file, header, &err);
    return rc == SQLITE_IOERR_DATA ? log_refused(file, &err) : rc;
}

int log_file_round(sqlite3_file *handle, struct fresh_round *ret_round)
{
    struct vault_file *file = vault_file_of(handle);
    uint8_t header[HEADER_BYTES];
    enum header what;
    int rc = header_look(file, header, &what);
    if (rc == SQLITE_OK) {
        ret_round->there = what == HEADER_VALID;
        memcpy(ret_round->salts, header + AT_SALTS, SALTS_BYTES);
    }
    return rc;
}

int log_salts_ensure(struct vault_file *file)
{
    struct log_state *state = log_state_of(file);
    if (state->salts_known) {
        return SQLITE_OK;
    }
    uint8_t header[HEADER_BYTES];
    int rc = log_header_read(file, header);
    if (rc != SQLITE_OK || state->salts_known) {
        return rc;
    }
    struct error why;
    (void)FAIL(&why, DAMAGED, "the header is gone");
    return vault_refused(file->vault, &why, "read '%s-wal'", file->vault->path);
}

/*
 * A new round begins. The table of the database's pages becomes durable before the log that has them whole goes. Which
 * header is there until the new one is must be certain: a loss of power may undo what was not synced, a cut and a
 * deletion of the log too.
 */
static int round_begin(struct vault_file *file, const uint8_t salts[SALTS_BYTES])
{
    struct fresh *fresh = file->vault->fresh;
    struct fresh_round visible = { 0 };
    struct error err;
    int rc = log_file_round(&file->handle, &visible);
    bool durable = visible.there && fresh_tail_of(fresh, visible.salts).frame > 0;
    if (rc == SQLITE_OK && !durable) {
        rc = file->below->pMethods->xSync(file->below, SQLITE_SYNC_NORMAL);
    }
    if (rc != SQLITE_OK) {
        return rc;
    }
    enum err_code begun = fresh_round_begin(fresh, salts, &visible, &err);
    return begun == ERR_OK ? SQLITE_OK : begun == ERR_DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int log_header_write(struct vault_file *file, const uint8_t header[HEADER_BYTES])
{
    struct log_state *state = log_state_of(file);
    struct error err;
    state->salts_known = false;
    state->committed.frame = 0;
    state->appended = 0;
    int rc = round_begin(file, header + AT_SALTS);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (hides_take_newest(&state->hides, &err) != ERR_OK ||
        hide_bytes(&state->hides.hide, 0, header, HEADER_BYTES, state->scratch, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    rc = log_write_below(file, state->scratch, HEADER_BYTES, 0);
    if (rc == SQLITE_OK) {
        salts_take(state, header);
    }
    return rc;
}
