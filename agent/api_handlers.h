/*
 * agent/api_handlers - every data call of API.md, one function each, by resource.
 *
 * Each writes its whole answer or fails; nothing is recorded by a call that fails.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_API_HANDLERS_H
#define AGENT_API_HANDLERS_H

#include "agent/api_call.h"
#include "store/tree.h"

/* api_register.c */
MUST_USE enum err_code api_roll(struct api_call *call, struct error *err);
MUST_USE enum err_code api_attendance_record(struct api_call *call, struct error *err);
MUST_USE enum err_code api_session(struct api_call *call, struct error *err);

/* api_roll_attended.c */
MUST_USE enum err_code api_roll_attended(struct api_call *call, struct error *err);

json_t *session_value(const struct roll_row *row); /* SESSION of API.md */
json_t *assertion_value(const struct attendance_row *row);

/* api_evidence.c */
MUST_USE enum err_code api_evidence(struct api_call *call, struct error *err);
MUST_USE enum err_code api_evidence_records(struct api_call *call, struct error *err);
MUST_USE enum err_code api_evidence_chain(struct api_call *call, struct error *err);
MUST_USE enum err_code api_evidence_receipt(struct api_call *call, struct error *err);

/* api_packs.c */
/* [PACK of API.md...], all of them, the centre's first; each has its file under `json`, or null when there is none to
 * give. */
MUST_USE enum err_code packs_all(struct store *store, json_t **ret_value, struct error *err);
MUST_USE enum err_code api_packs(struct api_call *call, struct error *err);
MUST_USE enum err_code api_pack(struct api_call *call, struct error *err);

/* api_checkpoint.c */
MUST_USE enum err_code api_checkpoint(struct api_call *call, struct error *err);
MUST_USE enum err_code api_checkpoint_violations(struct api_call *call, struct error *err);
MUST_USE enum err_code api_checkpoint_acknowledge(struct api_call *call, struct error *err);
MUST_USE enum err_code api_checkpoint_compare(struct api_call *call, struct error *err);

/* CHECKPOINT of API.md; null when none is known */
json_t *checkpoint_value(const struct store_verified_checkpoint *held, const uint8_t stream[STREAM_ID_BYTES]);

/* api_referrals.c */
MUST_USE enum err_code api_referrals(struct api_call *call, struct error *err);
MUST_USE enum err_code api_referral(struct api_call *call, struct error *err);
MUST_USE enum err_code api_referral_event(struct api_call *call, struct error *err);

/* api_records.c */
MUST_USE enum err_code api_placements(struct api_call *call, struct error *err);
MUST_USE enum err_code api_record(struct api_call *call, struct error *err);
MUST_USE enum err_code api_records(struct api_call *call, struct error *err);

/* api_duplicates.c */
MUST_USE enum err_code api_duplicates(struct api_call *call, struct error *err);
MUST_USE enum err_code api_merges(struct api_call *call, struct error *err);
MUST_USE enum err_code api_merge(struct api_call *call, struct error *err);

/* api_placing.c */
MUST_USE enum err_code api_placement_add(struct api_call *call, struct error *err);
MUST_USE enum err_code api_placement(struct api_call *call, struct error *err);

json_t *placement_value(const struct placement_row *row); /* PLACEMENT of API.md */

/* api_notices.c */
MUST_USE enum err_code api_notices(struct api_call *call, struct error *err);

/* api_contracts.c */
MUST_USE enum err_code api_contracts(struct api_call *call, struct error *err);
MUST_USE enum err_code api_contract(struct api_call *call, struct error *err);
MUST_USE enum err_code api_service_use(struct api_call *call, struct error *err);

/* Units that were used: the contract sells them, runs on the day, and has them left beside `before` of this file. */
MUST_USE enum err_code service_use_bears(const struct api_call *call, const struct record *record, int64_t before,
                                         struct error *err);

json_t *value_pence(int64_t pence); /* PENCE_NONE is null */
/* CONTRACT of API.md */
MUST_USE enum err_code contract_value(const struct api_world *world, const struct contract_stand *stand,
                                      json_t **ret_value, struct error *err);
const struct contract_stand *contract_find(const struct site_facts *facts, const struct row_id *id); /* NULL */

/* api_claims.c */
MUST_USE enum err_code api_milestones(struct api_call *call, struct error *err);
MUST_USE enum err_code api_claims(struct api_call *call, struct error *err);
MUST_USE enum err_code api_claim_add(struct api_call *call, struct error *err);
MUST_USE enum err_code api_claim_answer(struct api_call *call, struct error *err);

