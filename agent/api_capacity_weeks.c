/* Capacity by opportunity and week, and who waits for a place. */
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/rules/rules.h"
#include "agent/sight.h"

#define WEEKS_DEFAULT 8
#define ROWS_LIMIT 1000

/* ---- what the opportunities have room for ---- */

/* A place that is closed, or of which nobody said how many there are, has none to give; one that is too full lacks
 * some. */
static json_t *free_value(const struct opportunity_load *load, const struct week_load *week, int32_t day)
{
    if (load->places == ROW_NONE) {
        return json_null();
    }
    int left = load->places - week->taken - week->agreed;
    bool closed = load->closed_on != ROW_NONE && load->closed_on <= day;
    return json_integer(closed && left > 0 ? 0 : left);
}

static json_t *load_weeks(const struct api_world *world, const struct opportunity_load *load, size_t weeks)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i <= weeks; i++) {
        const struct week_load *week = &load->weeks[i];
        int32_t day = world->today + 7 * (int32_t)i;
        int64_t needed = rules_supervision_needed(world->programme, (int64_t)week->taken + week->agreed);
        json_t *one =
            json_pack("{s:o,s:i,s:i,s:o,s:I}", "on", value_day(day), "taken", week->taken, "agreed", week->agreed,
                      "free", free_value(load, week, day), "supervisor_minutes_needed", (json_int_t)needed);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *load_value(const struct api_world *world, const struct opportunity_load *load, int accepted,
                          size_t weeks)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:i,s:o}", "ref", value_text(load->ref), "host",
                     value_text(load->host_ref), "title", value_text(load->title), "places", value_int(load->places),
                     "supervisor_minutes", value_int(load->supervisor_minutes), "closed_on", value_day(load->closed_on),
                     "to_come", load->to_come, "accepted", accepted, "weeks", load_weeks(world, load, weeks));
}

/* The site as it is stated, and the sum of what is at the opportunities and elsewhere. */
static struct opportunity_load sum_of(const struct load_list *loads, const struct opportunity_load *elsewhere,
                                      const struct capacity_row *stated)
{
    struct opportunity_load sum = *elsewhere;
    sum.places = stated->stated ? stated->places : ROW_NONE;
    sum.supervisor_minutes = stated->stated ? stated->supervisor_minutes : ROW_NONE;
    for (size_t i = 0; i < loads->count; i++) {
        sum.to_come += loads->rows[i].to_come;
        for (int week = 0; week <= LOAD_WEEKS_MAX; week++) {
            sum.weeks[week].taken += loads->rows[i].weeks[week].taken;
            sum.weeks[week].agreed += loads->rows[i].weeks[week].agreed;
        }
    }
    return sum;
}

/* For each referral that is accepted and of which nobody is placed yet, the opportunity it was accepted for. */
static enum err_code accepted_for(const struct api_world *world, const struct site_facts *facts, struct row_id *ids,
                                  size_t *ret_count, struct error *err)
{
    *ret_count = 0;
    for (size_t i = 0; i < facts->open_count; i++) {
        struct agreed_row agreed;
        if (strcmp(facts->open_referrals[i].status, "accepted") != 0) {
            continue;
        }
        TRY(query_agreed(world->store, &facts->open_referrals[i].id, world->today, &agreed, err));
        if (!agreed.placed) {
            ids[(*ret_count)++] = agreed.opportunity;
        }
    }
    return ERR_OK;
}

static int count_of(const struct row_id *ids, size_t count, const struct row_id *id)
{
    int found = 0;
    for (size_t i = 0; i < count; i++) {
        found += memcmp(ids[i].bytes, id->bytes, ROW_ID_BYTES) == 0;
    }
    return found;
}

struct site_loads {
    struct load_list list;
    struct opportunity_load elsewhere;
    struct row_id *accepted;
    size_t accepted_count;
};

static void site_loads_fini(struct site_loads *loads)
{
    load_list_fini(&loads->list);
    free(loads->accepted);
}

