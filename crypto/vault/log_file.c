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
 *
 * From the first frame that a transaction replaces SQLite leaves salts and checksums zero and fills them in at the
 * commit, from that frame on. SQLite 3.40 forgets that a rollback to a savepoint may have taken the log back to before
 * that frame: those that then follow stay zero, the chain breaks there, and after a crash the whole commit would be
 * gone. It reads the checksum in front of the first frame that it corrects; chain_mend() fills the others in before.
 */
#include "base/log.h"
#include "crypto/vault/log_internal.h"

static int refused(struct vault_file *file, const struct error *why, uint32_t frame)
{
    return vault_refused(file->vault, why, "read frame %u of '%s-wal'", frame, file->vault->path);
}

/* Frames
 * ----------------------------------------------------------------------------------------------------------------- */

static int frame_header_write(struct vault_file *file, uint32_t frame, const uint8_t header[FRAME_HEADER_BYTES])
{
    struct log_state *state = log_state_of(file);
    struct error err;
    if (hides_ready(&state->hides, &err) != ERR_OK ||
        hide_bytes(&state->hides.hide, frame, header, FRAME_HEADER_BYTES, state->scratch, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    return log_write_below(file, state->scratch, FRAME_HEADER_BYTES, log_frame_at(frame));
}

static int held_flush(struct vault_file *file)
{
    struct log_state *state = log_state_of(file);
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
    struct log_state *state = log_state_of(file);
    int rc = log_read_below(file, state->scratch, FRAME_HEADER_BYTES, log_frame_at(frame));
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
    struct log_state *state = log_state_of(file);
    const uint8_t *own = header + AT_FRAME_SALTS;
    for (int attempt = 0; attempt < 2; attempt++) {
        int rc = log_salts_ensure(file);
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
    return fresh_commit_undo(file->vault->fresh, log_state_of(file)->salts, frame, &err) == ERR_OK ? SQLITE_OK
                                                                                                   : SQLITE_IOERR_WRITE;
}

/* With the header that was held back, or into the frame that is there. */
static int page_write(struct vault_file *file, uint32_t frame, const uint8_t *page)
{
    struct log_state *state = log_state_of(file);
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
        return log_write_below(file, state->scratch + FRAME_HEADER_BYTES, PAGE_BYTES,
                               log_frame_at(frame) + FRAME_HEADER_BYTES);
    }
    rc = log_write_below(file, state->scratch, FRAME_BYTES, log_frame_at(frame));
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
    struct log_state *state = log_state_of(file);
    struct error err;
    int rc = log_read_below(file, state->scratch, FRAME_BYTES, log_frame_at(frame));
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
    struct log_state *state = log_state_of(file);
    struct error err;
    enum err_code opened = ERR_OK;
    /* Twice: another handle may have begun the log anew, with other salts and perhaps under another epoch. */
    for (int attempt = 0; attempt < 2; attempt++) {
        uint8_t header[FRAME_HEADER_BYTES];
        int rc = log_salts_ensure(file);
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
    log_checksum(recovery->big_endian, shown, AT_FRAME_SALTS, recovery->sum);
    log_checksum(recovery->big_endian, shown + FRAME_HEADER_BYTES, PAGE_BYTES, recovery->sum);
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
    struct log_state *state = log_state_of(file);
    int rc = log_salts_ensure(file);
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

struct chain {
    uint32_t frame; /* the last one that has its checksum, 0: the log's header */
    bool big_endian;
    uint32_t sum[2];
};

static int chain_find(struct vault_file *file, uint32_t frame, struct chain *ret_chain)
{
    static const uint8_t ZERO[SALTS_BYTES] = { 0 };
    uint8_t log[HEADER_BYTES] = { 0 };
    uint8_t header[FRAME_HEADER_BYTES];
    const uint8_t *sum = log + AT_CHECKSUM;
    int rc = log_header_read(file, log);
    for (; rc == SQLITE_OK && frame > 0; frame--) {
        rc = frame_header_read(file, frame, header);
        if (rc == SQLITE_OK && memcmp(header + AT_FRAME_SALTS, ZERO, SALTS_BYTES) != 0) {
            sum = header + AT_FRAME_CHECKSUM;
            break;
        }
    }
    *ret_chain = (struct chain){ .frame = frame,
                                 .big_endian = log_big_endian(log),
                                 .sum = { get_be32(sum), get_be32(sum + 4) } };
    return rc;
}

/* One frame more of the chain. */
static int chain_extend(struct vault_file *file, struct chain *chain)
{
    struct log_state *state = log_state_of(file);
    uint8_t header[FRAME_HEADER_BYTES];
    uint8_t page[PAGE_BYTES];
    struct error err;
    uint32_t frame = chain->frame + 1;
    int rc = frame_read(file, frame, header);
    if (rc != SQLITE_OK) {
        return rc;
    }
    enum err_code opened = frame_open(state, frame, header, page, &err);
    if (opened != ERR_OK) {
        return opened == ERR_DAMAGED ? refused(file, &err, frame) : SQLITE_IOERR_READ;
    }
    log_checksum(chain->big_endian, header, AT_FRAME_SALTS, chain->sum);
    log_checksum(chain->big_endian, page, PAGE_BYTES, chain->sum);
    secret_wipe(page, sizeof(page));
    memcpy(header + AT_FRAME_SALTS, state->salts, SALTS_BYTES);
    put_be32(header + AT_FRAME_CHECKSUM, chain->sum[0]);
    put_be32(header + AT_FRAME_CHECKSUM + 4, chain->sum[1]);
    chain->frame = frame;
    return frame_header_write(file, frame, header);
}

/* The checksum of the frame, or of the last in the log if a rollback left it behind that. */
static int chain_mend(struct vault_file *file, uint32_t frame, uint8_t out[CHECKSUM_BYTES])
{
    const struct log_state *state = log_state_of(file);
    uint32_t last = state->appended != 0 && state->appended < frame ? state->appended : frame;
    struct chain chain;
    int rc = chain_find(file, last, &chain);
    if (rc == SQLITE_OK && chain.frame < last) {
        LOG_INFO("vault_log_chain_mended", "from=%u to=%u", chain.frame + 1, last);
    }
    while (rc == SQLITE_OK && chain.frame < last) {
        rc = chain_extend(file, &chain);
    }
    put_be32(out, chain.sum[0]);
    put_be32(out + 4, chain.sum[1]);
    return rc;
}

/* SQLite reads back the running checksum in front of a frame that it corrects. */
static int checksum_read(struct vault_file *file, struct log_place place, uint8_t out[CHECKSUM_BYTES])
{
    uint8_t header[HEADER_BYTES] = { 0 };
    if (place.frame > 0) {
        return chain_mend(file, place.frame, out);
    }
    int rc = log_header_read(file, header);
    memcpy(out, header + place.within, CHECKSUM_BYTES);
    return rc;
}

static int log_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    struct log_state *state = log_state_of(file);
    struct log_place place = place_of(at);
    state->whole_read = 0;
    int rc = held_flush(file);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (place.frame == 0 && place.within == 0 && amount == HEADER_BYTES) {
        state->recovering = true;
        return log_header_read(file, out);
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
    struct log_state *state = log_state_of(file);
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
        return log_header_write(file, bytes);
    }
    if (place.frame > 0 && place.within == 0 && amount == FRAME_HEADER_BYTES) {
        if (correcting) {
            return frame_header_write(file, place.frame, bytes);
        }
        memcpy(state->held, bytes, FRAME_HEADER_BYTES);
        state->held_frame = place.frame;
        state->appended = place.frame;
        return SQLITE_OK;
    }
    return shape_unknown(file, amount, at);
}

static int log_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct vault_file *file = vault_file_of(handle);
    log_state_of(file)->held_frame = 0;
    log_state_of(file)->appended = 0;
    log_state_of(file)->salts_known = false;
    struct error err;
    if (size == 0 && fresh_round_end(file->vault->fresh, &err) != ERR_OK) {
        return SQLITE_IOERR_TRUNCATE;
    }
    return below_truncate(handle, size);
}

static int log_sync(sqlite3_file *handle, int flags)
{
    struct vault_file *file = vault_file_of(handle);
    struct committed *committed = &log_state_of(file)->committed;
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
    if (rc == SQLITE_OK && tail > 0 && *ret_size < log_frame_at(tail + 1)) {
        struct error why;
        (void)FAIL(&why, DAMAGED, "it is gone or ends before frame %u, and that was committed", tail);
        return log_refused(file, &why);
    }
    return rc;
}

static int log_close(sqlite3_file *handle)
{
    struct vault_file *file = vault_file_of(handle);
    struct log_state *state = log_state_of(file);
    seals_fini(&state->seals);
    hides_fini(&state->hides);
    secret_wipe(state, sizeof(*state));
    sqlite3_free(state);
    file->state = NULL;
    return below_close(handle);
}

/* A frame as recovery would take it, with its place in the chain of checksums. */
static enum err_code scan_frame(struct vault_file *file, uint32_t frame, uint8_t out[FRAME_BYTES], struct error *err)
{
    struct log_state *state = log_state_of(file);
    sqlite3_int64 size = 0;
    int rc = below_file_size(&file->handle, &size);
    if (rc == SQLITE_OK && size < log_frame_at(frame + 1)) {
        return FAIL(err, DAMAGED, "the file ends before the frame's end");
    }
    rc = rc == SQLITE_OK ? log_read_below(file, state->scratch, FRAME_BYTES, log_frame_at(frame)) : rc;
    rc = rc == SQLITE_OK ? frame_header_show(state, frame, out) : rc;
    if (rc != SQLITE_OK) {
        return FAIL(err, IO, "read frame %u of '%s-wal'", frame, file->vault->path);
    }
    TRY(frame_open(state, frame, out, out + FRAME_HEADER_BYTES, err));
    return recovery_check(&state->recovery, state, frame, out, err);
}

int log_file_scan(sqlite3_file *handle, uint32_t frame, struct log_look *ret_look, struct error *err)
{
    struct vault_file *file = vault_file_of(handle);
    struct log_state *state = log_state_of(file);
    uint8_t bytes[FRAME_BYTES];
    if (frame == 0) {
        int rc = log_header_check(file, bytes, err);
        return rc == SQLITE_OK && !state->salts_known ? SQLITE_DONE : rc;
    }
    enum err_code rc = scan_frame(file, frame, bytes, err);
    if (rc == ERR_OK) {
        *ret_look = (struct log_look){ .page = get_be32(bytes), .commit_pages = get_be32(bytes + AT_COMMIT) };
        return SQLITE_OK;
    }
    if (rc != ERR_DAMAGED) {
        return SQLITE_IOERR_READ;
    }
    return frame <= state->recovery.tail.frame ? SQLITE_IOERR_DATA : SQLITE_DONE;
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
