/* Erasing what is recorded about a person, or one record. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/names.h"
#include "base/log.h"
#include "store/people.h"

/* ---- what is meant ---- */

static enum err_code find_session(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    struct session_name session;
    enum err_code rc = session_name_find(store, text, &session, err);
    if (rc == ERR_NOT_FOUND && session_name_split(text, &session, NULL) == ERR_OK &&
        query_find_lone(store, KIND_PLACEMENT, session.placement_ref, &session.placement, NULL) == ERR_OK) {
        rc = ERR_OK;
    }
    TRY(rc);
    erase->kind = KIND_ATTENDANCE;
    erase->subject_len = OP_SESSION_BYTES;
    session_subject(session.placement.bytes, session.day, session.slot, erase->subject);
    return ERR_OK;
}

/* Of which there is no record, or none that says whose it is: other records name it. */
static enum err_code find_named(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    static const uint32_t kinds[] = { KIND_PARTICIPANT, KIND_PLACEMENT, KIND_REFERRAL };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct row_id id;
        erase->lone = kinds[i] != KIND_PARTICIPANT;
        enum err_code rc = erase->lone ? query_find_lone(store, kinds[i], text, &id, err)
                                       : query_find_unrecorded(store, text, &id, err);
        if (rc == ERR_OK) {
            erase->kind = kinds[i];
            erase->subject_len = OP_ENTITY_BYTES;
            memcpy(erase->subject, id.bytes, OP_ENTITY_BYTES);
        }
        if (rc != ERR_NOT_FOUND) {
            return rc;
        }
    }
    return FAIL(err, NOT_FOUND,
                "find what to erase: no participant, placement or referral has this reference, and no other record "
                "names such a one");
}

static enum err_code find_entity(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    static const uint32_t kinds[] = { KIND_PARTICIPANT, KIND_PLACEMENT, KIND_REFERRAL };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct row_id id;
        enum err_code rc = query_find(store, kinds[i], text, &id, err);
        if (rc == ERR_OK) {
            erase->kind = kinds[i];
            erase->subject_len = OP_ENTITY_BYTES;
            memcpy(erase->subject, id.bytes, OP_ENTITY_BYTES);
        }
        if (rc != ERR_NOT_FOUND) {
            return rc;
        }
    }
    return find_named(store, text, erase, err);
}

static enum err_code find_one(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    struct log_row row;
    TRY(query_log_entry(store, text, &row, err));
    erase->kind = row.kind;
    erase->subject_len = row.subject_len;
    memcpy(erase->subject, row.subject, row.subject_len);
    erase->one = true;
    erase->op = row.op;
    return ERR_OK;
}

static enum err_code find_what(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    if (strchr(text, '@') != NULL) {
        return find_session(store, text, erase, err);
    }
    return strchr(text, '/') != NULL ? find_one(store, text, erase, err) : find_entity(store, text, erase, err);
}

/* ---- what is said of it ---- */

json_t *erasable_counts(const struct store_erasable *erasable)
{
    json_t *counts = json_object();
    for (uint32_t i = 0; i < STORE_KINDS_MAX; i++) {
        const struct kind *kind = kind_by_number(i);
        if (erasable->kinds[i] > 0 && kind != NULL) {
            (void)json_object_set_new(counts, kind->name, json_integer((json_int_t)erasable->kinds[i]));
        }
    }
    return counts;
}

json_t *erasable_holds(const struct store_erasable *erasable)
{
    json_t *holds = json_array();
    for (size_t i = 0; i < erasable->hold_count; i++) {
        (void)json_array_append_new(holds, json_string(erasable->holds[i]));
    }
    return holds;
}

static enum err_code refs_value(struct store *store, const struct id_list *list, const struct id_list *without,
                                json_t **ret_refs, struct error *err)
{
    json_t *refs = json_array();
    for (size_t i = 0; i < list->count; i++) {
        char ref[ROW_REF_SIZE] = "";
        if (without != NULL && id_list_has(without, list->rows[i].bytes)) {
            continue;
        }
        enum err_code rc = query_ref(store, KIND_PARTICIPANT, &list->rows[i], ref, err);
        if (rc != ERR_OK) {
            json_decref(refs);
            return rc;
        }
        if (ref[0] != '\0') {
            (void)json_array_append_new(refs, json_string(ref));
        }
    }
    *ret_refs = refs;
    return ERR_OK;
}

