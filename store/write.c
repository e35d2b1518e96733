/*
 * Recording on this machine: entries become ops of our own chain, folded in the same transaction.
 */
#include <string.h>

#include "store/fold_parts.h"
#include "store/replica.h"

/* Physical milliseconds above a counter; never goes back, whatever the wall clock does. */
static uint64_t next_hlc(struct store *store, int64_t now_ms)
{
    uint64_t physical = now_ms > 0 ? (uint64_t)now_ms << 16 : 0;
    store->newest_hlc = physical > store->newest_hlc ? physical : store->newest_hlc + 1;
    return store->newest_hlc;
}

enum err_code op_recorded(struct store *store, struct error *err)
{
    TRY(fold_flush(store, err));
    return oplog_author_save(store, &store->self, err);
}

/* ---- does it say anything new? ---- */

/* Was this very body ever written about the subject? */
static enum err_code said_before(struct store *store, const struct store_entry *entry, struct slice body,
                                 bool *ret_said, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT 1 FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = ?2 AND kind <> 5 "
                     "AND quarantine IS NULL AND body = ?3",
                     &s, err));
    bind_blob(s, 1, entry->subject, entry->record.kind->subject_len);
    bind_int(s, 2, entry->kind);
    bind_slice(s, 3, body);
    TRY(db_step(&store->db, s, ret_said, err));
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code subject_known(struct store *store, const struct store_entry *entry, bool *ret_known,
                                   struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT 1 FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = ?2 AND kind <> 5 "
                     "AND quarantine IS NULL AND body IS NOT NULL",
                     &s, err));
    bind_blob(s, 1, entry->subject, entry->record.kind->subject_len);
    bind_int(s, 2, entry->kind);
    TRY(db_step(&store->db, s, ret_known, err));
    sqlite3_reset(s);
    return ERR_OK;
}

/* What the assertions of a session say about a new one. What was said before it began can be said again when it has. */
struct session_view {
    struct op_id heads[OP_SUPERSEDES_MAX];
    size_t head_count;
    uint64_t heads_hlc; /* the newest logical time of theirs */
    bool head_says_same;
    bool ever_said_same;
};

static enum err_code view_session(struct store *store, const uint8_t *subject, struct slice body,
                                  struct session_view *view, struct error *err)
{
    *view = (struct session_view){ 0 };
    int32_t day;
    int slot;
    session_of_subject(subject, &day, &slot);
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT a.op, a.head, w.device, w.incarnation, o.body = ?4 "
        "AND (a.outcome NOT IN (2, 3, 5) OR ifnull(a.said_min >= a.day * 1440 + ifnull(s.starts_min, 0), 1)), a.hlc "
        "FROM attendance a "
        "JOIN author w ON w.id = (a.op >> 40) JOIN op o ON o.id = a.op "
        "LEFT JOIN session s ON s.placement = a.placement AND s.day = a.day AND s.slot = a.slot "
        "WHERE a.placement = ?1 AND a.day = ?2 AND a.slot = ?3",
        &s, err));
    bind_blob(s, 1, subject, OP_ENTITY_BYTES);
    bind_int(s, 2, day);
    bind_int(s, 3, slot);
    bind_slice(s, 4, body);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        bool same = column_int_or(s, 4, 0) != 0;
        view->ever_said_same |= same;
        if (column_int(s, 1) == 0) {
            continue;
        }
        view->head_says_same |= same;
        if (view->head_count == OP_SUPERSEDES_MAX) {
            continue; /* still disputed after this one: the next supersedes it and the rest */
        }
        uint64_t hlc = (uint64_t)column_int(s, 5);
        view->heads_hlc = hlc > view->heads_hlc ? hlc : view->heads_hlc;
        struct op_id *head = &view->heads[view->head_count++];
        (void)column_fixed(s, 2, head->device, DEVICE_ID_BYTES);
        head->incarnation = (uint32_t)column_int(s, 3);
        head->seq = op_key_seq(column_int(s, 0));
    }
}

/* What is on record about the subject of a new op, of its kind. */
struct newest {
    uint64_t hlc;
    bool says_same; /* in the same words */
};

/*
 * The newest logical time among the ops that a new one is to stand over. One from a clock that ran far ahead moves no
 * other clock; without this, nobody could correct what it wrote until that time has come.
 */
