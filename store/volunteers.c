#include "store/volunteers.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "store/read.h"

void volunteer_list_fini(struct volunteer_list *list)
{
    free(list->rows);
    *list = (struct volunteer_list){ 0 };
}

void volunteer_shift_list_fini(struct volunteer_shift_list *list)
{
    free(list->rows);
    *list = (struct volunteer_shift_list){ 0 };
}

void plain_key(const char *text, char out[ROW_NAME_SIZE])
{
    size_t len = 0;
    for (; *text != '\0' && len < ROW_NAME_SIZE - 1; text++) {
        bool blank = isspace((unsigned char)*text) != 0;
        if (!blank) {
            out[len++] = (char)tolower((unsigned char)*text);
        } else if (len > 0 && out[len - 1] != ' ') {
            out[len++] = ' ';
        }
    }
    out[len > 0 && out[len - 1] == ' ' ? len - 1 : len] = '\0';
}

/* ---- whose placements are to be looked at again ---- */

/* Who has this name or is this participant, as ids one behind the other. */
static enum err_code find_same(struct store *store, const char *key, const uint8_t *participant, struct buf *ids,
                               struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id, name FROM participant", &s, err));
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        char name[ROW_NAME_SIZE];
        char name_key[ROW_NAME_SIZE];
        struct slice id = column_slice(s, 0);
        column_text(s, 1, name, sizeof(name));
        plain_key(name, name_key);
        bool same = id.len == OP_ENTITY_BYTES && memcmp(id.data, participant, OP_ENTITY_BYTES) == 0;
        if (id.len == OP_ENTITY_BYTES && (same || (key[0] != '\0' && strcmp(key, name_key) == 0))) {
            enum err_code rc = buf_append(ids, id.data, id.len, err);
            if (rc != ERR_OK) {
                sqlite3_reset(s);
                return rc;
            }
        }
    }
}

static enum err_code mark_same(struct store *store, const char *name, const uint8_t *participant, struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    char key[ROW_NAME_SIZE];
    buf_init(&ids, SIZE_MAX / 2);
    plain_key(name, key);
    TRY(find_same(store, key, participant, &ids, err));
    for (size_t at = 0; at < ids.len; at += OP_ENTITY_BYTES) {
        TRY(dirty_participant(store, slice_of(ids.data + at, OP_ENTITY_BYTES), err));
    }
    return ERR_OK;
}

/* ---- entering ---- */

struct known_volunteer {
    int64_t id;
    char name[ROW_NAME_SIZE];
    uint8_t participant[OP_ENTITY_BYTES];
};

static enum err_code find_known(struct store *store, const char *ref, struct known_volunteer *ret, bool *ret_found,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id, name, participant FROM volunteer WHERE ref = ?1", &s, err));
    bind_text(s, 1, ref);
    TRY(db_step(&store->db, s, ret_found, err));
    if (*ret_found) {
        ret->id = column_int(s, 0);
        column_text(s, 1, ret->name, sizeof(ret->name));
        (void)column_fixed(s, 2, ret->participant, OP_ENTITY_BYTES);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code need_known(struct store *store, const char *ref, struct known_volunteer *ret, struct error *err)
{
    bool found;
    TRY(find_known(store, ref, ret, &found, err));
    return found ? ERR_OK : FAIL(err, NOT_FOUND, "find the volunteer: there is none with this reference");
}

static void bind_day(sqlite3_stmt *s, int at, int32_t day)
{
    if (day == ROW_NONE) {
        bind_null(s, at);
    } else {
        bind_int(s, at, day);
    }
}

static enum err_code volunteer_write(struct store *store, const char *actor, const struct volunteer *volunteer,
                                     int64_t now_ms, struct error *err)
{
    static const struct row_id none;
    char key[ROW_NAME_SIZE];
    sqlite3_stmt *s;
    plain_key(volunteer->name, key);
    TRY(db_statement(&store->db,
                     "INSERT INTO volunteer (ref, name, name_key, participant, place, note, starts_on, ends_on, "
                     "said_by, said_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (ref) DO UPDATE "
                     "SET name = ?2, name_key = ?3, participant = ?4, place = ?5, note = ?6, starts_on = ?7, "
                     "ends_on = ?8, said_by = ?9, said_at = ?10",
                     &s, err));
    bind_text(s, 1, volunteer->ref);
    bind_text(s, 2, volunteer->name);
    bind_text(s, 3, key);
    if (memcmp(&volunteer->participant, &none, sizeof(none)) == 0) {
        bind_null(s, 4);
    } else {
        bind_blob(s, 4, volunteer->participant.bytes, ROW_ID_BYTES);
    }
    bind_text(s, 5, volunteer->place);
    bind_text(s, 6, volunteer->note);
    bind_day(s, 7, volunteer->starts_on);
    bind_day(s, 8, volunteer->ends_on);
    bind_text(s, 9, actor);
    bind_int(s, 10, now_ms);
    TRY(db_run(&store->db, s, err));
    return mark_same(store, volunteer->name, volunteer->participant.bytes, err);
}

/* Those whom the version before meant are looked at again too. */
static enum err_code mark_known(struct store *store, const char *ref, struct error *err)
{
    struct known_volunteer known;
    bool found;
    TRY(find_known(store, ref, &known, &found, err));
    return found ? mark_same(store, known.name, known.participant, err) : ERR_OK;
}

enum err_code store_volunteer_put(struct store *store, const char *actor, const struct volunteer *volunteer,
                                  int64_t now_ms, struct error *err)
{
    TRY(replica_begin(store, err));
    enum err_code rc = mark_known(store, volunteer->ref, err);
    if (rc == ERR_OK) {
        rc = volunteer_write(store, actor, volunteer, now_ms, err);
    }
    return replica_end(store, rc, err);
}

static enum err_code forget_same(struct store *store, const struct known_volunteer *known, struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    char key[ROW_NAME_SIZE];
    buf_init(&ids, SIZE_MAX / 2);
    plain_key(known->name, key);
    TRY(find_same(store, key, known->participant, &ids, err));
    TRY(volunteer_flags_forget(store, &ids, err));
    return mark_same(store, known->name, known->participant, err);
}

static enum err_code remove_known(struct store *store, const char *ref, struct error *err)
{
    struct known_volunteer known;
    sqlite3_stmt *s;
    TRY(need_known(store, ref, &known, err));
    TRY(db_statement(&store->db, "DELETE FROM volunteer_shift WHERE volunteer = ?1", &s, err));
    bind_int(s, 1, known.id);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db, "DELETE FROM volunteer WHERE id = ?1", &s, err));
    bind_int(s, 1, known.id);
    TRY(db_run(&store->db, s, err));
    TRY(db_exec(&store->db, "UPDATE sync_state SET scrub = 1 WHERE scrub = 0", err));
    return forget_same(store, &known, err);
}

