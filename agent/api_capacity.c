/* Capacity: what is stated to JCP, what is taken, and when it will be full. */
#include "agent/api_handlers.h"
#include "agent/rules/rules.h"

#define PLACES_MAX 100000
#define SUPERVISOR_MINUTES_MAX (PLACES_MAX * 60)

static json_t *statement_value(const struct capacity_row *row)
{
    if (!row->stated) {
        return json_null();
    }
    return json_pack("{s:i,s:o,s:o}", "places", row->places, "supervisor_minutes", value_int(row->supervisor_minutes),
                     "stated_on", value_day(row->stated_on));
}

static enum err_code statement_read(const struct api_world *world, json_t **ret_value, struct error *err)
{
    struct store_site_facts site;
    TRY(store_site_facts(world->store, world->today, &site, err));
    *ret_value = statement_value(&site.facts.capacity);
    store_site_facts_fini(&site);
    return ERR_OK;
}

enum err_code api_capacity(struct api_call *call, struct error *err)
{
    struct store_site_facts site;
    TRY(store_site_facts(call->world->store, call->world->today, &site, err));
    json_t *object =
        json_pack("{s:o,s:i,s:i,s:i}", "statement", statement_value(&site.facts.capacity), "running",
                  site.facts.placements_now, "to_come", site.facts.placements_to_come, "waiting", site.facts.waiting);
    store_site_facts_fini(&site);
    return answer_object(call->answer, object, err);
}

void capacity_id(const struct api_world *world, int32_t stated_on, uint8_t id[OP_ENTITY_BYTES])
{
    char day[DATE_TEXT_SIZE];
    date_format(stated_on, day);
    entity_id(world->stream, "capacity_statement", day, id);
}

enum err_code api_capacity_state(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "places", "supervisor_minutes", "note", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    int64_t places = 0;
    int64_t supervisor_minutes = 0;
    (void)member_int(&members, "places", 0, PLACES_MAX, true, &places);
    bool supervised = member_int(&members, "supervisor_minutes", 0, SUPERVISOR_MINUTES_MAX, false, &supervisor_minutes);
    const char *note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    TRY(members_end(&members));
    if (world->stream == NULL) {
        return FAIL(err, NOT_ENROLLED, "state the capacity: this device is not enrolled yet");
    }

    struct store_entry entry = { .kind = KIND_CAPACITY_STATEMENT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_CAPACITY_STATEMENT));
    record_set_number(&entry.record, "places", places);
    record_set_number(&entry.record, "stated_on", world->today);
    if (supervised) {
        record_set_number(&entry.record, "supervisor_minutes", supervisor_minutes);
    }
    record_set_text(&entry.record, "note", note);
    capacity_id(world, world->today, entry.subject);

    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    json_t *statement;
    TRY(statement_read(world, &statement, err));
    return answer_object(call->answer,
                         json_pack("{s:i,s:o,s:o}", "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "statement", statement),
                         err);
}

static json_t *weeks_value(const struct forecast *forecast, int32_t today)
{
    json_t *weeks = json_array();
    for (int week = 0; weeks != NULL && week < FORECAST_WEEKS_MAX; week++) {
        json_t *one = json_pack("{s:o,s:i,s:i,s:i}", "ends_on", value_day(today + 7 * (week + 1)), "expected",
                                forecast->expected[week], "low", forecast->low[week], "high", forecast->high[week]);
        if (json_array_append_new(weeks, one) != 0) {
            json_decref(weeks);
            return NULL;
        }
    }
    return weeks;
}

enum err_code api_capacity_forecast(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct store_site_facts site;
    TRY(store_site_facts(world->store, world->today, &site, err));
    struct forecast forecast;
    rules_forecast(world->programme, &site.facts, world->today, &forecast);
    store_site_facts_fini(&site);
    if (!forecast.possible) {
        return answer_object(call->answer,
                             json_pack("{s:b,s:n,s:n,s:n,s:n,s:n,s:n,s:n,s:n}", "possible", 0, "places", "taken_now",
                                       "waiting", "inflow_per_week", "weeks_until_full", "weeks_earliest",
                                       "weeks_latest", "weeks"),
                             err);
    }
    return answer_object(call->answer,
                         json_pack("{s:b,s:i,s:i,s:i,s:f,s:o,s:o,s:o,s:o}", "possible", 1, "places", forecast.places,
                                   "taken_now", forecast.taken_now, "waiting", forecast.waiting, "inflow_per_week",
                                   forecast.inflow_per_week, "weeks_until_full", value_int(forecast.weeks_until_full),
                                   "weeks_earliest", value_int(forecast.weeks_earliest), "weeks_latest",
                                   value_int(forecast.weeks_latest), "weeks", weeks_value(&forecast, world->today)),
                         err);
}
