/*
 * Who took part of their own will is never sent by a change: what any record of a referral or a placement ever said
 * counts, whatever is said after it and in whatever order it came. Where the centre said it of a referral, what the
 * centre ever said counts, and no slip of an organisation's.
 */
#include "store/fold_parts.h"

typedef enum err_code (*look_fn)(struct store *store, struct record *record, enum record_writer writer, void *context,
                                 struct error *err);

static enum err_code read_one(struct store *store, const struct merged *merged, size_t index, look_fn look,
                              void *context, struct error *err)
{
    sqlite3_stmt *s;
    struct record record;
    TRY(version_read(store, merged->record.kind, &merged->versions[index], &s, &record, err));
    enum err_code rc = look(store, &record, merged->versions[index].writer, context, err);
    sqlite3_reset(s);
    return rc;
}

/* Every record, one at a time. */
static enum err_code read_each(struct store *store, struct merged *merged, look_fn look, void *context,
                               struct error *err)
{
    if (merged->count == 1) {
        return look(store, &merged->record, merged->versions[0].writer, context, err);
    }
    for (size_t i = 0; i < merged->count; i++) {
        TRY(read_one(store, merged, i, look, context, err));
    }
    return ERR_OK;
}

struct basis_said {
    bool voluntary; /* by anybody */
    bool of_centre;
    bool voluntary_of_centre;
};

static enum err_code look_for_basis(struct store *store UNUSED, struct record *record, enum record_writer writer,
                                    void *context, struct error *err UNUSED)
{
    struct basis_said *said = context;
    const struct value *basis = record_value(record, "basis");
    bool voluntary = basis->present && slice_equal(basis->text, slice_of_text("voluntary"));
    bool of_centre = basis->present && writer == WRITER_CENTRE;
    said->voluntary |= voluntary;
    said->of_centre |= of_centre;
    said->voluntary_of_centre |= voluntary && of_centre;
    return ERR_OK;
}

enum err_code basis_ever_voluntary(struct store *store, struct merged *merged, bool *ret_voluntary, struct error *err)
{
    struct basis_said said = { 0 };
    TRY(read_each(store, merged, look_for_basis, &said, err));
    *ret_voluntary = said.of_centre ? said.voluntary_of_centre : said.voluntary;
    return ERR_OK;
}

/* ---- what a placement named besides the referral that it answers and the person whose it is ---- */

struct naming {
    struct slice placement;
    struct slice referral; /* that stands; empty: none */
    struct slice participant;
};

static enum err_code note(struct store *store, const char *sql, const struct naming *naming, struct slice other,
                          struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_slice(s, 1, naming->placement);
    bind_slice(s, 2, other);
    return db_run(&store->db, s, err);
}

static enum err_code note_former(struct store *store, struct record *record, enum record_writer writer UNUSED,
                                 void *context, struct error *err)
{
    const struct naming *naming = context;
    const struct value *referral = record_value(record, "referral");
    const struct value *participant = record_value(record, "participant");
    if (referral->present && !slice_equal(referral->text, naming->referral)) {
        TRY(note(store, "INSERT OR IGNORE INTO former_referral VALUES (?1, ?2)", naming, referral->text, err));
    }
    if (participant->present && !slice_equal(participant->text, naming->participant)) {
        TRY(note(store, "INSERT OR IGNORE INTO former_participant VALUES (?1, ?2)", naming, participant->text, err));
    }
    return ERR_OK;
}

enum err_code basis_note_formers(struct store *store, struct slice placement, struct merged *merged, struct error *err)
{
    struct naming naming = { .placement = placement };
    TRY(fold_delete(store, "DELETE FROM former_referral WHERE placement = ?1", placement, err));
    TRY(fold_delete(store, "DELETE FROM former_participant WHERE placement = ?1", placement, err));
    if (merged->count < 2) {
        return ERR_OK;
    }
    naming.referral = merged_value(merged, "referral")->text;
    naming.participant = merged_value(merged, "participant")->text;
    return read_each(store, merged, note_former, &naming, err);
}
