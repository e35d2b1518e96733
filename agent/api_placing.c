/*
 * Placing somebody: what was not said is taken from the referral and the opportunity, and what somebody should look at
 * before the first day is said with the answer. One placement, and what lies around it.
 */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/placing_limits.h"
#include "agent/record_json.h"
#include "agent/sight.h"
#include "store/packs.h"

#define WEEKS_MAX 260
#define WEEK_MINUTES (7 * 24 * 60)

/* What is placed; texts are borrowed from the body or from here. */
struct draft {
    struct store_entry entry;
    struct row_id participant;
    struct row_id referral;
    struct record_list opportunity; /* one, or none */
    struct record_list host;
    char pattern[PATTERN_TEXT_MAX + 1];
    char role[ROW_NAME_SIZE];
    char host_name[ROW_NAME_SIZE];
    char overlaps[ROW_REF_SIZE]; /* another placement of the person that runs on one of these days; or "" */
};

static void draft_fini(struct draft *draft)
{
    record_list_fini(&draft->opportunity);
    record_list_fini(&draft->host);
}

static void text_of(struct record *record, const char *name, char *out, size_t size)
{
    const struct value *value = record_value(record, name);
    if (value->present && value->text.len > 0 && value->text.len < size) {
        memcpy(out, value->text.data, value->text.len);
        out[value->text.len] = '\0';
    }
}