/* A claim that was made: reached, not claimed yet, under the contract that pays for it. Of one that was refused, not
 * whether it is claimed. */
MUST_USE enum err_code claim_bears(const struct api_call *call, struct record *record, struct error *err);

/* api_take_part.c */
MUST_USE enum err_code api_take_part(struct api_call *call, struct error *err);

/* api_capacity.c */
MUST_USE enum err_code api_capacity(struct api_call *call, struct error *err);
MUST_USE enum err_code api_capacity_state(struct api_call *call, struct error *err);
MUST_USE enum err_code api_capacity_forecast(struct api_call *call, struct error *err);
/* One statement a day: stating again on the same day changes it. */
void capacity_id(const struct api_world *world, int32_t stated_on, uint8_t id[OP_ENTITY_BYTES]);

/* api_capacity_weeks.c */
MUST_USE enum err_code api_capacity_opportunities(struct api_call *call, struct error *err);
MUST_USE enum err_code api_capacity_waiting(struct api_call *call, struct error *err);

/* api_flags.c */
MUST_USE enum err_code api_flags(struct api_call *call, struct error *err);
MUST_USE enum err_code api_flag(struct api_call *call, struct error *err);

/* api_flag_review.c */
MUST_USE enum err_code api_flag_reviews(struct api_call *call, struct error *err);
MUST_USE enum err_code api_flag_review(struct api_call *call, struct error *err);

/* api_doubt.c, api_doubt_raise.c */
MUST_USE enum err_code api_doubts(struct api_call *call, struct error *err);
MUST_USE enum err_code api_doubt(struct api_call *call, struct error *err);
MUST_USE enum err_code api_doubt_preview(struct api_call *call, struct error *err);
MUST_USE enum err_code api_doubt_raise(struct api_call *call, struct error *err);
MUST_USE enum err_code api_doubt_event(struct api_call *call, struct error *err);

/* api_challenge.c */
MUST_USE enum err_code api_challenges(struct api_call *call, struct error *err);
MUST_USE enum err_code api_challenge_add(struct api_call *call, struct error *err);
MUST_USE enum err_code api_challenge_answer(struct api_call *call, struct error *err);

/* api_log.c */
MUST_USE enum err_code api_log(struct api_call *call, struct error *err);
MUST_USE enum err_code api_verify(struct api_call *call, struct error *err);
MUST_USE enum err_code api_rebuild(struct api_call *call, struct error *err);

/* api_erase.c */
MUST_USE enum err_code api_erase(struct api_call *call, struct error *err);
json_t *erasable_counts(const struct store_erasable *erasable); /* {KIND: INT...} */
json_t *erasable_holds(const struct store_erasable *erasable);
bool erased_scrubbed(struct store *store); /* the file was made anew */

/* api_retention.c */
MUST_USE enum err_code api_retention(struct api_call *call, struct error *err);
MUST_USE enum err_code api_retention_kinds(struct api_call *call, struct error *err);
MUST_USE enum err_code api_retention_run(struct api_call *call, struct error *err);

/* api_review.c */
MUST_USE enum err_code api_quarantine(struct api_call *call, struct error *err);
MUST_USE enum err_code api_quarantine_one(struct api_call *call, struct error *err);
MUST_USE enum err_code api_quarantine_retry(struct api_call *call, struct error *err);
MUST_USE enum err_code api_overwrites(struct api_call *call, struct error *err);
MUST_USE enum err_code api_overwrites_review(struct api_call *call, struct error *err);
MUST_USE enum err_code api_disputes(struct api_call *call, struct error *err);

/* api_order.c */
/* ERR_INVALID: what is said to have come has a day that has not. */
MUST_USE enum err_code record_days_check(const struct api_world *world, const struct record *record, struct error *err);
/* ERR_REFUSED: before its days could be over; ERR_CONFLICT: it stands with another day, unless `over`. */
MUST_USE enum err_code milestone_check(const struct api_world *world, const struct store_entry *entry, bool over,
                                       struct error *err);
struct import_earlier;
struct challenge_made {
    struct row_id decision;
    const char *form;
    const uint8_t *subject;               /* its own; NULL: a fresh one */
    const struct import_earlier *earlier; /* NULL: not of a file */
};
/* ERR_CONFLICT: the decision is challenged so already; ERR_REFUSED: an appeal without what goes before it. Not with
 * `over`. */
