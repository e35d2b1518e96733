#include "store/query.h"

#include <string.h>

#include "store/read.h"

static void read_claim_row(sqlite3_stmt *s, void *row)
{
    read_claim(s, row);
}

static void bind_id_or_null(sqlite3_stmt *s, int at, const struct row_id *id)
{
    if (id == NULL) {
        bind_null(s, at);
    } else {
        bind_blob(s, at, id->bytes, ROW_ID_BYTES);
    }
}

enum err_code query_claims(struct store *store, const struct row_id *contract, const struct row_id *placement,
                           size_t limit, struct claim_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct claim_row) };
    TRY(db_statement(&store->db,
                     "SELECT " READ_CLAIM " FROM claim c LEFT JOIN contract k ON k.id = c.contract "
                     "LEFT JOIN placement p ON p.id = c.placement WHERE c.claimed_on IS NOT NULL "
                     "AND (?1 IS NULL OR c.contract = ?1) AND (?2 IS NULL OR c.placement = ?2) "
                     "ORDER BY c.claimed_on DESC, c.id LIMIT ?3",
                     &s, err));
    bind_id_or_null(s, 1, contract);
    bind_id_or_null(s, 2, placement);
    bind_int(s, 3, (int64_t)limit + 1);
    enum err_code rc = row_array_read(store, s, &array, read_claim_row, err);
    if (rc != ERR_OK) {
        row_array_fini(&array);
        return rc;
    }
    bool more = array.count > limit;
    *ret_list = (struct claim_list){ .rows = array.rows, .count = more ? limit : array.count, .more = more };
    return ERR_OK;
}

/* How many have the words that a claim can be named by; of one, which. */
static enum err_code one_claim(struct store *store, sqlite3_stmt *s, struct claim_row *ret_claim, struct error *err)
{
    bool row;
    struct claim_row claim;
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the claim: none has this id, this invoice, or this placement and trigger");
    }
    read_claim(s, &claim);
    TRY(db_step(&store->db, s, &row, err));
    sqlite3_reset(s);
    if (row) {
        return FAIL(err, CONFLICT, "find the claim: several are named so; name it by its id");
    }
    *ret_claim = claim;
    return ERR_OK;
}

enum err_code query_claim(struct store *store, const char *name, struct claim_row *ret_claim, struct error *err)
{
    sqlite3_stmt *s;
    struct row_id id;
    const char *slash = strrchr(name, '/');
    bool hex = hex_decode(name, id.bytes, ROW_ID_BYTES);
    TRY(db_statement(&store->db,
                     "SELECT " READ_CLAIM " FROM claim c LEFT JOIN contract k ON k.id = c.contract "
                     "LEFT JOIN placement p ON p.id = c.placement WHERE c.claimed_on IS NOT NULL AND (c.id = ?1 "
                     "OR c.invoice = ?2 OR (p.ref = ?3 AND c.payment_trigger = ?4 AND c.refused_on IS NULL)) LIMIT 2",
                     &s, err));
    for (int i = 1; i <= 4; i++) {
        bind_null(s, i);
    }
    if (hex) {
        bind_blob(s, 1, id.bytes, ROW_ID_BYTES);
    } else {
        bind_text(s, 2, name);
    }
    if (slash != NULL) {
        bind_text_slice(s, 3, slice_of(name, (size_t)(slash - name)));
        bind_text(s, 4, slash + 1);
    }
    return one_claim(store, s, ret_claim, err);
}

enum err_code query_contract_money(struct store *store, const struct row_id *contract, struct contract_money *ret_money,
                                   struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT count(*), ifnull(sum(amount_pence), 0), ifnull(sum(CASE WHEN paid_on IS NOT NULL THEN "
                     "ifnull(paid_pence, amount_pence) END), 0), ifnull(sum(CASE WHEN refused_on IS NOT NULL THEN "
                     "amount_pence END), 0), (SELECT ifnull(sum(units), 0) FROM service_use WHERE contract = ?1) "
                     "FROM claim WHERE contract = ?1",
                     &s, err));
    bind_blob(s, 1, contract->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    *ret_money = (struct contract_money){ .claims = column_int(s, 0),
                                          .claimed_pence = column_int(s, 1),
                                          .paid_pence = column_int(s, 2),
                                          .refused_pence = column_int(s, 3),
                                          .used_units = column_int(s, 4) };
    sqlite3_reset(s);
    return ERR_OK;
}

/* One number for each of these; `route` NULL for all. */
static enum err_code count_of(struct store *store, const char *sql, int32_t from, int32_t until, const char *route,
                              int64_t *ret_numbers, int count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_int(s, 1, from);
    bind_int(s, 2, until);
    if (route == NULL) {
        bind_null(s, 3);
    } else {
        bind_text(s, 3, route);
    }
    TRY(db_step(&store->db, s, &row, err));
    for (int i = 0; i < count; i++) {
        ret_numbers[i] = column_int(s, i);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code query_mandate(struct store *store, int32_t from, int32_t until, const char *route,
                            struct mandate *ret_mandate, struct error *err)
{
    int64_t referrals[5];
    int64_t redress[2];
    int64_t decisions[3];
    TRY(count_of(store,
                 "SELECT count(*), ifnull(sum(basis = 'mandatory'), 0), ifnull(sum(status = 'declined'), 0), "
                 "ifnull(sum(status = 'declined' AND policy), 0), ifnull(sum(status = 'ended_early'), 0) FROM referral "
                 "WHERE received_on BETWEEN ?1 AND ?2 AND (?3 IS NULL OR route = ?3)",
                 from, until, route, referrals, 5, err));
    TRY(count_of(store,
                 "SELECT ifnull(sum(form = 'route'), 0), ifnull(sum(form = 'complaint'), 0) FROM redress "
                 "WHERE made_on BETWEEN ?1 AND ?2 AND ?3 IS ?3",
                 from, until, NULL, redress, 2, err));
    TRY(count_of(store,
                 "SELECT count(*), ifnull(sum(outcome = 'adverse'), 0), (SELECT count(*) FROM compliance_doubt) "
                 "FROM decision WHERE decided_on BETWEEN ?1 AND ?2 AND ?3 IS ?3",
                 from, until, NULL, decisions, 3, err));
    *ret_mandate = (struct mandate){ .referrals = referrals[0],
                                     .mandatory = referrals[1],
                                     .declined = referrals[2],
                                     .declined_as_policy = referrals[3],
                                     .ended_early = referrals[4],
                                     .route_redress = redress[0],
                                     .complaints = redress[1],
                                     .decisions = decisions[0],
                                     .adverse = decisions[1],
                                     .doubts = decisions[2] };
    return ERR_OK;
}