enum err_code store_volunteer_remove(struct store *store, const char *ref, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, remove_known(store, ref, err), err);
}

static enum err_code shift_write(struct store *store, const char *actor, const struct volunteer_shift *shift,
                                 int64_t now_ms, struct error *err)
{
    struct known_volunteer known;
    sqlite3_stmt *s;
    TRY(need_known(store, shift->volunteer_ref, &known, err));
    TRY(db_statement(&store->db,
                     "INSERT INTO volunteer_shift VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
                     "ON CONFLICT (volunteer, day, starts_min) DO UPDATE SET ends_min = ?4, worked_minutes = ?5, "
                     "place = ?6, what = ?7, said_by = ?8, said_at = ?9",
                     &s, err));
    bind_int(s, 1, known.id);
    bind_int(s, 2, shift->day);
    bind_int(s, 3, shift->starts_min);
    bind_int(s, 4, shift->ends_min);
    bind_day(s, 5, shift->worked_minutes);
    bind_text(s, 6, shift->place);
    bind_text(s, 7, shift->what);
    bind_text(s, 8, actor);
    bind_int(s, 9, now_ms);
    TRY(db_run(&store->db, s, err));
    return mark_same(store, known.name, known.participant, err);
}

enum err_code store_volunteer_shift_put(struct store *store, const char *actor, const struct volunteer_shift *shift,
                                        int64_t now_ms, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, shift_write(store, actor, shift, now_ms, err), err);
}

static enum err_code shift_remove(struct store *store, const char *ref, int32_t day, int starts_min, struct error *err)
{
    struct known_volunteer known;
    sqlite3_stmt *s;
    TRY(need_known(store, ref, &known, err));
    TRY(db_statement(&store->db, "DELETE FROM volunteer_shift WHERE volunteer = ?1 AND day = ?2 AND starts_min = ?3",
                     &s, err));
    bind_int(s, 1, known.id);
    bind_int(s, 2, day);
    bind_int(s, 3, starts_min);
    TRY(db_run(&store->db, s, err));
    if (sqlite3_changes(store->db.handle) == 0) {
        return FAIL(err, NOT_FOUND, "find the shift: this volunteer has none that begins then");
    }
    return mark_same(store, known.name, known.participant, err);
}

enum err_code store_volunteer_shift_remove(struct store *store, const char *ref, int32_t day, int starts_min,
                                           struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, shift_remove(store, ref, day, starts_min, err), err);
}

/* ---- reading ---- */

