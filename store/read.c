#include "store/read.h"

#include <stdlib.h>
#include <string.h>

#include "store/query.h"

static int int_or_none(sqlite3_stmt *s, int at)
{
    return (int)column_int_or(s, at, ROW_NONE);
}

enum basis read_basis(sqlite3_stmt *s, int at)
{
    char text[ROW_CODE_SIZE];
    column_text(s, at, text, sizeof(text));
    return strcmp(text, "mandatory") == 0   ? BASIS_MANDATORY
           : strcmp(text, "voluntary") == 0 ? BASIS_VOLUNTARY
                                            : BASIS_UNKNOWN;
}

/* A placement has a hundred and more, and the rules read them all: what is not there is not asked for. */
void read_session(sqlite3_stmt *s, struct session_row *row)
{
    *row = (struct session_row){ .day = (int32_t)column_int(s, 1),
                                 .slot = (int)column_int(s, 2),
                                 .starts_min = int_or_none(s, 3),
                                 .ends_min = int_or_none(s, 4),
                                 .expected = column_int(s, 5) != 0,
                                 .standing = (enum standing)column_int(s, 6),
                                 .outcome = (enum outcome)column_int(s, 7),
                                 .minutes = int_or_none(s, 8),
                                 .heads = (int)column_int(s, 10),
                                 .overlaps_jcp = sqlite3_column_type(s, 13) != SQLITE_NULL,
                                 .jcp_starts_min = ROW_NONE,
                                 .jcp_ends_min = ROW_NONE,
                                 .note_hints = column_int(s, 14) != 0,
                                 .early = column_int(s, 15) != 0 };
    (void)column_fixed(s, 0, row->placement.bytes, ROW_ID_BYTES);
    if (row->heads > 0) {
        column_text(s, 9, row->reason, sizeof(row->reason));
    }
    if (row->overlaps_jcp) {
        row->jcp_starts_min = int_or_none(s, 11);
        row->jcp_ends_min = int_or_none(s, 12);
        column_text(s, 13, row->jcp_purpose, sizeof(row->jcp_purpose));
    }
}

void read_placement(sqlite3_stmt *s, struct placement_row *row)
{
    char calendar[ROW_CODE_SIZE];
    *row = (struct placement_row){ .basis = read_basis(s, 8),
                                   .starts_on = int_or_none(s, 10),
                                   .ends_on = int_or_none(s, 11),
                                   .weekly_minutes = int_or_none(s, 12),
                                   .job_search_minutes = int_or_none(s, 16),
                                   .sequence = int_or_none(s, 17) };
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->participant.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 2, row->referral.bytes, ROW_ID_BYTES);
    column_text(s, 3, row->ref, sizeof(row->ref));
    column_text(s, 4, row->participant_ref, sizeof(row->participant_ref));
    column_text(s, 5, row->participant_name, sizeof(row->participant_name));
    column_text(s, 6, row->host, sizeof(row->host));
    column_text(s, 7, row->role, sizeof(row->role));
    column_text(s, 9, calendar, sizeof(calendar));
    row->calendar = CALENDAR_ENGLAND_WALES;
    (void)calendar_parse(calendar, &row->calendar);
    column_text(s, 13, row->pattern, sizeof(row->pattern));
    column_text(s, 14, row->note, sizeof(row->note));
    (void)column_fixed(s, 15, row->opportunity.bytes, ROW_ID_BYTES);
}

void read_referral(sqlite3_stmt *s, struct referral_row *row)
{
    *row = (struct referral_row){ .basis = read_basis(s, 8),
                                  .received_on = int_or_none(s, 9),
                                  .status_on = int_or_none(s, 10),
                                  .weekly_minutes = int_or_none(s, 11),
                                  .from_centre = column_int(s, 12) != 0 };
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->participant.bytes, ROW_ID_BYTES);
    column_text(s, 2, row->ref, sizeof(row->ref));
    column_text(s, 3, row->participant_ref, sizeof(row->participant_ref));
    column_text(s, 4, row->participant_name, sizeof(row->participant_name));
    column_text(s, 5, row->route, sizeof(row->route));
    column_text(s, 6, row->status, sizeof(row->status));
    column_text(s, 7, row->source, sizeof(row->source));
    column_text(s, 13, row->note, sizeof(row->note));
}

