/* Who is due for erasure, and how much that is of each kind of record. */
#include "store/retention.h"

#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

/* ---- who is due ---- */

#define DAYS_OF_PLACEMENT                                                                                              \
    "SELECT placement, max(ifnull(served_on, 0), ifnull(received_on, 0)) AS day FROM notice UNION ALL "                \
    "SELECT placement, reached_on FROM milestone UNION ALL "                                                           \
    "SELECT placement, max(ifnull(claimed_on, 0), ifnull(paid_on, 0), ifnull(refused_on, 0)) FROM claim UNION ALL "    \
    "SELECT placement, max(ifnull(day, 0), ifnull(status_on, 0)) FROM compliance_doubt"

#define DAYS_OF_REFERRAL "SELECT referral, day FROM service_use UNION ALL SELECT referral, sent_on FROM message"

/* The days that records about a person are of, also what came of a placement or a referral after its end. */
#define DAYS                                                                                                           \
    "SELECT participant, max(ifnull(starts_on, 0), ifnull(ends_on, 0)) AS day FROM placement UNION ALL "               \
    "SELECT p.participant, max(s.day) FROM placement p JOIN session s ON s.placement = p.id AND s.heads > 0 "          \
    "GROUP BY p.id UNION ALL "                                                                                         \
    "SELECT participant, max(ifnull(received_on, 0), ifnull(status_on, 0)) FROM referral UNION ALL "                   \
    "SELECT participant, max(ifnull(day, 0), ifnull(about_day, 0)) FROM contact_attempt UNION ALL "                    \
    "SELECT participant, max(ifnull(starts_on, 0), ifnull(ends_on, 0)) FROM circumstance_change UNION ALL "            \
    "SELECT participant, max(ifnull(made_on, 0), ifnull(outcome_on, 0)) FROM redress UNION ALL "                       \
    "SELECT participant, sent_on FROM message UNION ALL "                                                              \
    "SELECT p.participant, x.day FROM placement p JOIN (" DAYS_OF_PLACEMENT ") x ON x.placement = p.id UNION ALL "     \
    "SELECT r.participant, x.day FROM referral r JOIN (" DAYS_OF_REFERRAL ") x ON x.referral = r.id UNION ALL "        \
    "SELECT participant, day FROM appointment UNION ALL SELECT participant, decided_on FROM decision"

static const char due_people[] =
    "WITH d AS (SELECT ifnull(m.person, x.participant) AS person, max(x.day) AS newest FROM (" DAYS ") x "
    "LEFT JOIN same_as m ON m.participant = x.participant WHERE x.participant IS NOT NULL GROUP BY 1) "
    "SELECT ifnull(q.id, d.person), q.ref, d.newest, q.id IS NOT NULL FROM d LEFT JOIN participant q ON q.id = "
    "(SELECT min(id) FROM participant WHERE id IN (SELECT participant FROM same_as WHERE person = d.person UNION ALL "
    "SELECT d.person)) WHERE d.newest > 0 AND d.newest <= ?1 ORDER BY d.newest, q.ref, 1";

struct store_erase retention_erase(const struct store_due *due)
{
    struct store_erase erase = {
        .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES, .unconfirmed = true, .ground = "retention"
    };
    memcpy(erase.subject, due->participant.bytes, OP_ENTITY_BYTES);
    return erase;
}

/* Of whom there is no record, and whom the organisation erased, the centre's own may go on saying something: that alone
 * is not ours to erase. */
static enum err_code is_ours(struct store *store, const struct store_due *due, bool recorded, bool *ret_ours,
                             struct error *err)
{
    struct store_erase erase = retention_erase(due);
    struct store_erasable erasable = { .records = 1 };
    if (!recorded) {
        TRY(store_erase_look(store, &erase, due->newest_day, &erasable, err));
    }
    *ret_ours = erasable.records > 0;
    return ERR_OK;
}

static enum err_code take_due(struct store *store, sqlite3_stmt *s, struct buf *rows, struct error *err)
{
    struct store_due due = { .newest_day = (int32_t)column_int(s, 2) };
    bool ours = false;
    (void)column_fixed(s, 0, due.participant.bytes, ROW_ID_BYTES);
    column_text(s, 1, due.ref, sizeof(due.ref));
    TRY(is_ours(store, &due, column_int(s, 3) != 0, &ours, err));
    return ours ? buf_append(rows, &due, sizeof(due), err) : ERR_OK;
}

static enum err_code read_due(struct store *store, sqlite3_stmt *s, size_t max, struct buf *rows, struct error *err)
{
    while (rows->len / sizeof(struct store_due) < max) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        TRY(take_due(store, s, rows, err));
    }
    return ERR_OK;
}

enum err_code store_retention_due(struct store *store, int32_t day, size_t max, struct store_due **ret_due,
                                  size_t *ret_count, struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    SCOPED(buf_fini) struct buf rows;
    buf_init(&rows, SIZE_MAX / 2);
    TRY(db_prepare(&store->db, due_people, &s, err));
    bind_int(s, 1, day);
    TRY(read_due(store, s, max, &rows, err));
    *ret_due = (struct store_due *)(void *)rows.data;
    *ret_count = rows.len / sizeof(**ret_due);
    rows.data = NULL;
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
    struct store_erase erase = retention_erase(due);
    struct store_erasable erasable;
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

enum err_code store_retention_counts(struct store *store, int32_t day, int32_t later, int32_t today,
                                     struct retention_counts *ret_counts, struct error *err)
{
    struct retention_counts counts = { 0 };
    struct store_due *due = NULL;
    size_t count = 0;
    TRY(count_held(store, &counts, err));
    if (day > 0) {
        TRY(store_retention_due(store, later, SIZE_MAX, &due, &count, err));
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
