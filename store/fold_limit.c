/*
 * Nothing can be required of a person beyond the time that the programme may last for them: all their mandatory
 * placements together, as the rule scheme_near_limit counts them.
 */
#include "store/fold_parts.h"
#include "store/read.h"

static void read_span(sqlite3_stmt *s, void *out)
{
    struct day_span *span = out;
    span->starts_on = (int32_t)column_int(s, 0);
    span->ends_on = (int32_t)column_int_or(s, 1, DAY_OPEN);
}

static enum err_code read_spans(struct store *store, const char *sql, struct slice placement, int32_t day,
                                struct row_array *spans, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_slice(s, 1, placement);
    bind_int(s, 2, day);
    return row_array_read(store, s, spans, read_span, err);
}

#define OF_THEM                                                                                                        \
    "p.basis = 'mandatory' AND p.participant IN (" SAME_PERSON("(SELECT participant FROM placement WHERE id = ?1)") ")"

static enum err_code count_days(struct store *store, struct slice placement, int32_t day,
                                const struct programme *programme, struct row_array *spans, struct row_array *breaks,
                                int64_t *ret_days, struct error *err)
{
    struct scheme scheme;
    TRY(read_spans(store,
                   "SELECT p.starts_on, p.ends_on FROM placement p WHERE " OF_THEM
                   " AND p.ends_on >= p.starts_on AND p.starts_on <= ?2 ORDER BY p.starts_on, p.id",
                   placement, day, spans, err));
    TRY(read_spans(store,
                   "SELECT b.starts_on, b.ends_on FROM placement p CROSS JOIN placement_break b ON b.placement = p.id "
                   "WHERE " OF_THEM " AND b.starts_on <= ?2 ORDER BY b.starts_on, b.id",
                   placement, day, breaks, err));
    scheme_begin(&scheme, programme, day, breaks->rows, breaks->count);
    for (size_t i = 0; i < spans->count; i++) {
        const struct day_span *span = (const struct day_span *)spans->rows + i;
        (void)scheme_add(&scheme, span->starts_on, span->ends_on);
    }
    *ret_days = scheme.days_so_far;
    return ERR_OK;
}

enum err_code scheme_is_over(struct store *store, struct slice placement, int32_t day,
                             const struct programme *programme, bool *ret_over, struct error *err)
{
    struct row_array spans = { .size = sizeof(struct day_span) };
    struct row_array breaks = { .size = sizeof(struct day_span) };
    int64_t days = 0;
    enum err_code rc = count_days(store, placement, day, programme, &spans, &breaks, &days, err);
    row_array_fini(&spans);
    row_array_fini(&breaks);
    *ret_over = days > (int64_t)programme_rules_of(programme)->scheme_weeks_max * 7;
    return rc;
}
