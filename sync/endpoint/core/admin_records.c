/*
 * What JCP's side writes into a site's log: referrals, appointments, decisions. The same words always name the same
 * subject, so that saying a thing again corrects it and never doubles it.
 */
#include <stdio.h>
#include <string.h>

#include "store/centre/doubts.h"
#include "sync/endpoint/core/admin.h"

#define ACTOR_DEFAULT "jcp"
#define MINUTES_PER_HOUR 60
#define KEY_SIZE (ROW_REF_SIZE + DATE_TEXT_SIZE + TIME_OF_DAY_TEXT_SIZE + 2)

struct writing {
    struct admin_call *call;
    struct centre_site site;
    uint8_t participant[OP_ENTITY_BYTES];
    struct record records[2];
    struct centre_entry entries[2];
    size_t count;
};

static enum err_code check_ref(const struct writing *w, const char *name, const char *ref)
{
    return strlen(ref) < ROW_REF_SIZE
               ? ERR_OK
               : FAIL(w->call->err, INVALID, "'%s': expected at most %d bytes", name, ROW_REF_SIZE - 1);
}

static enum err_code begin(struct admin_call *call, struct writing *w)
{
    const char *ref = argument_text(call, "participant");
    *w = (struct writing){ .call = call };
    TRY(argument_site(call, &w->site));
    TRY(check_ref(w, "participant", ref));
    entity_id(w->site.stream, "participant", ref, w->participant);
    return ERR_OK;
}

static const char *what_to_do(enum record_kind kind)
{
    switch (kind) {
    case KIND_PARTICIPANT:
        return "look the reference up with `log --site SITE --kind participant`, refer the person with `referral "
               "new`, or wait until the site has synchronised what it recorded";
    case KIND_REFERRAL:
        return "look the reference up with `log --site SITE --kind referral`";
    default:
        return "look the id up with `message list --site SITE`";
    }
}

/* A slip of the pen would name somebody, or something, that the site never hears of. */
static enum err_code check_known(const struct writing *w, enum record_kind kind, const uint8_t id[OP_ENTITY_BYTES],
                                 const char *name)
{
    bool known;
    TRY(centre_knows(w->call->centre->store, &w->site, kind, id, &known, w->call->err));
    return known ? ERR_OK
                 : FAIL(w->call->err, NOT_FOUND, "'%s': the log of '%s' has no such %s; %s", name, w->site.name,
                        kind_by_number(kind)->name, what_to_do(kind));
}

static enum err_code begin_of_known(struct admin_call *call, struct writing *w)
{
    TRY(begin(call, w));
    return check_known(w, KIND_PARTICIPANT, w->participant, "participant");
}

static struct record *add(struct writing *w, enum record_kind kind, const uint8_t subject[OP_ENTITY_BYTES])
{
    struct centre_entry *entry = &w->entries[w->count];
    struct record *record = &w->records[w->count++];
    record_init(record, kind_by_number(kind));
    *entry = (struct centre_entry){ .kind = kind, .record = record };
    memcpy(entry->subject, subject, OP_ENTITY_BYTES);
    return record;
}

static struct record *add_keyed(struct writing *w, enum record_kind kind, const char *key)
{
    uint8_t subject[OP_ENTITY_BYTES];
    entity_id(w->site.stream, kind_by_number(kind)->name, key, subject);
    return add(w, kind, subject);
}

static enum err_code finish(struct writing *w)
{
    struct admin_call *call = w->call;
    const char *actor = argument_text(call, "actor");
    struct op_id last;
    TRY(centre_write(call->centre->store, &w->site, call->centre->signing_key,
                     buf_slice(&call->centre->signing_certificate), actor != NULL ? actor : ACTOR_DEFAULT, w->entries,
                     w->count, call->now_ms, &last, call->err));
    const struct centre_entry *main_entry = &w->entries[w->count - 1];
    return admin_answer(call, json_pack("{s:o, s:o, s:o, s:o}", "op", json_op_id(&last), "kind",
                                        json_kind_name(main_entry->kind), "subject",
                                        json_hex(main_entry->subject, OP_ENTITY_BYTES), "site", json_site(&w->site)));
}

/* The person as named here; nothing else about them is touched. */
static void add_participant(struct writing *w)
{
    struct record *record = add(w, KIND_PARTICIPANT, w->participant);
    record_set_text(record, "ref", argument_text(w->call, "participant"));
    record_set_text(record, "name", argument_text(w->call, "participant_name"));
}