/* The refs of all records that are surely of the person, and of those that were merged and stay; of something else
 * none. */
static enum err_code people_value(struct store *store, const struct store_erase *erase, json_t **ret_people,
                                  json_t **ret_unconfirmed, struct error *err)
{
    SCOPED(id_list_fini) struct id_list sure = { 0 };
    SCOPED(id_list_fini) struct id_list all = { 0 };
    struct row_id id;
    json_t *people;
    memcpy(id.bytes, erase->subject, ROW_ID_BYTES);
    if (erase->kind == KIND_PARTICIPANT && !erase->one) {
        TRY(query_surely_same_person(store, &id, &sure, err));
        TRY(query_same_person(store, &id, &all, err));
    }
    TRY(refs_value(store, &sure, NULL, &people, err));
    enum err_code rc = refs_value(store, &all, &sure, ret_unconfirmed, err);
    if (rc != ERR_OK) {
        json_decref(people);
        return rc;
    }
    *ret_people = people;
    return ERR_OK;
}

/* The file is made anew without them; if that fails now it is tried again when an export or a
 * backup has ended, after the next exchange and when the replica is opened. */
bool erased_scrubbed(struct store *store)
{
    bool done = false;
    struct error err;
    if (store_scrub(store, &done, &err) != ERR_OK) {
        log_error("scrub_failed", &err);
        return false;
    }
    return true;
}

/* Where people are entered, the second person is one of them, and not the one who is signed in. */
static enum err_code check_second(const struct api_world *world, const char *name, struct error *err)
{
    struct person person;
    if (!world->named || name == NULL) {
        return ERR_OK;
    }
    if (strcmp(name, world->actor) == 0) {
        return FAIL(err, REFUSED, "erase: a second person has to confirm it, and not '%s' who decides", name);
    }
    return query_person(world->store, name, NULL, &person, err);
}

enum err_code api_erase(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "what", "ground", "by", "reason", "confirmed_by", "dry_run", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *what = member_text(&members, "what", ROW_NAME_SIZE, true);
    bool dry = member_bool(&members, "dry_run", false);
    struct store_erase erase = { .ground = member_text(&members, "ground", ROW_CODE_SIZE, !dry),
                                 .decided_by = member_text(&members, "by", ROW_NAME_SIZE - 1, !dry && !world->named),
                                 .reason = member_text(&members, "reason", ROW_NAME_SIZE - 1, !dry),
                                 .confirmed_by = member_text(&members, "confirmed_by", ROW_NAME_SIZE - 1, false) };
    TRY(members_end(&members));
    const char *given = erase.decided_by;
    TRY(decider_name(world, "erase", &erase.decided_by, err));
    TRY(check_second(world, erase.confirmed_by, err));
    TRY(find_what(world->store, what, &erase, err));
    json_t *people;
    json_t *unconfirmed;
    struct store_erasable erasable;
    TRY(people_value(world->store, &erase, &people, &unconfirmed, err));
    enum err_code rc = dry ? store_erase_look(world->store, &erase, world->today, &erasable, err)
                           : store_erase(world->store, world->actor, &erase, world->now_ms, &erasable, err);
    if (rc != ERR_OK) {
        json_decref(people);
        json_decref(unconfirmed);
        return rc;
    }
    call->answer->wrote = !dry;
    if (!dry) {
        LOG_INFO("erased", "kind=%u records=%llu", erase.kind, (unsigned long long)erasable.records);
    }
    return answer_object(call->answer,
                         json_pack("{s:s,s:s,s:s?,s:o,s:o,s:b,s:I,s:o,s:I,s:o,s:b}", "what", what, "kind",
                                   kind_by_number(erase.kind) != NULL ? kind_by_number(erase.kind)->name : "unknown",
                                   "by", world->named ? erase.decided_by : given, "people", people, "unconfirmed",
                                   unconfirmed, "erased", !dry, "records", (json_int_t)erasable.records, "counts",
                                   erasable_counts(&erasable), "of_centre", (json_int_t)erasable.of_centre, "holds",
                                   erasable_holds(&erasable), "scrubbed", !dry && erased_scrubbed(world->store)),
                         err);
}
