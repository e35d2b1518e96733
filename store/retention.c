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

/*
 * Everybody, with the newest day or 0. Of whom there is no day, `came` is when the newest participant record did, which
 * is not after the day that counts.
 */
static const char due_people[] =
    "WITH d AS MATERIALIZED (SELECT ifnull(m.person, x.participant) AS person, max(x.day) AS newest FROM (" DAYS ") x "
    "LEFT JOIN same_as m ON m.participant = x.participant WHERE x.participant IS NOT NULL GROUP BY 1), "
    "u AS (SELECT person, newest FROM d UNION ALL SELECT DISTINCT ifnull(m.person, q.id), 0 FROM participant q "
    "LEFT JOIN same_as m ON m.participant = q.id WHERE ifnull(m.person, q.id) NOT IN (SELECT person FROM d)), "
    "c AS (SELECT person, newest, iif(newest > 0, newest, ifnull((SELECT max(o.received_at) FROM op o INDEXED BY "
    "op_subject WHERE o.kind <> 5 AND o.kind = 1 AND o.body IS NOT NULL AND o.subject IN (SELECT participant FROM "
    "same_as WHERE person = u.person UNION ALL SELECT u.person)) / 86400000, 0)) AS came FROM u) "
    "SELECT 1, ifnull(q.id, c.person), q.ref, c.newest, q.id IS NOT NULL, c.came FROM c LEFT JOIN participant q ON "
    "q.id = "
    "(SELECT min(id) FROM participant WHERE id IN (SELECT participant FROM same_as WHERE person = c.person UNION ALL "
    "SELECT c.person)) WHERE c.came <= ?1 ORDER BY c.came";

/* What names a placement or a referral, of which no record says whose it is: the person may be on record elsewhere. */
static const char due_lone[] =
    "WITH RECURSIVE a(id) AS (SELECT min(placement) FROM attendance UNION ALL SELECT (SELECT min(placement) FROM "
    "attendance WHERE placement > a.id) FROM a WHERE a.id IS NOT NULL), "
    "p(id) AS (SELECT id FROM a WHERE EXISTS (SELECT 1 FROM attendance t WHERE t.placement = a.id AND t.outcome > 0) "
    "UNION SELECT placement FROM job_search UNION SELECT placement FROM placement_break "
    "UNION SELECT placement FROM flag_review UNION SELECT placement FROM (" DAYS_OF_PLACEMENT ") "
    "UNION SELECT id FROM placement WHERE participant IS NULL), "
    "r(id) AS (SELECT referral FROM service_use UNION SELECT referral FROM message WHERE participant IS NULL "
    "UNION SELECT id FROM referral WHERE participant IS NULL) "
    "SELECT 4, p.id, (SELECT ref FROM placement WHERE id = p.id), max("
    "ifnull((SELECT max(day) FROM attendance WHERE placement = p.id AND outcome > 0), 0), "
    "ifnull((SELECT max(x.day) FROM (" DAYS_OF_PLACEMENT ") x WHERE x.placement = p.id), 0), "
    "ifnull((SELECT max(ends_on) FROM placement WHERE id = p.id), 0)) AS newest, 0, 0 FROM p WHERE p.id IS NOT NULL "
    "AND "
    "NOT EXISTS (SELECT 1 FROM placement WHERE id = p.id AND participant IS NOT NULL) AND newest <= ?1 UNION ALL "
    "SELECT 2, r.id, (SELECT ref FROM referral WHERE id = r.id), max("
    "ifnull((SELECT max(x.day) FROM (" DAYS_OF_REFERRAL ") x WHERE x.referral = r.id), 0), "
    "ifnull((SELECT max(ifnull(received_on, 0), ifnull(status_on, 0)) FROM referral WHERE id = r.id), 0)) AS newest, "
    "0, 0 "
    "FROM r WHERE r.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM referral WHERE id = r.id AND participant IS NOT NULL) "
    "AND newest <= ?1";