static enum err_code newest_about(struct store *store, const struct op *op, struct newest *newest, struct error *err)
{
    sqlite3_stmt *s;
    *newest = (struct newest){ 0 };
    TRY(db_statement(&store->db,
                     "SELECT header, ifnull(body = ?3, 0) FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = "
                     "?2 AND kind <> 5 "
                     "AND quarantine IS NULL",
                     &s, err));
    bind_blob(s, 1, op->subject, op->subject_len);
    bind_int(s, 2, op->kind);
    bind_slice(s, 3, op->body);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct op held;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        enum err_code rc = op_header_decode(column_slice(s, 0), &held, supersedes, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        if (held.hlc >= newest->hlc) {
            *newest = (struct newest){ .hlc = held.hlc, .says_same = column_int(s, 1) != 0 };
        }
    }
}

/* ---- one op ---- */

enum err_code op_number(struct store *store, const struct author *author, uint64_t seq, const uint8_t *seed,
                        struct op *op, struct error *err)
{
    op->id = (struct op_id){ .incarnation = author->incarnation, .seq = seq };
    memcpy(op->id.device, author->device, DEVICE_ID_BYTES);
    memcpy(op->stream, store->stream, STREAM_ID_BYTES);
    if (!op->erased) {
        if (seed != NULL) {
            op_salt(seed, seq, op->salt);
        }
        op_body_hash(op->salt, op->body, op->body_hash);
    }
    buf_clear(&store->header);
    return op_header_encode(op, &store->header, err);
}

enum err_code op_append(struct store *store, struct author *author, const struct op *op, bool salted,
                        const char *quarantine, int64_t now_ms, struct error *err)
{
    TRY(oplog_insert(store, author, op, buf_slice(&store->header), salted, quarantine, now_ms, err));
    author->newest_seq = op->id.seq;
    op_link_next(author->newest_link, buf_slice(&store->header), author->newest_link);
    return quarantine == NULL ? fold_op(store, op_key(author->id, op->id.seq), op, err) : ERR_OK;
}

/* A block in which something was erased has no seed any more, and gets none again: each salt is drawn. */
static enum err_code salt_next(struct store *store, uint64_t seq, uint8_t seed[OP_SEED_BYTES], bool *ret_seeded,
                               struct op *op, struct error *err)
{
    uint64_t block = op_salt_block(seq);
    bool written;
    TRY(oplog_seed_find(store, store->self.id, block, seed, ret_seeded, err));
    if (*ret_seeded) {
        return ERR_OK;
    }
    TRY(salts_are_written(store, store->self.id, block, &written, err));
    *ret_seeded = !written;
    if (written) {
        return random_bytes(op->salt, sizeof(op->salt), err);
    }
    return oplog_seed_own(store, &store->self, block, NULL, seed, err);
}