void read_contract(sqlite3_stmt *s, struct contract_row *row)
{
    *row = (struct contract_row){ .starts_on = int_or_none(s, 6),
                                  .ends_on = int_or_none(s, 7),
                                  .units = int_or_none(s, 8),
                                  .price_pence = column_int_or(s, 9, PENCE_NONE),
                                  .share_permille = int_or_none(s, 10),
                                  .cost_pence = column_int_or(s, 11, PENCE_NONE),
                                  .fixed_cost_pence = column_int_or(s, 12, PENCE_NONE) };
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    column_text(s, 1, row->ref, sizeof(row->ref));
    column_text(s, 2, row->prime, sizeof(row->prime));
    column_text(s, 3, row->form, sizeof(row->form));
    column_text(s, 4, row->route, sizeof(row->route));
    column_text(s, 5, row->unit, sizeof(row->unit));
}

void read_claim(sqlite3_stmt *s, struct claim_row *row)
{
    *row = (struct claim_row){ .amount_pence = column_int_or(s, 8, 0),
                               .paid_pence = column_int_or(s, 9, PENCE_NONE),
                               .claimed_on = int_or_none(s, 10),
                               .paid_on = int_or_none(s, 11),
                               .refused_on = int_or_none(s, 12) };
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->contract.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 2, row->placement.bytes, ROW_ID_BYTES);
    column_text(s, 3, row->contract_ref, sizeof(row->contract_ref));
    column_text(s, 4, row->placement_ref, sizeof(row->placement_ref));
    column_text(s, 5, row->trigger, sizeof(row->trigger));
    column_text(s, 6, row->reason, sizeof(row->reason));
    column_text(s, 7, row->invoice, sizeof(row->invoice));
}

enum err_code row_array_read(struct store *store, sqlite3_stmt *s, struct row_array *array, row_reader read,
                             struct error *err)
{
    for (;;) {
        bool found;
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        void *row;
        enum err_code rc = row_array_next(array, &row, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        read(s, row);
    }
}

void read_notice(sqlite3_stmt *s, struct notice_row *row)
{
    char by[ROW_CODE_SIZE];
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->placement.bytes, ROW_ID_BYTES);
    row->served_on = (int32_t)column_int_or(s, 2, ROW_NONE);
    row->received_on = (int32_t)column_int_or(s, 3, ROW_NONE);
    column_text(s, 4, by, sizeof(by));
    row->posted = strcmp(by, "post") == 0;
    row->says_what = column_int(s, 5) != 0;
    row->says_when = column_int(s, 6) != 0;
    row->says_where = column_int(s, 7) != 0;
    row->says_mandatory = column_int(s, 8) != 0;
    row->says_evidence = column_int(s, 9) != 0;
    row->says_consequences = column_int(s, 10) != 0;
}

enum err_code row_array_next(struct row_array *array, void **ret_row, struct error *err)
{
    if (array->count == QUERY_LIMIT_MAX) {
        return FAIL(err, LIMIT, "list more than %d rows", QUERY_LIMIT_MAX);
    }
    if (array->count == array->capacity) {
        size_t capacity = array->capacity == 0 ? 16 : 2 * array->capacity;
        void *rows = realloc(array->rows, capacity * array->size);
        if (rows == NULL) {
            return FAIL(err, NO_MEMORY, "list %zu rows", capacity);
        }
        array->rows = rows;
        array->capacity = capacity;
    }
    *ret_row = (uint8_t *)array->rows + array->count++ * array->size;
    memset(*ret_row, 0, array->size);
    return ERR_OK;
}

void row_array_fini(struct row_array *array)
{
    free(array->rows);
    array->rows = NULL;
    array->count = array->capacity = 0;
}

enum err_code rows_collect(struct store *store, sqlite3_stmt *s, struct row_array *array, size_t limit, row_reader read,
                           bool *ret_more, struct error *err)
{
    *ret_more = false;
    enum err_code rc;
    for (;;) {
        bool row;
        rc = db_step(&store->db, s, &row, err);
        if (rc != ERR_OK || !row) {
            break;
        }
        if (array->count == limit) {
            *ret_more = true;
            break;
        }
        void *out;
        rc = row_array_next(array, &out, err);
        if (rc != ERR_OK) {
            break;
        }
        read(s, out);
    }
    sqlite3_reset(s);
    if (rc != ERR_OK) {
        row_array_fini(array);
    }
    return rc;
}

enum err_code rows_each(struct store *store, sqlite3_stmt *s, size_t size, row_reader read, row_taker take,
                        void *context, struct error *err)
{
    SCOPED(scoped_free) char *out = malloc(size);
    enum err_code rc = out != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "read a row: out of memory");
    while (rc == ERR_OK) {
        bool row;
        rc = db_step(&store->db, s, &row, err);
        if (rc == ERR_OK && !row) {
            break;
        }
        if (rc == ERR_OK) {
            memset(out, 0, size);
            read(s, out);
            rc = take(context, out, err);
        }
    }
    sqlite3_reset(s);
    return rc;
}
