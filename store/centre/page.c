/*
 * Giving a device what it does not have: the ops after its cursor, one run an author.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

#define BLOCKS_MAX (OP_BATCH_OPS_MAX / OP_SALT_BLOCK + 2)
#define ROWS_SKIPPED_MAX 200000 /* own ops passed over in one page */

/* One run in the making. */
struct gathering {
    int64_t author;
    bool salted[OP_BATCH_OPS_MAX]; /* op i: the salt comes from its block's seed */
    struct store_seed seeds[BLOCKS_MAX];
    struct buf certificate;
};

struct owned {
    struct gathering *runs[CENTRE_PAGE_AUTHORS_MAX];
    size_t order_capacity;
};

/* Where the page stood before the batch that is being taken: what one signature covers goes in whole or not at all. */
struct batch {
    uint64_t last_seq; /* that was signed; 0: none is being taken */
    size_t run;
    size_t run_ops;
    size_t run_count;
    size_t ops;
    size_t bytes;
    uint64_t cursor;
    size_t order_count;
    uint32_t order_last; /* how many the last of them stands for */
};

struct reading {
    struct centre_store *store;
    const struct centre_page_request *request;
    struct centre_page *page;
    struct owned *owned;
    int64_t own_author; /* 0: none */
    struct batch batch;
    struct error *err;
};

void centre_page_fini(struct centre_page *page)
{
    struct owned *owned = page->owned;
    for (size_t i = 0; owned != NULL && i < page->run_count; i++) {
        op_batch_fini(&page->runs[i].ops);
        buf_fini(&owned->runs[i]->certificate);
        free(owned->runs[i]);
    }
    free(owned);
    free(page->order);
    *page = (struct centre_page){ 0 };
}

/* The run of this author, begun if need be; NULL when the page has no room for another one. */
static enum err_code run_of(struct reading *r, int64_t author, size_t *ret_index, bool *ret_full)
{
    *ret_full = false;
    for (size_t i = 0; i < r->page->run_count; i++) {
        if (r->owned->runs[i]->author == author) {
            *ret_index = i;
            *ret_full = r->page->runs[i].ops.count == OP_BATCH_OPS_MAX;
            return ERR_OK;
        }
    }
    if (r->page->run_count == CENTRE_PAGE_AUTHORS_MAX) {
        *ret_full = true;
        return ERR_OK;
    }
    struct gathering *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return FAIL(r->err, NO_MEMORY, "read a page");
    }
    run->author = author;
    buf_init(&run->certificate, CERTIFICATE_DER_MAX);
    *ret_index = r->page->run_count++;
    r->owned->runs[*ret_index] = run;
    op_batch_init(&r->page->runs[*ret_index].ops);
    return ERR_OK;
}

/* ---- who stands where ---- */

static enum err_code order_add(struct reading *r, uint32_t run)
{
    struct centre_page *page = r->page;
    if (page->order_count > 0 && page->order[page->order_count - 1].run == run) {
        page->order[page->order_count - 1].count++;
        return ERR_OK;
    }
    if (page->order_count == r->owned->order_capacity) {
        size_t capacity = r->owned->order_capacity == 0 ? 64 : 2 * r->owned->order_capacity;
        struct store_order *order = realloc(page->order, capacity * sizeof(*order));
        if (order == NULL) {
            return FAIL(r->err, NO_MEMORY, "read a page");
        }
        page->order = order;
        r->owned->order_capacity = capacity;
    }
    page->order[page->order_count++] = (struct store_order){ .run = run, .count = 1 };
    return ERR_OK;
}

/* ---- batches ---- */

/* The next link that the author signed, from `seq` on. */
static enum err_code signed_end(struct reading *r, int64_t author, uint64_t seq, uint64_t *ret_seq)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&r->store->db, "SELECT seq FROM signed_link WHERE author = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1",
                     &s, r->err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)seq);
    TRY(db_step(&r->store->db, s, &row, r->err));
    if (!row) {
        return FAIL(r->err, DAMAGED, "find the signature over a record");
    }
    *ret_seq = (uint64_t)column_int(s, 0);
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code batch_begin(struct reading *r, sqlite3_stmt *row, size_t run_count, size_t index)
{
    struct centre_page *page = r->page;
    r->batch = (struct batch){ .run = index,
                               .run_ops = page->runs[index].ops.count,
                               .run_count = run_count,
                               .ops = page->ops,
                               .bytes = page->bytes,
                               .cursor = page->cursor,
                               .order_count = page->order_count };
    r->batch.order_last = page->order_count > 0 ? page->order[page->order_count - 1].count : 0;
    return signed_end(r, column_int(row, 1), (uint64_t)column_int(row, 2), &r->batch.last_seq);
}