enum err_code admin_referral_new(struct admin_call *call)
{
    struct writing w;
    const char *ref = argument_text(call, "ref");
    double hours = argument_number(call, "weekly_hours", -1);
    TRY(begin(call, &w));
    TRY(check_ref(&w, "ref", ref));
    if (hours > 168 || (hours < 0 && json_object_get(call->arguments, "weekly_hours") != NULL)) {
        return FAIL(call->err, INVALID, "'weekly_hours': expected 0 to 168");
    }
    add_participant(&w);
    struct record *record = add_keyed(&w, KIND_REFERRAL, ref);
    record_set_text(record, "ref", ref);
    record_set_id(record, "participant", w.participant);
    record_set_text(record, "route", argument_text(call, "route"));
    record_set_text(record, "basis", argument_text(call, "basis"));
    record_set_number(record, "received_on", argument_date(call, "received_on", clock_today(call->now_ms)));
    record_set_text(record, "source", argument_text(call, "source"));
    if (hours >= 0) {
        record_set_number(record, "weekly_minutes", (int64_t)(hours * MINUTES_PER_HOUR + 0.5));
    }
    record_set_text(record, "note", argument_text(call, "note"));
    TRY(centre_referral_fits(call->centre->store, &w.site, clock_today(call->now_ms), w.entries[1].subject, record,
                             call->err));
    return finish(&w);
}

enum err_code admin_appointment_new(struct admin_call *call)
{
    struct writing w;
    char key[KEY_SIZE];
    TRY(begin_of_known(call, &w));
    (void)snprintf(key, sizeof(key), "%s/%s/%s", argument_text(call, "participant"), argument_text(call, "date"),
                   argument_text(call, "from"));
    struct record *record = add_keyed(&w, KIND_APPOINTMENT, key);
    record_set_id(record, "participant", w.participant);
    record_set_number(record, "day", argument_date(call, "date", 0));
    record_set_number(record, "starts_min", argument_time(call, "from"));
    record_set_number(record, "ends_min", argument_time(call, "to"));
    record_set_text(record, "purpose", argument_text(call, "purpose"));
    if (json_object_get(call->arguments, "cancelled") != NULL) {
        record_set_number(record, "cancelled", argument_bool(call, "cancelled"));
    }
    return finish(&w);
}

static bool is_for_jcp(const struct doubt_row *doubt)
{
    return strcmp(doubt->status, "standing") == 0 || strcmp(doubt->status, "decided") == 0;
}

/* Of a doubt that was decided the decision itself is said anew, and no second one made. */
static struct record *add_answer(struct writing *w, const struct doubt_row *doubt, const char *key)
{
    struct record *record = strcmp(doubt->status, "decided") == 0 ? add(w, KIND_DECISION, doubt->decision.bytes)
                                                                  : add_keyed(w, KIND_DECISION, key);
    record_set_id(record, "doubt", doubt->id.bytes);
    return record;
}