struct store_erase retention_erase(const struct store_due *due)
{
    struct store_erase erase = { .kind = due->kind,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .unconfirmed = due->kind == KIND_PARTICIPANT,
                                 .lone = due->kind != KIND_PARTICIPANT,
                                 .ground = "retention" };
    memcpy(erase.subject, due->id.bytes, OP_ENTITY_BYTES);
    return erase;
}

/* Whom to find, and how they are found so far. */
struct search {
    int32_t day;
    int32_t today;
    size_t max;
    int32_t newest; /* of those found */
    struct buf rows;
};

/* Who comes from here on is not among the first. */
static bool has_enough(const struct search *search, int64_t from_day)
{
    return search->rows.len / sizeof(struct store_due) >= search->max && from_day > search->newest;
}

/*
 * Of whom there is no record, and whom the organisation erased, the centre's own may go on saying something: that alone
 * is not ours to erase. And a day without a record that has one is the day on which what there is was made.
 */
static enum err_code look_closer(struct store *store, const struct search *search, struct store_due *due,
                                 bool *ret_is_due, struct error *err)
{
    struct store_erase erase = retention_erase(due);
    struct store_erasable erasable;
    TRY(store_erase_look(store, &erase, search->today, &erasable, err));
    if (due->newest_day == 0 || erase.lone) {
        int32_t made = (int32_t)(erasable.newest_ms / 86400000);
        due->newest_day = made > due->newest_day ? made : due->newest_day;
    }
    *ret_is_due = erasable.records > 0 && due->newest_day <= search->day;
    return ERR_OK;
}

static enum err_code take_due(struct store *store, sqlite3_stmt *s, struct search *search, struct error *err)
{
    struct store_due due = { .kind = (uint32_t)column_int(s, 0), .newest_day = (int32_t)column_int(s, 3) };
    bool is_due = due.newest_day > 0 && column_int(s, 4) != 0;
    (void)column_fixed(s, 1, due.id.bytes, ROW_ID_BYTES);
    column_text(s, 2, due.ref, sizeof(due.ref));
    if (!is_due) {
        TRY(look_closer(store, search, &due, &is_due, err));
    }
    if (!is_due) {
        return ERR_OK;
    }
    search->newest = due.newest_day > search->newest ? due.newest_day : search->newest;
    return buf_append(&search->rows, &due, sizeof(due), err);
}

static enum err_code read_due(struct store *store, const char *sql, struct search *search, struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    bool row = true;
    TRY(db_prepare(&store->db, sql, &s, err));
    bind_int(s, 1, search->day);
    while (row) {
        TRY(db_step(&store->db, s, &row, err));
        row = row && !has_enough(search, column_int(s, 5));
        if (row) {
            TRY(take_due(store, s, search, err));
        }
    }
    return ERR_OK;
}

static int longest_due(const void *a, const void *b)
{
    const struct store_due *x = a;
    const struct store_due *y = b;
    int order = (x->newest_day > y->newest_day) - (x->newest_day < y->newest_day);
    if (order == 0) {
        order = strcmp(x->ref, y->ref);
    }
    return order != 0 ? order : memcmp(&x->id, &y->id, sizeof(x->id));
}

enum err_code store_retention_due(struct store *store, int32_t day, int32_t today, size_t max,
                                  struct store_due **ret_due, size_t *ret_count, struct error *err)
{
    struct search search = { .day = day, .today = today, .max = max };
    buf_init(&search.rows, SIZE_MAX / 2);
    enum err_code rc = read_due(store, due_people, &search, err);
    rc = rc == ERR_OK ? read_due(store, due_lone, &search, err) : rc;
    if (rc != ERR_OK) {
        buf_fini(&search.rows);
        return rc;
    }
    size_t count = search.rows.len / sizeof(struct store_due);
    if (count > 0) {
        qsort(search.rows.data, count, sizeof(struct store_due), longest_due);
    }
    *ret_due = (struct store_due *)(void *)search.rows.data;
    *ret_count = count < max ? count : max;
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
        TRY(store_retention_due(store, later, today, SIZE_MAX, &due, &count, err));
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