static void batch_undo(struct reading *r)
{
    struct centre_page *page = r->page;
    page->runs[r->batch.run].ops.count = r->batch.run_ops;
    page->ops = r->batch.ops;
    page->bytes = r->batch.bytes;
    page->cursor = r->batch.cursor;
    page->order_count = r->batch.order_count;
    if (page->order_count > 0) {
        page->order[page->order_count - 1].count = r->batch.order_last;
    }
    if (r->batch.run_count < page->run_count) {
        struct gathering *gathering = r->owned->runs[--page->run_count];
        op_batch_fini(&page->runs[page->run_count].ops);
        buf_fini(&gathering->certificate);
        free(gathering);
        r->owned->runs[page->run_count] = NULL;
    }
    r->batch.last_seq = 0;
}

static enum err_code take_row(struct reading *r, sqlite3_stmt *s, bool *ret_full)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    bool salted;
    size_t index = 0;
    size_t run_count = r->page->run_count;
    size_t bytes = column_slice(s, 3).len + column_slice(s, 5).len;
    TRY(run_of(r, column_int(s, 1), &index, ret_full));
    if (*ret_full) {
        return ERR_OK;
    }
    if (r->batch.last_seq == 0) {
        TRY(batch_begin(r, s, run_count, index));
    }
    struct store_run *run = &r->page->runs[index];
    TRY(op_read(s, &op, supersedes, &salted, r->err));
    r->owned->runs[index]->salted[run->ops.count] = salted;
    enum err_code rc = op_batch_add(&run->ops, &op, r->err);
    if (rc == ERR_LIMIT && r->batch.ops > 0) {
        *ret_full = true;
        return ERR_OK;
    }
    TRY(rc);
    TRY(order_add(r, (uint32_t)index));
    r->page->ops++;
    r->page->bytes += bytes;
    if (op.id.seq == r->batch.last_seq) {
        r->batch.last_seq = 0;
        r->page->batches++;
    }
    return ERR_OK;
}

static bool has_room(const struct reading *r)
{
    return r->page->ops == 0 || (r->page->ops < r->request->max_ops && r->page->bytes < r->request->max_bytes);
}

static bool is_own(const struct reading *r, sqlite3_stmt *s)
{
    return r->own_author != 0 && column_int(s, 1) == r->own_author && (uint64_t)column_int(s, 2) <= r->request->own_seq;
}

static enum err_code take_rows(struct reading *r, sqlite3_stmt *s)
{
    bool row = true;
    bool full = false;
    size_t skipped = 0;
    while (r->batch.last_seq > 0 || (has_room(r) && skipped < ROWS_SKIPPED_MAX)) {
        TRY(db_step(&r->store->db, s, &row, r->err));
        if (!row) {
            r->page->cursor = r->page->head > r->page->cursor ? r->page->head : r->page->cursor;
            return ERR_OK;
        }
        if (is_own(r, s)) {
            skipped++;
            TRY(order_add(r, STORE_ORDER_OWN));
        } else {
            TRY(take_row(r, s, &full));
        }
        if (full) {
            if (r->batch.last_seq > 0) {
                batch_undo(r);
            }
            return ERR_OK;
        }
        r->page->cursor = op_row_position(column_int(s, 0));
    }
    return ERR_OK;
}

/* ---- what goes with a run ---- */

/* A block whose ops here all have their salts from its seed travels with the seed; of another one the salts are made.
 */
static enum err_code add_block(struct reading *r, size_t index, size_t from, size_t to)
{
    struct store_run *run = &r->page->runs[index];
    struct gathering *gathering = r->owned->runs[index];
    struct op *ops = run->ops.ops;
    struct store_seed *seed = &gathering->seeds[run->seed_count];
    size_t salted = 0;
    size_t erased = 0;
    for (size_t i = from; i < to; i++) {
        salted += gathering->salted[i];
        erased += ops[i].erased;
    }
    if (salted == 0) {
        return ERR_OK;
    }
    bool found;
    seed->block = op_salt_block(ops[from].id.seq);
    TRY(seed_find(r->store, gathering->author, seed->block, seed->seed, &found, r->err));
    if (!found) {
        return FAIL(r->err, DAMAGED, "find the seed of a block of records");
    }
    for (size_t i = from; i < to; i++) {
        if (gathering->salted[i]) {
            op_salt(seed->seed, ops[i].id.seq, ops[i].salt);
        }
    }
    run->seed_count += salted + erased == to - from;
    return ERR_OK;
}

