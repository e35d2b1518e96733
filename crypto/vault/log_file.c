/*
 * The write-ahead log, with SQLite's positions:
 *
 *        0    32  header, hidden with tweak 0
 *       32    24  header of frame 1, hidden with tweak 1
 *       56  4096  page of frame 1, sealed
 *     4152    24  header of frame 2, hidden with tweak 2
 *      ...
 *
 * How SQLite uses it decides what each access means:
 *   - A frame's header, then its page: held back and put together, one write.
 *   - A frame's header after the read of that whole frame: SQLite corrects checksums. Written at once.
 *   - A page alone: the frame exists and its content is replaced before the transaction ends; its page number stays.
 *   - The header, then whole frames: recovery looking for the end. There a frame that does not open is the end.
 *   - Every other read of a frame is of one that was committed: it opens, or the read fails.
 * A frame's own header is final only at the commit, so the salts that a page is bound to come from the file's header.
 */
#include <string.h>

#include "base/log.h"
#include "crypto/vault/vault_internal.h"

enum { HEADER_BYTES = 32, FRAME_HEADER_BYTES = 24, FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES };

/* Offsets in the log's header and in a frame's. */
enum { AT_SALTS = 16, AT_CHECKSUM = 24, AT_COMMIT = 4, AT_FRAME_SALTS = 8, AT_FRAME_CHECKSUM = 16, CHECKSUM_BYTES = 8 };

enum { WAL_MAGIC = 0x377f0682, WAL_VERSION = 3007000 };

/* What recovery must find: every frame up to the tail, each following on the one before. */
struct recovery {
    struct fresh_tail tail;
    bool big_endian;
    uint32_t sum[2];
};

/* A frame that ends a commit. */
struct committed {
    uint32_t frame;
    uint8_t salts[SALTS_BYTES];
    uint8_t nonce[NONCE_BYTES];
};

struct log_state {
    struct seals seals;
    struct hides hides;
    bool salts_known;
    bool recovering;
    uint8_t salts[SALTS_BYTES];
    uint32_t held_frame; /* 0: none */
    uint32_t whole_read; /* the frame that the last call read whole; 0: none */
    struct recovery recovery;
    struct committed committed; /* frame 0: nothing since the last sync */
    uint8_t held[FRAME_HEADER_BYTES];
    uint8_t scratch[FRAME_BYTES];
};

static struct log_state *state_of(const struct vault_file *file)
{
    return (struct log_state *)file->state;
}

static sqlite3_int64 frame_at(uint32_t frame)
{
    return HEADER_BYTES + (sqlite3_int64)(frame - 1) * FRAME_BYTES;
}

static int read_below(const struct vault_file *file, void *out, int amount, sqlite3_int64 at)
{
    return file->below->pMethods->xRead(file->below, out, amount, at);
}

static int write_below(const struct vault_file *file, const void *bytes, int amount, sqlite3_int64 at)
{
    return file->below->pMethods->xWrite(file->below, bytes, amount, at);
}

static int refused(struct vault_file *file, const struct error *why, uint32_t frame)
{
    return vault_refused(file->vault, why, "read frame %u of '%s-wal'", frame, file->vault->path);
}

/* The log's header
 * ------------------------------------------------------------------------------------------------------ */

/* SQLite's own checksum, in the byte order that the magic number names. */
static void checksum(bool big_endian, const uint8_t *bytes, size_t len, uint32_t sum[2])
{
    for (size_t i = 0; i < len; i += 8) {
        uint32_t a = get_be32(bytes + i);
        uint32_t b = get_be32(bytes + i + 4);
        sum[0] += (big_endian ? a : __builtin_bswap32(a)) + sum[1];
        sum[1] += (big_endian ? b : __builtin_bswap32(b)) + sum[0];
    }
}

static bool header_big_endian(const uint8_t header[HEADER_BYTES])
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
    checksum(header_big_endian(header), header, AT_CHECKSUM, sum);
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
    struct log_state *state = state_of(file);
    uint8_t hidden[HEADER_BYTES];
    memset(header, 0, HEADER_BYTES);
    *ret_what = HEADER_NONE;
    int rc = read_below(file, hidden, HEADER_BYTES, 0);
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

static int log_refused(struct vault_file *file, const struct error *why)
{
    return vault_refused(file->vault, why, "read the log '%s-wal'", file->vault->path);
}