static void read_volunteer(sqlite3_stmt *s, struct volunteer *row)
{
    column_text(s, 0, row->ref, sizeof(row->ref));
    column_text(s, 1, row->name, sizeof(row->name));
    column_text(s, 2, row->place, sizeof(row->place));
    column_text(s, 3, row->note, sizeof(row->note));
    (void)column_fixed(s, 4, row->participant.bytes, ROW_ID_BYTES);
    column_text(s, 5, row->participant_ref, sizeof(row->participant_ref));
    row->starts_on = (int32_t)column_int_or(s, 6, ROW_NONE);
    row->ends_on = (int32_t)column_int_or(s, 7, ROW_NONE);
    column_text(s, 8, row->said_by, sizeof(row->said_by));
    row->said_at_ms = column_int(s, 9);
    row->shifts = (int)column_int(s, 10);
    row->worked_minutes = column_int(s, 11);
}

static void read_shift(sqlite3_stmt *s, struct volunteer_shift *row)
{
    column_text(s, 0, row->volunteer_ref, sizeof(row->volunteer_ref));
    column_text(s, 1, row->volunteer_name, sizeof(row->volunteer_name));
    row->day = (int32_t)column_int(s, 2);
    row->starts_min = (int)column_int(s, 3);
    row->ends_min = (int)column_int(s, 4);
    row->worked_minutes = (int)column_int_or(s, 5, ROW_NONE);
    column_text(s, 6, row->place, sizeof(row->place));
    column_text(s, 7, row->what, sizeof(row->what));
    column_text(s, 8, row->said_by, sizeof(row->said_by));
    row->said_at_ms = column_int(s, 9);
}

/* The next row of at most `limit`; NULL in *ret_row at the end, with *ret_more when there was one more. */
static enum err_code next_row(struct store *store, sqlite3_stmt *s, struct row_array *array, size_t limit,
                              void **ret_row, bool *ret_more, struct error *err)
{
    bool row;
    *ret_row = NULL;
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    *ret_more = array->count == limit;
    enum err_code rc = *ret_more ? ERR_OK : row_array_next(array, ret_row, err);
    if (*ret_row == NULL) {
        sqlite3_reset(s);
    }
    return rc;
}

enum err_code query_volunteers(struct store *store, const char *ref, size_t limit, struct volunteer_list *ret_list,
                               struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(row_array_fini) struct row_array array = { .size = sizeof(struct volunteer) };
    TRY(db_statement(&store->db,
                     "SELECT v.ref, v.name, v.place, v.note, v.participant, q.ref, v.starts_on, v.ends_on, v.said_by, "
                     "v.said_at, (SELECT count(*) FROM volunteer_shift s WHERE s.volunteer = v.id), "
                     "(SELECT ifnull(sum(s.worked_minutes), 0) FROM volunteer_shift s WHERE s.volunteer = v.id) "
                     "FROM volunteer v LEFT JOIN participant q ON q.id = v.participant "
                     "WHERE ?1 IS NULL OR v.ref = ?1 ORDER BY v.ref",
                     &s, err));
    bind_text(s, 1, ref); /* NULL binds as NULL */
    bool more = false;
    void *row;
    do {
        TRY(next_row(store, s, &array, limit, &row, &more, err));
        if (row != NULL) {
            read_volunteer(s, row);
        }
    } while (row != NULL);
    *ret_list = (struct volunteer_list){ .rows = array.rows, .count = array.count, .more = more };
    array.rows = NULL;
    return ERR_OK;
}

enum err_code query_volunteer_shifts(struct store *store, const char *ref, int32_t from_day, int32_t to_day,
                                     size_t limit, struct volunteer_shift_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(row_array_fini) struct row_array array = { .size = sizeof(struct volunteer_shift) };
    TRY(db_statement(&store->db,
                     "SELECT v.ref, v.name, s.day, s.starts_min, s.ends_min, s.worked_minutes, "
                     "CASE s.place WHEN '' THEN v.place ELSE s.place END, s.what, s.said_by, s.said_at "
                     "FROM volunteer_shift s JOIN volunteer v ON v.id = s.volunteer "
                     "WHERE s.day BETWEEN ?2 AND ?3 AND (?1 IS NULL OR v.ref = ?1) "
                     "ORDER BY s.day, s.starts_min, v.ref",
                     &s, err));
    bind_text(s, 1, ref); /* NULL binds as NULL */
    bind_int(s, 2, from_day);
    bind_int(s, 3, to_day);
    bool more = false;
    void *row;
    do {
        TRY(next_row(store, s, &array, limit, &row, &more, err));
        if (row != NULL) {
            read_shift(s, row);
        }
    } while (row != NULL);
    *ret_list = (struct volunteer_shift_list){ .rows = array.rows, .count = array.count, .more = more };
    array.rows = NULL;
    return ERR_OK;
}
