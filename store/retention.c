/* Who is due for erasure, and how much that is of each kind of record. */
#include "store/retention.h"

#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

/* ---- who is due ---- */

static enum err_code read_due(struct store *store, sqlite3_stmt *s, struct store_due *rows, size_t max,
                              size_t *ret_count, struct error *err)
{
    size_t count = 0;
    while (count < max) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        (void)column_fixed(s, 0, rows[count].participant.bytes, ROW_ID_BYTES);
        column_text(s, 1, rows[count].ref, sizeof(rows[count].ref));
        rows[count].newest_day = (int32_t)column_int(s, 2);
        count++;
    }
    sqlite3_reset(s);
    *ret_count = count;
    return ERR_OK;
}

enum err_code store_retention_due(struct store *store, int32_t day, size_t max, struct store_due **ret_due,
                                  size_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    struct store_due *rows = calloc(max + 1, sizeof(*rows));
    if (rows == NULL) {
        return FAIL(err, NO_MEMORY, "list whose records are due");
    }
    enum err_code rc = db_statement(
        &store->db,
        "WITH d AS (SELECT ifnull(m.person, x.participant) AS person, max(x.day) AS newest FROM ("
        "SELECT participant, max(ifnull(starts_on, 0), ifnull(ends_on, 0)) AS day FROM placement UNION ALL "
        "SELECT p.participant, max(s.day) FROM placement p JOIN session s ON s.placement = p.id AND s.heads > 0 "
        "GROUP BY p.id UNION ALL "
        "SELECT participant, max(ifnull(received_on, 0), ifnull(status_on, 0)) FROM referral UNION ALL "
        "SELECT participant, day FROM appointment UNION ALL SELECT participant, decided_on FROM decision) x "
        "LEFT JOIN same_as m ON m.participant = x.participant GROUP BY 1) "
        "SELECT q.id, q.ref, d.newest FROM d JOIN participant q ON q.id = (SELECT min(id) FROM participant WHERE id IN "
        "(SELECT participant FROM same_as WHERE person = d.person UNION ALL SELECT d.person)) "
        "WHERE d.newest > 0 AND d.newest <= ?1 ORDER BY d.newest, q.ref, q.id",
        &s, err);
    if (rc == ERR_OK) {
        bind_int(s, 1, day);
        rc = read_due(store, s, rows, max, ret_count, err);
    }
    if (rc != ERR_OK) {
        free(rows);
        return rc;
    }
    *ret_due = rows;
    return ERR_OK;
}

/* ---- how much of each kind ---- */

const char *retention_hold_name(enum retention_hold hold)
{
    static const char *const names[HOLD_COUNT] = { "dispute", "doubt", "challenge", "decision" };
    return names[hold];
}

bool kind_goes_with_person(const struct kind *kind)
{
    static const uint32_t kinds[] = { KIND_PARTICIPANT, KIND_REFERRAL_EVENT,   KIND_ATTENDANCE,
                                      KIND_SAME_PERSON, KIND_COMPLIANCE_DOUBT, KIND_DOUBT_EVENT };
    static const char *const links[] = { "participant", "placement", "referral" };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kind->number == kinds[i]) {
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        if (kind_field_index(kind, links[i]) >= 0) {
            return true;
        }
    }
    return false;
}

static enum err_code count_held(struct store *store, struct retention_counts *counts, struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    bool row;
    TRY(db_prepare(&store->db, "SELECT kind, count(*) FROM op WHERE body IS NOT NULL GROUP BY kind", &s, err));
    for (;;) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        int64_t kind = column_int(s, 0);
        if (kind >= 0 && kind < STORE_KINDS_MAX) {
            counts->kinds[kind].held = (uint64_t)column_int(s, 1);
        }
    }
}

static void add_due(struct retention_counts *counts, const struct store_erasable *erasable)
{
    for (size_t kind = 0; kind < STORE_KINDS_MAX; kind++) {
        struct retention_count *count = &counts->kinds[kind];
        count->due += erasable->kinds[kind];
        count->held_back += erasable->hold_count > 0 ? erasable->kinds[kind] : 0;
        for (int hold = 0; hold < HOLD_COUNT; hold++) {
            count->held_back_by[hold] +=
                erasable_held_by(erasable, (enum retention_hold)hold) ? erasable->kinds[kind] : 0;
        }
    }
}

static enum err_code count_person(struct store *store, const struct store_due *due, bool later, int32_t today,
                                  struct retention_counts *counts, struct error *err)
{
    struct store_erase erase = {
        .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES, .unconfirmed = true, .ground = "retention"
    };
    struct store_erasable erasable;
    memcpy(erase.subject, due->participant.bytes, OP_ENTITY_BYTES);
    TRY(store_erase_look(store, &erase, today, &erasable, err));
    if (!later) {
        add_due(counts, &erasable);
        return ERR_OK;
    }
    for (size_t kind = 0; kind < STORE_KINDS_MAX; kind++) {
        counts->kinds[kind].due_later += erasable.kinds[kind];
    }
    return ERR_OK;
}

static enum err_code people_count(struct store *store, size_t *ret_count, struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    bool row;
    TRY(db_prepare(&store->db, "SELECT count(*) FROM participant", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = row ? (size_t)column_int(s, 0) : 0;
    return ERR_OK;
}

enum err_code store_retention_counts(struct store *store, int32_t day, int32_t later, int32_t today,
                                     struct retention_counts *ret_counts, struct error *err)
{
    struct retention_counts counts = { 0 };
    struct store_due *due = NULL;
    size_t people = 0;
    size_t count = 0;
    TRY(count_held(store, &counts, err));
    if (day > 0) {
        TRY(people_count(store, &people, err));
        TRY(store_retention_due(store, later, people, &due, &count, err));
    }
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = count_person(store, &due[i], due[i].newest_day > day, today, &counts, err);
    }
    free(due);
    TRY(rc);
    *ret_counts = counts;
    return ERR_OK;
}