/* The newest that the centre said of the time: with an answer, or by the certificate that it gave; 0: nothing. */
static enum err_code centre_said_ms(struct store *store, int64_t *ret_ms, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct certificate certificate;
    TRY(db_statement(&store->db, "SELECT heard_at, (SELECT certificate FROM identity) FROM sync_state", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_ms = row ? column_int(s, 0) : 0;
    enum err_code rc = ERR_OK;
    if (*ret_ms == 0 && row && sqlite3_column_type(s, 1) != SQLITE_NULL) {
        rc = certificate_parse(column_slice(s, 1), &certificate, err);
        *ret_ms = rc == ERR_OK ? certificate.not_before_ms : 0;
    }
    sqlite3_reset(s);
    return rc;
}

/* The centre takes nothing from a clock that is ten years ahead: nothing is recorded by one that is five years ahead of
 * its last word. */
static enum err_code check_date(struct store *store, int64_t now_ms, struct error *err)
{
    int64_t said_ms;
    if (now_ms <= store->believed_until_ms) {
        return ERR_OK;
    }
    TRY(centre_said_ms(store, &said_ms, err));
    store->believed_until_ms = said_ms == 0 ? now_ms : said_ms + OP_AHEAD_MAX_MS / 2;
    return now_ms <= store->believed_until_ms
               ? ERR_OK
               : FAIL(err, REFUSED,
                      "record: by this computer's clock the centre's last word is more than five years old; set the "
                      "clock, then record again");
}

enum err_code op_record(struct store *store, struct op *op, int64_t now_ms, struct error *err)
{
    enum err_code admitted;
    struct error reason;
    uint8_t seed[OP_SEED_BYTES];
    bool seeded;
    struct author *self = &store->self;
    if (self->newest_seq == OP_SEQ_MAX) {
        return FAIL(err, LIMIT, "record: this device's log is full");
    }
    TRY(check_date(store, now_ms, err));
    uint64_t hlc = next_hlc(store, now_ms);
    op->hlc = op->hlc < hlc ? hlc : op->hlc + 1;
    uint64_t seq = self->newest_seq + 1;
    TRY(salt_next(store, seq, seed, &seeded, op, err));
    TRY(op_number(store, self, seq, seeded ? seed : NULL, op, err));
    TRY(oplog_admit(store, self, op, &admitted, &reason, err));
    if (admitted != ERR_OK) {
        return error_set(err, admitted, "%s", reason.message);
    }
    return op_append(store, self, op, seeded, NULL, now_ms, err);
}

static enum err_code plan_attendance(struct store *store, const struct store_entry *entry, int64_t true_ms,
                                     struct op *op, struct session_view *view, bool *ret_new, struct error *err)
{
    if (fold_marked(store, KIND_ATTENDANCE, slice_of(entry->subject, OP_SESSION_BYTES))) {
        TRY(fold_flush(store, err)); /* an entry before this one was about it */
    }
    TRY(view_session(store, entry->subject, op->body, view, err));
    *ret_new = entry->imported ? !view->ever_said_same : !(view->head_says_same && view->head_count == 1);
    if (!*ret_new) {
        return ERR_OK;
    }
    TRY(write_check_assertion(store, entry, true_ms, err));
    const struct value *note = &entry->record.values[kind_field_index(entry->record.kind, "note")];
    if (view->head_count > 0 && (!note->present || note->text.len == 0)) {
        return FAIL(err, REFUSED, "correct a record without a reason: both versions stay, so say why in a note");
    }
    op->supersedes = view->heads;
    op->supersedes_count = view->head_count;
    op->hlc = view->heads_hlc;
    return ERR_OK;
}

/* A route that the programme does not have is kept when it comes from elsewhere, and not made here. */
static enum err_code check_route(struct store *store, const struct record *record, struct error *err)
{
    int index = kind_field_index(record->kind, "route");
    if (index < 0 || !record->values[index].present) {
        return ERR_OK;
    }
    const char *code;
    for (size_t i = 0; (code = programme_code_at(store->programme, LABEL_ROUTE, i)) != NULL; i++) {
        if (slice_equal(record->values[index].text, slice_of_text(code))) {
            return ERR_OK;
        }
    }
    return FAIL(err, INVALID, "field 'route': expected a route of the programme %s", programme_id(store->programme));
}

/* Whose a placement or a referral is does not change: what was done about one person would become another's. */
static enum err_code check_lasting(struct store *store, const struct store_entry *entry, struct error *err)
{
    const struct kind *kind = entry->record.kind;
    bool said = false;
    for (size_t f = 0; f < kind->field_count; f++) {
        said |= kind->fields[f].lasting && entry->record.values[f].present;
    }
    if (!said) {
        return ERR_OK;
    }
    SCOPED(merged_fini) struct merged merged = { 0 };
    TRY(merged_make(store, kind, slice_of(entry->subject, OP_ENTITY_BYTES), &merged, err));
    for (size_t f = 0; f < kind->field_count; f++) {
        const struct value *held = &merged.record.values[f];
        const struct value *new = &entry->record.values[f];
        if (kind->fields[f].lasting && held->present && new->present && !slice_equal(held->text, new->text)) {
            return FAIL(err, REFUSED,
                        "field '%s': this %s has another one, which does not change: end this %s and add another "
                        "under a ref of its own",
                        kind->fields[f].name, kind->name, kind->name);
        }
    }
    return ERR_OK;
}

enum err_code entry_fits(struct store *store, const struct store_entry *entry, struct error *err)
{
    TRY(check_route(store, &entry->record, err));
    return check_lasting(store, entry, err);
}

static enum err_code plan_entity(struct store *store, const struct store_entry *entry, struct op *op, bool *ret_new,
                                 struct error *err)
{
    bool known;
    TRY(subject_known(store, entry, &known, err));
    TRY(record_check(&entry->record, !known, err));
    TRY(check_route(store, &entry->record, err));
    struct newest newest = { 0 };
    bool said = false;
    if (known) {
        TRY(check_lasting(store, entry, err));
        TRY(newest_about(store, op, &newest, err));
    }
    if (known && entry->imported) {
        TRY(said_before(store, entry, op->body, &said, err));
    }
    op->hlc = newest.hlc;
    *ret_new = !said && !(entry->kind == KIND_REFERRAL_EVENT && newest.says_same);
    return *ret_new ? write_check(store, entry, op->recorded_at_ms - op->offset_ms, err) : ERR_OK;
}

static enum err_code write_entry(struct store *store, const char *actor, const struct store_entry *entry,
                                 int64_t now_ms, int64_t offset_ms, struct store_written *written, struct error *err)
{
    struct op op = { .kind = entry->kind,
                     .subject_len = entry->record.kind->subject_len,
                     .actor = slice_of_text(actor),
                     .recorded_at_ms = now_ms,
                     .offset_ms = offset_ms,
                     .happened_at_ms = entry->happened_at_ms };
    memcpy(op.subject, entry->subject, op.subject_len);
    buf_clear(&store->body);
    TRY(record_check(&entry->record, entry->kind == KIND_ATTENDANCE, err));
    TRY(record_check_name(&entry->record, err));
    TRY(record_encode(&entry->record, &store->body, err));
    op.body = buf_slice(&store->body);
    struct session_view view;
    bool is_new;
    if (entry->kind == KIND_ATTENDANCE) {
        TRY(plan_attendance(store, entry, now_ms - offset_ms, &op, &view, &is_new, err));
    } else {
        TRY(plan_entity(store, entry, &op, &is_new, err));
    }
    if (!is_new) {
        written->unchanged++;
        return ERR_OK;
    }
    TRY(erasure_before(store, &op, err));
    TRY(op_record(store, &op, now_ms, err));
    written->added++;
    written->last = op.id;
    return ERR_OK;
}

/* ---- the transaction ---- */

static enum err_code write_all(struct store *store, const char *actor, const struct store_source *source,
                               int64_t now_ms, struct store_written *written, struct error *err)
{
    int64_t offset_ms;
    TRY(replica_clock_offset(store, &offset_ms, err));
    for (size_t i = 0; i < source->count; i++) {
        const struct store_entry *entry = source->entry(source->context, i);
        enum err_code rc = write_entry(store, actor, entry, now_ms, offset_ms, written, err);
        if (rc != ERR_OK) {
            written->failed_at = i;
            return rc;
        }
    }
    if (written->added == 0) {
        return fold_flush(store, err);
    }
    TRY(op_recorded(store, err));
    return dirty_judge(store, err);
}

static enum err_code check_call(const struct store *store, const char *actor, struct error *err)
{
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED,
                    "record: this machine is not enrolled; run 'holdfast enrol' with the code you were given");
    }
    size_t len = strlen(actor);
    return len > 0 && len <= OP_ACTOR_MAX
               ? ERR_OK
               : FAIL(err, INVALID, "record: the actor's name must have 1 to %d bytes", OP_ACTOR_MAX);
}