static enum err_code add_seeds(struct reading *r, size_t index)
{
    struct store_run *run = &r->page->runs[index];
    size_t from = 0;
    for (size_t i = 1; i <= run->ops.count; i++) {
        if (i == run->ops.count || op_salt_block(run->ops.ops[i].id.seq) != op_salt_block(run->ops.ops[from].id.seq)) {
            TRY(add_block(r, index, from, i));
            from = i;
        }
    }
    run->seeds = r->owned->runs[index]->seeds;
    return ERR_OK;
}

static enum err_code add_signature(struct reading *r, size_t index)
{
    sqlite3_stmt *s;
    bool row;
    struct store_run *run = &r->page->runs[index];
    TRY(db_statement(&r->store->db,
                     "SELECT seq, signature FROM signed_link WHERE author = ?1 AND seq BETWEEN ?2 AND ?3 "
                     "ORDER BY seq DESC LIMIT 1",
                     &s, r->err));
    bind_int(s, 1, r->owned->runs[index]->author);
    bind_int(s, 2, (int64_t)run->ops.ops[0].id.seq);
    bind_int(s, 3, (int64_t)run->ops.ops[run->ops.count - 1].id.seq);
    TRY(db_step(&r->store->db, s, &row, r->err));
    if (!row) {
        return ERR_OK;
    }
    struct slice signature = column_slice(s, 1);
    if (signature.len > 0 && signature.len <= SIGNATURE_MAX) {
        run->signed_seq = (uint64_t)column_int(s, 0);
        run->signature_len = signature.len;
        memcpy(run->signature, signature.data, signature.len);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code add_certificate(struct reading *r, size_t index)
{
    sqlite3_stmt *s;
    bool row;
    struct store_run *run = &r->page->runs[index];
    if (run->ops.ops[0].id.seq != 1) {
        return ERR_OK;
    }
    TRY(db_statement(&r->store->db, "SELECT certificate FROM author WHERE id = ?1", &s, r->err));
    bind_int(s, 1, r->owned->runs[index]->author);
    TRY(db_step(&r->store->db, s, &row, r->err));
    if (!row) {
        return FAIL(r->err, DAMAGED, "find the certificate of an author");
    }
    struct buf *certificate = &r->owned->runs[index]->certificate;
    struct slice der = column_slice(s, 0);
    enum err_code rc = buf_append(certificate, der.data, der.len, r->err);
    sqlite3_reset(s);
    run->certificate = buf_slice(certificate);
    return rc;
}

/* ---- the page ---- */

static enum err_code read_page(struct reading *r, const struct centre_site *site)
{
    sqlite3_stmt *s;
    struct centre_author own;
    struct position_state state;
    TRY(author_find(r->store, site, r->request->device, r->request->incarnation, &own, r->err));
    r->own_author = own.id;
    TRY(positions_read(r->store, site->id, &state, r->err));
    r->page->head = state.head;
    r->page->cursor = r->request->cursor;
    if (r->request->cursor >= state.head) {
        return ERR_OK;
    }
    TRY(db_statement(&r->store->db, "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id <= ?2 ORDER BY o.id", &s,
                     r->err));
    bind_int(s, 1, op_row_id(site->id, r->request->cursor));
    bind_int(s, 2, op_row_id(site->id, state.head));
    enum err_code rc = take_rows(r, s);
    sqlite3_reset(s);
    for (size_t i = 0; rc == ERR_OK && i < r->page->run_count; i++) {
        rc = add_seeds(r, i);
        rc = rc != ERR_OK ? rc : add_signature(r, i);
        rc = rc != ERR_OK ? rc : add_certificate(r, i);
    }
    return rc;
}

enum err_code centre_page_read(struct centre_store *store, const struct centre_site *site,
                               const struct centre_page_request *request, struct centre_page *ret_page,
                               struct error *err)
{
    struct centre_page page = { .owned = calloc(1, sizeof(struct owned)) };
    if (page.owned == NULL) {
        return FAIL(err, NO_MEMORY, "read a page");
    }
    struct reading r = { .store = store, .request = request, .page = &page, .owned = page.owned, .err = err };
    enum err_code rc = read_page(&r, site);
    if (rc != ERR_OK) {
        centre_page_fini(&page);
        return rc;
    }
    *ret_page = page;
    return ERR_OK;
}