/* The doubt of the site that a decision about this person and day answers, if there is one. */
static enum err_code doubt_about(const struct writing *w, int32_t day, struct doubt_row *ret_doubt, bool *ret_found,
                                 struct error *err)
{
    SCOPED(doubt_list_fini) struct doubt_list list = { 0 };
    *ret_found = false;
    TRY(centre_doubts(w->call->centre->store, &w->site, clock_today(w->call->now_ms), &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct doubt_row *doubt = &list.rows[i];
        if (!is_for_jcp(doubt) || doubt->day != day ||
            memcmp(doubt->participant.bytes, w->participant, OP_ENTITY_BYTES) != 0) {
            continue;
        }
        if (*ret_found) {
            return FAIL(err, CONFLICT,
                        "tell the site of a decision: it raised several doubts about this person and day; name the one "
                        "that is decided with --doubt ID, as `doubts` lists them");
        }
        *ret_doubt = *doubt;
        *ret_found = true;
    }
    return ERR_OK;
}

/* Of a person and a day, which the operator names; it answers the site's doubt about them, which is then filled in. */
static enum err_code decision_of_person(struct admin_call *call, struct writing *w, struct doubt_row *doubt,
                                        struct record **ret_record)
{
    char key[KEY_SIZE];
    bool found;
    if (argument_text(call, "participant") == NULL || argument_text(call, "failure_on") == NULL) {
        return FAIL(call->err, INVALID, "'participant', 'failure_on': missing; or name the 'doubt'");
    }
    int32_t day = argument_date(call, "failure_on", 0);
    TRY(begin_of_known(call, w));
    TRY(doubt_about(w, day, doubt, &found, call->err));
    (void)snprintf(key, sizeof(key), "%s/%s", argument_text(call, "participant"), argument_text(call, "failure_on"));
    *ret_record = found ? add_answer(w, doubt, key) : add_keyed(w, KIND_DECISION, key);
    record_set_id(*ret_record, "participant", w->participant);
    record_set_number(*ret_record, "failure_on", day);
    return ERR_OK;
}

/* Of a doubt, which names person and day: nobody types them anew. */
static enum err_code decision_of_doubt(struct admin_call *call, struct writing *w, struct doubt_row *doubt,
                                       struct record **ret_record)
{
    char key[sizeof("doubt/") + DOUBT_ID_SIZE] = "doubt/";
    if (argument_text(call, "participant") != NULL || argument_text(call, "failure_on") != NULL) {
        return FAIL(call->err, INVALID, "'doubt': it says whom and which day the decision is about");
    }
    *w = (struct writing){ .call = call };
    TRY(argument_site(call, &w->site));
    TRY(doubt_of(call, &w->site, doubt));
    hex_encode(doubt->id.bytes, ROW_ID_BYTES, key + strlen(key));
    *ret_record = add_answer(w, doubt, key);
    record_set_id(*ret_record, "participant", doubt->participant.bytes);
    record_set_number(*ret_record, "failure_on", doubt->day);
    return ERR_OK;
}

/* What a decision says of itself; a person's record of sanctions rests on it. */
static enum err_code check_decision(const struct admin_call *call, struct record *record)
{
    int64_t failure_on = record_value(record, "failure_on")->number;
    int64_t decided_on = record_value(record, "decided_on")->number;
    const struct value *weeks = record_value(record, "weeks");
    bool adverse = slice_equal(record_value(record, "outcome")->text, slice_of_text("adverse"));
    if (failure_on > clock_today(call->now_ms)) {
        return FAIL(call->err, INVALID, "'failure_on': that day is still to come");
    }
    if (decided_on > clock_today(call->now_ms)) {
        return FAIL(call->err, INVALID, "'decided_on': that day is still to come");
    }
    if (decided_on < failure_on) {
        return FAIL(call->err, INVALID, "'decided_on': that is before the day of the failure");
    }
    if (weeks->present && (!adverse || weeks->number < 1)) {
        return FAIL(call->err, INVALID, "'weeks': of an adverse decision alone, and at least 1");
    }
    return ERR_OK;
}

enum err_code admin_decision_new(struct admin_call *call)
{
    struct writing w;
    struct doubt_row doubt;
    struct record *record = NULL;
    TRY(argument_text(call, "doubt") != NULL ? decision_of_doubt(call, &w, &doubt, &record)
                                             : decision_of_person(call, &w, &doubt, &record));
    record_set_number(record, "decided_on", argument_date(call, "decided_on", clock_today(call->now_ms)));
    record_set_text(record, "outcome", argument_text(call, "outcome"));
    if (json_object_get(call->arguments, "weeks") != NULL) {
        record_set_number(record, "weeks", argument_integer(call, "weeks", 0));
    }
    record_set_text(record, "note", argument_text(call, "note"));
    TRY(check_decision(call, record));
    return finish(&w);
}

/* An entity of the site that its own reference names; NULL leaves the field out. */
static enum err_code set_named(struct writing *w, struct record *record, enum record_kind kind,
                               uint8_t id[OP_ENTITY_BYTES])
{
    const char *name = kind_by_number(kind)->name;
    const char *ref = argument_text(w->call, name);
    if (ref != NULL) {
        TRY(check_ref(w, name, ref));
        entity_id(w->site.stream, name, ref, id);
        TRY(check_known(w, kind, id, name));
        record_set_id(record, name, id);
    }
    return ERR_OK;
}

enum err_code admin_message_send(struct admin_call *call)
{
    struct writing w = { .call = call };
    uint8_t subject[OP_ENTITY_BYTES];
    uint8_t referral[OP_ENTITY_BYTES];
    uint8_t reply_to[OP_ENTITY_BYTES];
    const char *replied = argument_text(call, "reply_to");
    TRY(argument_site(call, &w.site));
    TRY(random_bytes(subject, sizeof(subject), call->err));
    message_id(subject, WRITER_CENTRE);
    struct record *record = add(&w, KIND_MESSAGE, subject);
    record_set_text(record, "body", argument_text(call, "body"));
    record_set_number(record, "sent_on", clock_today(call->now_ms));
    record_set_text(record, "about", argument_text(call, "about"));
    TRY(set_named(&w, record, KIND_PARTICIPANT, w.participant));
    TRY(set_named(&w, record, KIND_REFERRAL, referral));
    if (replied != NULL) {
        if (!hex_decode(replied, reply_to, sizeof(reply_to))) {
            return FAIL(call->err, INVALID, "'reply_to': expected the %d digits of a message's id",
                        2 * OP_ENTITY_BYTES);
        }
        TRY(check_known(&w, KIND_MESSAGE, reply_to, "reply_to"));
        record_set_id(record, "reply_to", reply_to);
    }
    return finish(&w);
}