/* Its host, title and pattern stand in for what was not said. */
static enum err_code take_opportunity(struct store *store, const char *ref, struct draft *draft, struct error *err)
{
    struct row_id id;
    TRY(query_find(store, KIND_OPPORTUNITY, ref, &id, err));
    TRY(query_record(store, kind_by_number(KIND_OPPORTUNITY), &id, &draft->opportunity, err));
    struct record *record = &draft->opportunity.rows[0].record;
    record_set_id(&draft->entry.record, "opportunity", draft->opportunity.rows[0].id.bytes);
    text_of(record, "pattern", draft->pattern, sizeof(draft->pattern));
    text_of(record, "title", draft->role, sizeof(draft->role));
    const struct value *host = record_value(record, "host");
    if (!host->present) {
        return ERR_OK;
    }
    memcpy(id.bytes, host->text.data, ROW_ID_BYTES);
    enum err_code rc = query_record(store, kind_by_number(KIND_HOST), &id, &draft->host, err);
    if (rc == ERR_OK) {
        text_of(&draft->host.rows[0].record, "name", draft->host_name, sizeof(draft->host_name));
    }
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* The person, the basis and the hours that were asked for. */
static enum err_code take_referral(struct store *store, const char *ref, struct draft *draft, int64_t *minutes,
                                   const char **basis, struct error *err)
{
    struct referral_row row;
    TRY(query_find(store, KIND_REFERRAL, ref, &draft->referral, err));
    TRY(query_referral(store, &draft->referral, &row, err));
    draft->participant = row.participant;
    record_set_id(&draft->entry.record, "referral", draft->referral.bytes);
    *basis = *basis != NULL || row.basis == BASIS_UNKNOWN ? *basis : basis_name(row.basis);
    *minutes = *minutes < 0 && row.weekly_minutes != ROW_NONE ? row.weekly_minutes : *minutes;
    return ERR_OK;
}

struct said {
    const char *ref, *referral, *participant, *opportunity, *basis, *host, *role, *calendar, *pattern, *reason, *note;
    int32_t starts_on, ends_on;
    int64_t weeks, minutes, search;
};

static enum err_code read_said(struct api_call *call, struct said *said, struct error *err)
{
    static const char *const known[] = { "ref",
                                         "referral",
                                         "participant",
                                         "opportunity",
                                         "basis",
                                         "host",
                                         "role",
                                         "calendar",
                                         "starts_on",
                                         "ends_on",
                                         "weeks",
                                         "pattern",
                                         "note",
                                         "weekly_minutes",
                                         "job_search_minutes",
                                         "reduced_hours_reason",
                                         NULL };
    struct members m = members_begin(call->body, known, err);
    *said = (struct said){ .ends_on = ROW_NONE, .weeks = -1, .minutes = -1, .search = -1 };
    said->ref = member_text(&m, "ref", ROW_REF_SIZE - 1, true);
    said->referral = member_text(&m, "referral", ROW_REF_SIZE - 1, false);
    said->participant = member_text(&m, "participant", ROW_REF_SIZE - 1, said->referral == NULL);
    said->opportunity = member_text(&m, "opportunity", ROW_REF_SIZE - 1, false);
    said->basis = member_text(&m, "basis", ROW_CODE_SIZE - 1, said->referral == NULL);
    said->host = member_text(&m, "host", ROW_NAME_SIZE - 1, false);
    said->role = member_text(&m, "role", ROW_NAME_SIZE - 1, false);
    said->calendar = member_text(&m, "calendar", ROW_CODE_SIZE - 1, false);
    said->pattern = member_text(&m, "pattern", PATTERN_TEXT_MAX, false);
    said->reason = member_text(&m, "reduced_hours_reason", ROW_NOTE_SIZE - 1, false);
    said->note = member_text(&m, "note", ROW_NOTE_SIZE - 1, false);
    (void)member_day(&m, "starts_on", true, &said->starts_on);
    (void)member_day(&m, "ends_on", false, &said->ends_on);
    (void)member_int(&m, "weeks", 1, WEEKS_MAX, said->ends_on == ROW_NONE, &said->weeks);
    (void)member_int(&m, "weekly_minutes", 0, WEEK_MINUTES, false, &said->minutes);
    (void)member_int(&m, "job_search_minutes", 0, WEEK_MINUTES, false, &said->search);
    if (said->ref != NULL && strchr(said->ref, '@') != NULL) {
        members_reject(&m, "ref", "a reference without '@'");
    }
    return members_end(&m);
}

/* The person's placements so far, of all of their records; this is the next, and may run beside one of them. */
static enum err_code next_in_row(struct store *store, const struct row_id *participant, int32_t starts_on,
                                 int32_t ends_on, struct draft *draft, int *ret_sequence, struct error *err)
{
    SCOPED(placement_list_fini) struct placement_list list = { 0 };
    SCOPED(id_list_fini) struct id_list records = { 0 };
    TRY(query_placements(store, ROW_NONE, QUERY_LIMIT_MAX, &list, err));
    TRY(query_same_person(store, participant, &records, err));
    *ret_sequence = 1;
    for (size_t i = 0; i < list.count; i++) {
        const struct placement_row *row = &list.rows[i];
        if (id_list_has(&records, row->participant.bytes)) {
            ++*ret_sequence;
            if (row->starts_on <= ends_on && row->ends_on >= starts_on) {
                (void)snprintf(draft->overlaps, sizeof(draft->overlaps), "%s", row->ref);
            }
        }
    }
    return ERR_OK;
}

/* Of one of the two, what is recorded of the other would be said against. */
static enum err_code keep_hours_apart(struct store *store, const struct draft *draft, const struct pattern *pattern,
                                      const char *calendar_name, int32_t starts_on, int32_t ends_on, struct error *err)
{
    struct hours_taken taken;
    enum calendar calendar = CALENDAR_ENGLAND_WALES;
    char day[DATE_TEXT_SIZE];
    (void)(calendar_name != NULL && calendar_parse(calendar_name, &calendar));
    TRY(query_hours_taken(store, &draft->participant, pattern, calendar, starts_on, ends_on, &taken, err));
    if (!taken.taken) {
        return ERR_OK;
    }
    date_format(taken.day, day);
    return FAIL(
        err, REFUSED,
        "place: their placement %s has them down for the same hours, first on %s, and nobody is in two places at "
        "once; give that one its last day before ('holdfast placement change %s --to DAY'), or this one other "
        "days or hours",
        taken.ref, day, taken.ref);
}

static enum err_code fill(const struct api_call *call, struct said *said, struct draft *draft, struct error *err)
{
    struct store *store = call->world->store;
    struct record *record = &draft->entry.record;
    int sequence;
    if (said->opportunity != NULL) {
        TRY(take_opportunity(store, said->opportunity, draft, err));
    }
    if (said->referral != NULL) {
        TRY(take_referral(store, said->referral, draft, &said->minutes, &said->basis, err));
    }
    if (said->participant != NULL) {
        TRY(query_find(store, KIND_PARTICIPANT, said->participant, &draft->participant, err));
    }
    const char *pattern = said->pattern != NULL ? said->pattern : draft->pattern[0] != '\0' ? draft->pattern : NULL;
    struct pattern parsed;
    if (pattern != NULL) {
        TRY(pattern_parse(pattern, &parsed, err));
        said->minutes = said->minutes < 0 ? pattern_weekly_minutes(&parsed) : said->minutes;
    }
    if (said->basis == NULL || said->minutes < 0) {
        return FAIL(err, INVALID, "read member '%s': the referral does not say it",
                    said->basis == NULL ? "basis" : "weekly_minutes");
    }
    int32_t ends_on =
        said->ends_on != ROW_NONE ? said->ends_on : said->starts_on + (int32_t)said->weeks * DAYS_A_WEEK - 1;
    TRY(next_in_row(store, &draft->participant, said->starts_on, ends_on, draft, &sequence, err));
    if (pattern != NULL) {
        TRY(keep_hours_apart(store, draft, &parsed, said->calendar, said->starts_on, ends_on, err));
    }
    record_set_text(record, "ref", said->ref);
    record_set_id(record, "participant", draft->participant.bytes);
    record_set_text(record, "host",
                    said->host != NULL            ? said->host
                    : draft->host_name[0] != '\0' ? draft->host_name
                                                  : NULL);
    record_set_text(record, "role", said->role != NULL ? said->role : draft->role[0] != '\0' ? draft->role : NULL);
    record_set_text(record, "basis", said->basis);
    record_set_text(record, "calendar", said->calendar);
    record_set_text(record, "pattern", pattern);
    record_set_text(record, "reduced_hours_reason", said->reason);
    record_set_text(record, "note", said->note);
    record_set_number(record, "starts_on", said->starts_on);
    record_set_number(record, "ends_on", ends_on);
    record_set_number(record, "weekly_minutes", said->minutes);
    record_set_number(record, "sequence", sequence < 99 ? sequence : 99);
    if (said->search >= 0) {
        record_set_number(record, "job_search_minutes", said->search);
    }
    return ERR_OK;
}

/* What the placement itself leaves open. */
static void add_open(struct draft *draft, json_t *warnings)
{
    struct record *record = &draft->entry.record;
    if (!record_value(record, "pattern")->present) {
        (void)json_array_append_new(warnings,
                                    json_string("no pattern is given: no session is ever expected, so nothing "
                                                "is asked about; 'placement change' says the days and times"));
    }
    if (!record_value(record, "referral")->present &&
        slice_equal(record_value(record, "basis")->text, slice_of_text("mandatory"))) {
        (void)json_array_append_new(
            warnings, json_string("no referral is named, and nobody is sent without one: no compliance doubt can be "
                                  "raised about it; 'placement change --referral' names it"));
    }
    if (!record_value(record, "host")->present) {
        (void)json_array_append_new(warnings,
                                    json_string("no place is given: nobody can see where the person is to be"));
    }
    if (draft->overlaps[0] != '\0') {
        (void)json_array_append_new(warnings,
                                    json_sprintf("it runs beside the person's other placement %s: both count, "
                                                 "and their hours together",
                                                 draft->overlaps));
    }
}

/* What nobody looked into at the opportunity. */
static json_t *warnings_value(const struct api_world *world, struct draft *draft)
{
    json_t *warnings = json_array();
    add_open(draft, warnings);
    placing_limits(store_programme(world->store), &draft->entry.record, warnings);
    if (draft->opportunity.count == 0) {
        (void)json_array_append_new(warnings, json_string("no opportunity is named: who benefits, and that it takes "
                                                          "nobody's paid work, is not on record"));
        return warnings;
    }
    struct record *record = &draft->opportunity.rows[0].record;
    int64_t starts_on = record_value(&draft->entry.record, "starts_on")->number;
    if (!record_value(record, "community_benefit")->present || !record_value(record, "additionality")->present ||
        !record_value(record, "assessed_on")->present) {
        (void)json_array_append_new(warnings, json_string("nobody has assessed the opportunity: who benefits, and "
                                                          "whether it takes anybody's paid work"));
    }
    if (record_value(record, "closed_on")->present && record_value(record, "closed_on")->number <= starts_on) {
        (void)json_array_append_new(warnings, json_string("the opportunity is closed by then"));
    }
    return warnings;
}

enum err_code api_placement_add(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct said said;
    SCOPED(draft_fini) struct draft draft = { .entry = { .kind = KIND_PLACEMENT, .happened_at_ms = OP_TIME_NONE } };
    if (world->stream == NULL) {
        return FAIL(err, NOT_ENROLLED, "record: this device is not enrolled yet");
    }
    record_init(&draft.entry.record, kind_by_number(KIND_PLACEMENT));
    TRY(read_said(call, &said, err));
    struct row_id there;
    if (query_find(world->store, KIND_PLACEMENT, said.ref, &there, NULL) == ERR_OK) {
        return FAIL(err, CONFLICT, "place: there is a placement with this ref already");
    }
    TRY(fill(call, &said, &draft, err));
    entity_id(world->stream, "placement", said.ref, draft.entry.subject);
    struct store_written written;
    TRY(store_write(world->store, world->actor, &draft.entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    json_t *fields = record_to_json(&draft.entry.record, slice_of(draft.entry.subject, OP_ENTITY_BYTES));
    return answer_object(call->answer,
                         json_pack("{s:o,s:i,s:o,s:o,s:o}", "id", value_id(draft.entry.subject, OP_ENTITY_BYTES),
                                   "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "fields", fields,
                                   "warnings", warnings_value(world, &draft)),
                         err);
}

/* ---- one ---- */

static enum err_code spans_value(struct store *store, const struct placement_facts *facts, json_t *ret_spans,
                                 struct error *err)
{
    for (size_t i = 0; i < facts->span_count; i++) {
        const struct span_row *span = &facts->spans[i];
        char ref[ROW_REF_SIZE];
        TRY(query_ref(store, KIND_PLACEMENT, &span->placement, ref, err));
        (void)json_array_append_new(ret_spans, json_pack("{s:o,s:o,s:o,s:o}", "placement",
                                                         value_id(span->placement.bytes, ROW_ID_BYTES), "ref",
                                                         value_text(ref), "starts_on", value_day(span->starts_on),
                                                         "ends_on", value_day(span->ends_on)));
    }
    return ERR_OK;
}

static json_t *breaks_value(const struct placement_facts *facts)
{
    json_t *breaks = json_array();
    for (size_t i = 0; i < facts->break_count; i++) {
        (void)json_array_append_new(breaks, json_pack("{s:o,s:o}", "starts_on", value_day(facts->breaks[i].starts_on),
                                                      "ends_on", value_day(facts->breaks[i].ends_on)));
    }
    return breaks;
}

static json_t *searches_value(const struct placement_facts *facts)
{
    json_t *searches = json_array();
    for (size_t i = 0; i < facts->search_count; i++) {
        (void)json_array_append_new(searches, json_pack("{s:o,s:i}", "week", value_day(facts->searches[i].week),
                                                        "minutes", facts->searches[i].minutes));
    }
    return searches;
}

/* Its ref and where it stands: nobody is expected under one that is out of force. */
static enum err_code add_referral(struct store *store, const struct row_id *id, json_t *value, struct error *err)
{
    struct referral_row row = { .status_on = ROW_NONE };
    enum err_code rc = query_referral(store, id, &row, err);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
        return rc;
    }
    (void)json_object_set_new(value, "referral_ref", value_text(row.ref));
    (void)json_object_set_new(value, "referral_status", value_text(row.status));
    (void)json_object_set_new(value, "referral_status_on", value_day(row.status_on));
    return ERR_OK;
}

/* What the row of a placement does not hold. */
static enum err_code placement_more(struct store *store, const struct placement_facts *facts, json_t *value,
                                    struct error *err)
{
    const struct placement_row *row = &facts->placement;
    char opportunity[ROW_REF_SIZE];
    char reason[ROW_NOTE_SIZE] = "";
    SCOPED(record_list_fini) struct record_list list = { 0 };
    json_t *spans = json_array();
    (void)json_object_set_new(value, "in_a_row", spans);
    TRY(spans_value(store, facts, spans, err));
    TRY(query_ref(store, KIND_OPPORTUNITY, &row->opportunity, opportunity, err));
    TRY(add_referral(store, &row->referral, value, err));
    TRY(query_record(store, kind_by_number(KIND_PLACEMENT), &row->id, &list, err));
    text_of(&list.rows[0].record, "reduced_hours_reason", reason, sizeof(reason));
    (void)json_object_set_new(value, "opportunity_ref", value_text(sight_place("opportunity", &row->id, opportunity)));
    (void)json_object_set_new(
        value, "reduced_hours_reason",
        value_text(sight_text(KIND_PLACEMENT, "reduced_hours_reason", slice_of(row->id.bytes, ROW_ID_BYTES), reason)));
    return ERR_OK;
}

enum err_code api_placement(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    struct row_id id;
    struct store_placement_facts facts;
    TRY(query_find(store, KIND_PLACEMENT, call->tail, &id, err));
    TRY(store_placement_facts(store, &id, call->world->today, &facts, err));
    const struct placement_row *row = &facts.facts.placement;
    json_t *value = json_pack("{s:o,s:o,s:o,s:o,s:o}", "placement", placement_value(row), "sequence",
                              value_int(row->sequence), "job_search_minutes", value_int(row->job_search_minutes),
                              "breaks", breaks_value(&facts.facts), "job_search", searches_value(&facts.facts));
    enum err_code rc = placement_more(store, &facts.facts, value, err);
    store_placement_facts_fini(&facts);
    if (rc != ERR_OK) {
        json_decref(value);
        return rc;
    }
    return answer_object(call->answer, value, err);
}