/*
 * A header that was never written whole (absent, zero, or nothing behind it) is given as zeros: SQLite takes the log
 * for empty, and so it is, because the header is made durable before the first frame. So is that of a round which is
 * in the database with all it had. Any other that is not of the present round is damage.
 */
static int header_read(struct vault_file *file, uint8_t header[HEADER_BYTES])
{
    struct log_state *state = state_of(file);
    enum header what;
    enum fresh_log log = FRESH_LOG_UNCHECKED;
    struct error err;
    state->salts_known = false;
    int rc = header_look(file, header, &what);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (what == HEADER_SPOILT) {
        (void)FAIL(&err, DAMAGED, "it is not a header of this vault, and frames follow it");
        return vault_refused(file->vault, &err, "read the header of '%s-wal'", file->vault->path);
    }
    bool valid = what == HEADER_VALID;
    if (fresh_log_check(file->vault->fresh, valid ? header + AT_SALTS : NULL, &log, &err) != ERR_OK) {
        return log_refused(file, &err);
    }
    if (valid && log == FRESH_LOG_ABSORBED) {
        LOG_INFO("vault_log_was_in_database_already", "vault=%s", file->vault->name);
        memset(header, 0, HEADER_BYTES);
    } else if (valid) {
        salts_take(state, header);
        state->recovery =
            (struct recovery){ .tail = fresh_tail_of(file->vault->fresh, state->salts),
                               .big_endian = header_big_endian(header),
                               .sum = { get_be32(header + AT_CHECKSUM), get_be32(header + AT_CHECKSUM + 4) } };
    }
    return SQLITE_OK;
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

/* Once taken they are kept. Another handle may begin the log anew: the readers and the writer below notice. */
static int salts_ensure(struct vault_file *file)
{
    struct log_state *state = state_of(file);
    if (state->salts_known) {
        return SQLITE_OK;
    }
    uint8_t header[HEADER_BYTES];
    int rc = header_read(file, header);
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

static int header_write(struct vault_file *file, const uint8_t header[HEADER_BYTES])
{
    struct log_state *state = state_of(file);
    struct error err;
    state->salts_known = false;
    state->committed.frame = 0;
    int rc = round_begin(file, header + AT_SALTS);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (hides_take_newest(&state->hides, &err) != ERR_OK ||
        hide_bytes(&state->hides.hide, 0, header, HEADER_BYTES, state->scratch, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    rc = write_below(file, state->scratch, HEADER_BYTES, 0);
    if (rc == SQLITE_OK) {
        salts_take(state, header);
    }
    return rc;
}

/* Frames
 * ----------------------------------------------------------------------------------------------------------------- */

static int frame_header_write(struct vault_file *file, uint32_t frame, const uint8_t header[FRAME_HEADER_BYTES])
{
    struct log_state *state = state_of(file);
    struct error err;
    if (hides_ready(&state->hides, &err) != ERR_OK ||
        hide_bytes(&state->hides.hide, frame, header, FRAME_HEADER_BYTES, state->scratch, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    return write_below(file, state->scratch, FRAME_HEADER_BYTES, frame_at(frame));
}

static int held_flush(struct vault_file *file)
{
    struct log_state *state = state_of(file);
    uint32_t frame = state->held_frame;
    state->held_frame = 0;
    return frame == 0 ? SQLITE_OK : frame_header_write(file, frame, state->held);
}

/* The header of the frame in the scratch. */
static int frame_header_show(struct log_state *state, uint32_t frame, uint8_t header[FRAME_HEADER_BYTES])
{
    struct error err;
    return hides_ready(&state->hides, &err) == ERR_OK &&
                   show_bytes(&state->hides.hide, frame, state->scratch, FRAME_HEADER_BYTES, header, &err) == ERR_OK
               ? SQLITE_OK
               : SQLITE_IOERR_READ;
}

static int frame_header_read(struct vault_file *file, uint32_t frame, uint8_t header[FRAME_HEADER_BYTES])
{
    struct log_state *state = state_of(file);
    int rc = read_below(file, state->scratch, FRAME_HEADER_BYTES, frame_at(frame));
    return rc == SQLITE_OK ? frame_header_show(state, frame, header) : rc;
}

/*
 * The salts to seal a page with. A frame's header carries the log's salts or, while its checksum is yet to be
 * corrected, zeros; if it carries others, somebody began the log anew behind this handle's back, and sealing would make
 * a frame that never opens.
 */
static int salts_for(struct vault_file *file, const uint8_t header[FRAME_HEADER_BYTES])
{
    static const uint8_t ZERO[SALTS_BYTES] = { 0 };
    struct log_state *state = state_of(file);
    const uint8_t *own = header + AT_FRAME_SALTS;
    for (int attempt = 0; attempt < 2; attempt++) {
        int rc = salts_ensure(file);
        if (rc != SQLITE_OK || memcmp(own, ZERO, SALTS_BYTES) == 0 || memcmp(own, state->salts, SALTS_BYTES) == 0) {
            return rc;
        }
        state->salts_known = false;
    }
    struct error why;
    (void)FAIL(&why, DAMAGED, "the log's header was exchanged");
    return vault_refused(file->vault, &why, "write '%s-wal'", file->vault->path);
}

/* A frame that was noted as committed is written again only if its commit failed behind the sync. */
static int commit_undo(struct vault_file *file, uint32_t frame)
{
    struct error err;
    return fresh_commit_undo(file->vault->fresh, state_of(file)->salts, frame, &err) == ERR_OK ? SQLITE_OK
                                                                                               : SQLITE_IOERR_WRITE;
}

/* With the header that was held back, or into the frame that is there. */
static int page_write(struct vault_file *file, uint32_t frame, const uint8_t *page)
{
    struct log_state *state = state_of(file);
    bool together = state->held_frame == frame;
    uint8_t header[FRAME_HEADER_BYTES];
    int rc = SQLITE_OK;
    if (together) {
        memcpy(header, state->held, sizeof(header));
        state->held_frame = 0;
    } else {
        rc = held_flush(file);
        rc = rc == SQLITE_OK ? frame_header_read(file, frame, header) : rc;
    }
    rc = rc == SQLITE_OK ? salts_for(file, header) : rc;
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct frame_place place = { .page_number = get_be32(header), .frame_number = frame };
    memcpy(place.salts, state->salts, SALTS_BYTES);
    struct error err;
    struct seal *seal;
    if (seals_newest(&state->seals, &seal, &err) != ERR_OK || hides_ready(&state->hides, &err) != ERR_OK ||
        seal_close_frame(seal, &place, page, state->scratch + FRAME_HEADER_BYTES, &err) != ERR_OK ||
        hide_bytes(&state->hides.hide, frame, header, FRAME_HEADER_BYTES, state->scratch, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    rc = commit_undo(file, frame);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (!together) {
        return write_below(file, state->scratch + FRAME_HEADER_BYTES, PAGE_BYTES, frame_at(frame) + FRAME_HEADER_BYTES);
    }
    rc = write_below(file, state->scratch, FRAME_BYTES, frame_at(frame));
    if (rc == SQLITE_OK && get_be32(header + AT_COMMIT) != 0) {
        state->committed.frame = frame;
        memcpy(state->committed.salts, state->salts, SALTS_BYTES);
        memcpy(state->committed.nonce, state->scratch + FRAME_HEADER_BYTES + PAGE_BODY, NONCE_BYTES);
    }
    return rc;
}

/* Reads a frame and shows its header; the sealed page stays in the scratch. */
static int frame_read(struct vault_file *file, uint32_t frame, uint8_t header[FRAME_HEADER_BYTES])
{
    struct log_state *state = state_of(file);
    struct error err;
    int rc = read_below(file, state->scratch, FRAME_BYTES, frame_at(frame));
    if (rc == SQLITE_IOERR_SHORT_READ) {
        (void)FAIL(&err, DAMAGED, "the file ends before the frame's end");
        return refused(file, &err, frame);
    }
    return rc == SQLITE_OK ? frame_header_show(state, frame, header) : rc;
}

static enum err_code frame_open(struct log_state *state, uint32_t frame, const uint8_t header[FRAME_HEADER_BYTES],
                                uint8_t *page, struct error *err)
{
    struct frame_place place = { .page_number = get_be32(header), .frame_number = frame };
    memcpy(place.salts, state->salts, SALTS_BYTES);
    return seals_open_frame(&state->seals, &place, state->scratch + FRAME_HEADER_BYTES, page, err);
}

static int page_read(struct vault_file *file, uint32_t frame, uint8_t *page)
{
    struct log_state *state = state_of(file);
    struct error err;
    enum err_code opened = ERR_OK;
    /* Twice: another handle may have begun the log anew, with other salts and perhaps under another epoch. */
    for (int attempt = 0; attempt < 2; attempt++) {
        uint8_t header[FRAME_HEADER_BYTES];
        int rc = salts_ensure(file);
        rc = rc == SQLITE_OK ? frame_read(file, frame, header) : rc;
        if (rc != SQLITE_OK) {
            return rc;
        }
        opened = frame_open(state, frame, header, page, &err);
        if (opened != ERR_DAMAGED) {
            break;
        }
        state->salts_known = false;
    }
    if (opened == ERR_OK) {
        return SQLITE_OK;
    }
    return opened == ERR_DAMAGED ? refused(file, &err, frame) : SQLITE_IOERR_READ;
}

/* Is this frame, which was committed, still the one, in its place and whole? */
static enum err_code recovery_check(struct recovery *recovery, const struct log_state *state, uint32_t frame,
                                    const uint8_t shown[FRAME_BYTES], struct error *err)
{
    checksum(recovery->big_endian, shown, AT_FRAME_SALTS, recovery->sum);
    checksum(recovery->big_endian, shown + FRAME_HEADER_BYTES, PAGE_BYTES, recovery->sum);
    if (memcmp(shown + AT_FRAME_SALTS, state->salts, SALTS_BYTES) != 0 ||
        get_be32(shown + AT_FRAME_CHECKSUM) != recovery->sum[0] ||
        get_be32(shown + AT_FRAME_CHECKSUM + 4) != recovery->sum[1]) {
        return FAIL(err, DAMAGED, "it does not follow on the frame before it");
    }
    const uint8_t *nonce = state->scratch + FRAME_HEADER_BYTES + PAGE_BODY;
    if (frame == recovery->tail.frame &&
        (get_be32(shown + AT_COMMIT) == 0 ||
         (recovery->tail.nonce_known && memcmp(nonce, recovery->tail.nonce, NONCE_BYTES) != 0))) {
        return FAIL(err, DAMAGED, "it is not the one that was committed");
    }
    return ERR_OK;
}

static int whole_frame_read(struct vault_file *file, uint32_t frame, uint8_t *out)
{
    struct log_state *state = state_of(file);
    int rc = salts_ensure(file);
    rc = rc == SQLITE_OK ? frame_read(file, frame, out) : rc;
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct error err;
    enum err_code opened = frame_open(state, frame, out, out + FRAME_HEADER_BYTES, &err);
    bool committed = state->recovering && frame <= state->recovery.tail.frame;
    if (opened == ERR_OK && committed) {
        opened = recovery_check(&state->recovery, state, frame, out, &err);
    }
    if (opened == ERR_DAMAGED && state->recovering && !committed) {
        /* Frames of an earlier round carry its salts and are expected here; a frame of this round was cut or changed.
         */
        if (memcmp(out + AT_FRAME_SALTS, state->salts, SALTS_BYTES) == 0) {
            LOG_WARNING("vault_log_ended_at_unauthentic_frame", "frame=%u", frame);
        }
        memset(out, 0, FRAME_BYTES);
        return SQLITE_OK;
    }
    if (opened == ERR_DAMAGED) {
        return refused(file, &err, frame);
    }
    return opened == ERR_OK ? SQLITE_OK : SQLITE_IOERR_READ;
}

/* Methods
 * ----------------------------------------------------------------------------------------------------------------- */

struct log_place {
    uint32_t frame; /* 0: the log's header */
    uint32_t within;
};

static struct log_place place_of(sqlite3_int64 at)
{
    if (at < HEADER_BYTES) {
        return (struct log_place){ .frame = 0, .within = (uint32_t)at };
    }
    sqlite3_int64 behind = at - HEADER_BYTES;
    return (struct log_place){ .frame = (uint32_t)(behind / FRAME_BYTES) + 1,
                               .within = (uint32_t)(behind % FRAME_BYTES) };
}

static int shape_unknown(struct vault_file *file, int amount, sqlite3_int64 at)
{
    struct error why;
    (void)FAIL(&why, REFUSED, "%d bytes at %lld are no part of a log with pages of %d", amount, at, PAGE_BYTES);
    return vault_refused(file->vault, &why, "use '%s-wal'", file->vault->path);
}

/* SQLite reads back the running checksum in front of a frame that it corrects. */
static int checksum_read(struct vault_file *file, struct log_place place, uint8_t out[CHECKSUM_BYTES])
{
    uint8_t header[HEADER_BYTES] = { 0 };
    int rc = place.frame == 0 ? header_read(file, header) : frame_header_read(file, place.frame, header);
    memcpy(out, header + place.within, CHECKSUM_BYTES);
    return rc;
}

static int log_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    struct log_state *state = state_of(file);
    struct log_place place = place_of(at);
    state->whole_read = 0;
    int rc = held_flush(file);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (place.frame == 0 && place.within == 0 && amount == HEADER_BYTES) {
        state->recovering = true;
        return header_read(file, out);
    }
    if (place.frame > 0 && place.within == 0 && amount == FRAME_BYTES) {
        state->whole_read = place.frame;
        return whole_frame_read(file, place.frame, out);
    }
    state->recovering = false;
    if (place.frame > 0 && place.within == FRAME_HEADER_BYTES && amount == PAGE_BYTES) {
        return page_read(file, place.frame, out);
    }
    uint32_t checksum_at = place.frame == 0 ? AT_CHECKSUM : AT_FRAME_CHECKSUM;
    if (place.within == checksum_at && amount == CHECKSUM_BYTES) {
        return checksum_read(file, place, out);
    }
    return shape_unknown(file, amount, at);
}

static int log_write(sqlite3_file *handle, const void *bytes, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    struct log_state *state = state_of(file);
    struct log_place place = place_of(at);
    bool correcting = state->whole_read != 0 && state->whole_read == place.frame;
    state->recovering = false;
    state->whole_read = 0;
    if (place.frame > 0 && place.within == FRAME_HEADER_BYTES && amount == PAGE_BYTES) {
        return page_write(file, place.frame, bytes);
    }
    int rc = held_flush(file);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (place.frame == 0 && place.within == 0 && amount == HEADER_BYTES) {
        return header_write(file, bytes);
    }
    if (place.frame > 0 && place.within == 0 && amount == FRAME_HEADER_BYTES) {
        if (correcting) {
            return frame_header_write(file, place.frame, bytes);
        }
        memcpy(state->held, bytes, FRAME_HEADER_BYTES);
        state->held_frame = place.frame;
        return SQLITE_OK;
    }
    return shape_unknown(file, amount, at);
}

static int log_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct vault_file *file = vault_file_of(handle);
    state_of(file)->held_frame = 0;
    state_of(file)->salts_known = false;
    struct error err;
    if (size == 0 && fresh_round_end(file->vault->fresh, &err) != ERR_OK) {
        return SQLITE_IOERR_TRUNCATE;
    }
    return below_truncate(handle, size);
}

static int log_sync(sqlite3_file *handle, int flags)
{
    struct vault_file *file = vault_file_of(handle);
    struct committed *committed = &state_of(file)->committed;
    int rc = held_flush(file);
    rc = rc == SQLITE_OK ? below_sync(handle, flags) : rc;
    if (rc == SQLITE_OK && committed->frame != 0) {
        fresh_commit_note(file->vault->fresh, committed->salts, committed->frame, committed->nonce);
        committed->frame = 0;
    }
    return rc;
}

static int log_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    struct vault_file *file = vault_file_of(handle);
    int rc = held_flush(file);
    rc = rc == SQLITE_OK ? below_file_size(handle, ret_size) : rc;
    uint32_t tail = fresh_tail_frame(file->vault->fresh);
    if (rc == SQLITE_OK && tail > 0 && *ret_size < frame_at(tail + 1)) {
        struct error why;
        (void)FAIL(&why, DAMAGED, "it is gone or ends before frame %u, and that was committed", tail);
        return log_refused(file, &why);
    }
    return rc;
}

static int log_close(sqlite3_file *handle)
{
    struct vault_file *file = vault_file_of(handle);
    struct log_state *state = state_of(file);
    seals_fini(&state->seals);
    hides_fini(&state->hides);
    secret_wipe(state, sizeof(*state));
    sqlite3_free(state);
    file->state = NULL;
    return below_close(handle);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_file_size,
    .xLock = below_lock,
    .xUnlock = below_unlock,
    .xCheckReservedLock = below_check_reserved_lock,
    .xFileControl = below_file_control,
    .xSectorSize = below_sector_size,
    .xDeviceCharacteristics = below_device_characteristics,
};

int log_file_start(struct vault_file *file)
{
    struct log_state *state = sqlite3_malloc(sizeof(*state));
    if (state == NULL) {
        return SQLITE_NOMEM;
    }
    *state = (struct log_state){ 0 };
    seals_init(&state->seals, &file->vault->epochs, EPOCH_FRAMES);
    hides_init(&state->hides, &file->vault->epochs);
    file->state = state;
    file->handle.pMethods = &METHODS;
    return SQLITE_OK;
}