MUST_USE enum err_code challenge_check(struct store *store, const struct challenge_made *made, bool over,
                                       struct error *err);
/* The same, and ERR_INVALID before the day of the decision, of a record of redress, new or a change. `earlier`: as
 * above. */
MUST_USE enum err_code redress_check(const struct api_world *world, const struct store_entry *entry,
                                     const struct import_earlier *earlier, bool over, struct error *err);
MUST_USE enum err_code challenge_day_check(int32_t made_on, int32_t decided_on, struct error *err);

/* api_codes.c */
/* ERR_REFUSED: the reason is no code of the pack in force, and nobody said that it is meant. NULL is none. */
MUST_USE enum err_code reason_check(const struct api_world *world, const char *reason, bool meant, struct error *err);
/* [TEXT...]: the same as a word with what was recorded. */
json_t *reason_warnings(const struct api_world *world, enum label_set set, const char *reason);
MUST_USE enum err_code api_codes(struct api_call *call, struct error *err);
/* {FIELD: LABEL...} of the fields of a record that hold codes of the pack. */
json_t *field_labels(const struct programme *programme, const char *kind, const json_t *fields);
/* Does the call ask for them with each row of a list (labels=1)? And then the row with them, by its `fields`, or else
 * its own members. */
MUST_USE enum err_code labels_asked(const struct api_call *call, bool *ret_asked, struct error *err);
json_t *row_labelled(const struct api_call *call, bool asked, const char *kind, json_t *row);

/* api_audit.c */
MUST_USE enum err_code api_audit(struct api_call *call, struct error *err);
MUST_USE enum err_code api_audit_verify(struct api_call *call, struct error *err);

/* api_subject_access.c */
MUST_USE enum err_code api_subject_access(struct api_call *call, struct error *err);

/* api_volunteers.c */
MUST_USE enum err_code api_volunteers(struct api_call *call, struct error *err);
MUST_USE enum err_code api_volunteer(struct api_call *call, struct error *err);
MUST_USE enum err_code api_volunteer_hours(struct api_call *call, struct error *err);
MUST_USE enum err_code api_volunteer_put(struct api_call *call, struct error *err);
MUST_USE enum err_code api_volunteer_change(struct api_call *call, struct error *err);

/* api_messages.c */
MUST_USE enum err_code api_messages(struct api_call *call, struct error *err);
MUST_USE enum err_code api_message(struct api_call *call, struct error *err);
MUST_USE enum err_code api_message_send(struct api_call *call, struct error *err);
MUST_USE enum err_code api_messages_seen(struct api_call *call, struct error *err);

/* api_records.c, for the import of records too */
bool record_kind_is_open(const struct kind *kind);  /* recorded as it stands, without a call of its own */
bool record_kind_has_name(const struct kind *kind); /* a ref, or what stands for one: else a fresh id each */
MUST_USE enum err_code record_subject(const struct api_call *call, const struct kind *kind, const char *id,
                                      const struct record *record, uint8_t subject[OP_SUBJECT_MAX], struct error *err);
/* In the id of a fresh break, or of a review that keeps doubts from standing: of which placement it is. */
void record_name_placement(const struct record *record, uint8_t id[OP_ENTITY_BYTES]);

/* api_import_records.c */
MUST_USE enum err_code api_import_records(struct api_call *call, const struct kind *kind, bool dry_run, bool partial,
                                          struct error *err);

/* api_calendar.c */
MUST_USE enum err_code api_calendar(struct api_call *call, struct error *err);

/* api_report.c */
MUST_USE enum err_code api_report_week(struct api_call *call, struct error *err);

/* api_import.c, api_export.c */
MUST_USE enum err_code api_import(struct api_call *call, struct error *err);
MUST_USE enum err_code api_export(struct api_call *call, struct error *err);

/* api_import_checks.c: rows of a spreadsheet of records */
bool import_takes(const struct kind *kind);
bool import_is_checked(const struct kind *kind); /* beyond its fields */

/* The rows before; NULL for one that was here before the file. */
struct import_earlier {
    size_t count;
    struct store_entry *(*at)(void *context, size_t index);
    void *context;
};

/* `*ret_held`: it is here already and says the same. */
MUST_USE enum err_code import_row_fits(const struct api_call *call, struct record *record, const uint8_t *subject,
                                       const struct import_earlier *earlier, bool *ret_held, struct error *err);

#endif