static enum err_code write_once(struct store *store, const char *actor, const struct store_source *source, bool judged,
                                int64_t now_ms, struct store_written *written, struct error *err)
{
    *written = (struct store_written){ .failed_at = source->count };
    TRY(replica_begin(store, err));
    if (judged) {
        dirty_hold(store);
    }
    return replica_end(store, write_all(store, actor, source, now_ms, written, err), err);
}

enum err_code store_write_from(struct store *store, const char *actor, const struct store_source *source,
                               int64_t now_ms, struct store_written *ret_written, struct error *err)
{
    struct store_written written;
    TRY(check_call(store, actor, err));
    bool judged = source->count == 1;
    enum err_code rc = write_once(store, actor, source, judged, now_ms, &written, err);
    if (rc != ERR_OK && judged && store->dirty_held.lost) {
        rc = write_once(store, actor, source, false, now_ms, &written, err);
    }
    if (rc != ERR_OK) {
        written.added = 0;
        written.unchanged = 0;
    }
    *ret_written = written;
    return rc;
}

enum err_code store_write_dry(struct store *store, const char *actor, const struct store_source *source, int64_t now_ms,
                              struct store_written *ret_written, struct error *err)
{
    struct store_written written = { .failed_at = source->count };
    TRY(check_call(store, actor, err));
    TRY(replica_begin(store, err));
    enum err_code rc = write_all(store, actor, source, now_ms, &written, err);
    db_rollback(&store->db);
    enum err_code reloaded = replica_reload(store, rc == ERR_OK ? err : NULL);
    *ret_written = written;
    return rc == ERR_OK ? reloaded : rc;
}

struct entries {
    const struct store_entry *first;
};

static const struct store_entry *entry_at(void *context, size_t index)
{
    const struct entries *entries = context;
    return &entries->first[index];
}

enum err_code store_write(struct store *store, const char *actor, const struct store_entry *entries, size_t count,
                          int64_t now_ms, struct store_written *ret_written, struct error *err)
{
    struct entries all = { entries };
    struct store_source source = { count, entry_at, &all };
    return store_write_from(store, actor, &source, now_ms, ret_written, err);
}