static enum err_code answer_loads(struct api_call *call, const struct site_loads *loads,
                                  const struct capacity_row *stated, size_t weeks, size_t limit, struct error *err)
{
    const struct api_world *world = call->world;
    struct opportunity_load sum = sum_of(&loads->list, &loads->elsewhere, stated);
    int at_any = 0;
    for (size_t i = 0; i < loads->list.count; i++) {
        at_any += count_of(loads->accepted, loads->accepted_count, &loads->list.rows[i].id);
    }
    int all = (int)loads->accepted_count;
    json_t *head = json_pack("{s:o,s:o}", "site", load_value(world, &sum, all, weeks), "elsewhere",
                             load_value(world, &loads->elsewhere, all - at_any, weeks));
    TRY(answer_list_begin(call->answer, head, "opportunities", err));
    for (size_t i = 0; i < loads->list.count && i < limit; i++) {
        const struct opportunity_load *load = &loads->list.rows[i];
        int accepted = count_of(loads->accepted, loads->accepted_count, &load->id);
        TRY(answer_list_row(call->answer, load_value(world, load, accepted, weeks), err));
    }
    return answer_list_end(call->answer, loads->list.count > limit, err);
}

static enum err_code weeks_of(const struct api_call *call, size_t *ret_weeks, struct error *err)
{
    TRY(query_number(call, "weeks", WEEKS_DEFAULT, LOAD_WEEKS_MAX, ret_weeks, err));
    return *ret_weeks > 0 ? ERR_OK : FAIL(err, INVALID, "read 'weeks': expected 1 to %d", LOAD_WEEKS_MAX);
}

enum err_code api_capacity_opportunities(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    SCOPED(store_site_facts_fini) struct store_site_facts site = { 0 };
    SCOPED(site_loads_fini) struct site_loads loads = { 0 };
    size_t weeks;
    size_t limit;
    TRY(weeks_of(call, &weeks, err));
    TRY(query_number(call, "limit", ROWS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(store_site_facts(world->store, world->today, &site, err));
    TRY(query_loads(world->store, world->today, &loads.list, &loads.elsewhere, err));
    loads.accepted = calloc(site.facts.open_count + 1, sizeof(*loads.accepted));
    if (loads.accepted == NULL) {
        return FAIL(err, NO_MEMORY, "look at the opportunities");
    }
    TRY(accepted_for(world, &site.facts, loads.accepted, &loads.accepted_count, err));
    return answer_loads(call, &loads, &site.facts.capacity, weeks, limit, err);
}

/* ---- who waits ---- */

static enum err_code waiting_value(const struct api_world *world, enum calendar calendar,
                                   const struct referral_row *row, json_t **ret_value, struct error *err)
{
    struct agreed_row agreed;
    char ref[ROW_REF_SIZE];
    TRY(query_agreed(world->store, &row->id, world->today, &agreed, err));
    TRY(query_ref(world->store, KIND_OPPORTUNITY, &agreed.opportunity, ref, err));
    const char *opportunity =
        agreed.placed ? sight_place("opportunity", &agreed.placement, ref) : sight_agreed_place(&row->id, ref);
    int32_t acknowledge_by = strcmp(row->status, "received") == 0
                                 ? rules_acknowledge_by(world->programme, calendar, row->received_on)
                                 : ROW_NONE;
    int32_t start_by = rules_start_by(world->programme, calendar, row->received_on);
    *ret_value = json_pack("{s:s,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o}", "ref", row->ref, "participant_ref",
                           value_text(row->participant_ref), "route", value_text(row->route), "status", row->status,
                           "since", value_day(row->received_on), "acknowledge_by", value_day(acknowledge_by),
                           "start_by", value_day(start_by), "opportunity", value_text(opportunity), "starts_on",
                           value_day(agreed.starts_on));
    return ERR_OK;
}

enum err_code api_capacity_waiting(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    SCOPED(store_site_facts_fini) struct store_site_facts site = { 0 };
    size_t limit;
    TRY(query_number(call, "limit", ROWS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(store_site_facts(world->store, world->today, &site, err));
    const struct site_facts *facts = &site.facts;
    json_t *head =
        json_pack("{s:i,s:i}", "unanswered", facts->waiting, "accepted", (int)facts->open_count - facts->waiting);
    TRY(answer_list_begin(call->answer, head, "waiting", err));
    for (size_t i = 0; i < facts->open_count && i < limit; i++) {
        json_t *value;
        TRY(waiting_value(world, facts->calendar, &facts->open_referrals[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, facts->open_count > limit, err);
}
