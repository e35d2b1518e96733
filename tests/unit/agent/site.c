#include "tests/unit/agent/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flags_pass.h"

void site_start(struct site *site)
{
    *site = (struct site){ .enrolled = true };
    world_init(&site->world);
    replica_start(&site->world, &site->replica, CERTIFICATE_ROLE_AGENT);
    site->today = day_of(SITE_TODAY);
    site->now_ms = ((int64_t)site->today * 24 + 12) * 3600 * 1000;
}

void site_stop(struct site *site)
{
    replica_stop(&site->replica);
    world_fini(&site->world);
}

void site_fill(struct site *site)
{
    static const char *const people[] = { "GDN-001", "GDN-002" };
    static const char *const placements[] = { "GDN-P001", "GDN-P002" };
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        struct store_entry entry;
        entry_participant(&site->world, &entry, people[i], i == 0 ? "Ada Tester" : "Ben Tester");
        replica_write(&site->replica, &entry, site->now_ms);
        entry_placement(&site->world, &entry, placements[i], people[i], "mandatory", "2026-09-01", "2027-02-26",
                        "Mon Wed Fri 09:30-15:30");
        replica_write(&site->replica, &entry, site->now_ms);
    }
}

/* ---- calls ---- */

static const char *query_value(const void *context, const char *name)
{
    static char value[256];
    const char *query = context;
    size_t len = strlen(name);
    while (query != NULL && *query != '\0') {
        if (strncmp(query, name, len) == 0 && query[len] == '=') {
            (void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(query + len + 1, "&"), query + len + 1);
            char *own = value; /* one argument is read at a time, but several are kept by some calls */
            static char kept[8][256];
            static size_t next;
            char *slot = kept[next++ % ARRAY_LEN(kept)];
            memcpy(slot, own, sizeof(value));
            return slot;
        }
        query = strchr(query, '&');
        query = query != NULL ? query + 1 : NULL;
    }
    return NULL;
}

/* What would be sent, as the body. */
static void read_spool(struct api_answer *answer)
{
    struct error err;
    uint8_t piece[1000];
    size_t len = 1;
    while (answer->spool != NULL && len > 0) {
        cr_assert_eq(spool_read(answer->spool, piece, sizeof(piece), &len, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(buf_append(&answer->body, piece, len, &err), ERR_OK, "%s", err.message);
    }
    cr_assert(answer->spool == NULL || spool_length(answer->spool) == answer->body.len);
}

struct reply site_call_bytes(struct site *site, const char *method, const char *path, struct slice body)
{
    char plain[256];
    const char *query = strchr(path, '?');
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(path, "?"), path);
    struct api_world world = { .store = site->replica.store,
                               .programme = programme_default(),
                               .stream = site->enrolled ? site->world.stream : NULL,
                               .actor = site->person != NULL ? site->person : "tester",
                               .named = site->person != NULL,
                               .roles = site->roles != 0 ? site->roles : ROLES_ALL,
                               .now_ms = site->now_ms,
                               .today = site->today,
                               .retention_months = 72 };
    struct api_request request = { .method = method,
                                   .path = plain,
                                   .body = body,
                                   .query = query_value,
                                   .query_context = query != NULL ? query + 1 : NULL };
    struct api_answer answer;
    api_answer_init(&answer);
    answer.spool_over = site->spool_over != 0 ? site->spool_over : answer.spool_over;
    api_call_data(&world, &request, &answer);
    read_spool(&answer);
    struct reply reply = { .status = answer.status, .len = answer.body.len, .spooled = answer.spool != NULL };
    reply.text = calloc(1, answer.body.len + 1);
    cr_assert_not_null(reply.text);
    if (answer.body.len > 0) {
        memcpy(reply.text, answer.body.data, answer.body.len);
    }
    if (strcmp(answer.content_type, "application/json") == 0) {
        reply.json = json_loads(reply.text, 0, NULL);
        cr_assert_not_null(reply.json, "not JSON: %s", reply.text);
    }
    api_answer_fini(&answer);
    return reply;
}

struct reply site_call(struct site *site, const char *method, const char *path, const char *body)
{
    return site_call_bytes(site, method, path, body != NULL ? slice_of_text(body) : (struct slice){ 0 });
}

void reply_fini(struct reply *reply)
{
    json_decref(reply->json);
    free(reply->text);
    *reply = (struct reply){ 0 };
}

const json_t *reply_at(const struct reply *reply, const char *path)
{
    const json_t *value = reply->json;
    char name[64];
    for (const char *at = path; *at != '\0';) {
        size_t len = strcspn(at, ".");
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name)) : json_object_get(value, name);
        cr_assert_not_null(value, "no '%s' in %s", path, reply->text);
        at += len + (at[len] == '.');
    }
    return value;
}

const char *reply_text(const struct reply *reply, const char *path)
{
    const char *text = json_string_value(reply_at(reply, path));
    cr_assert_not_null(text, "'%s' is no text in %s", path, reply->text);
    return text;
}

json_int_t reply_int(const struct reply *reply, const char *path)
{
    cr_assert(json_is_integer(reply_at(reply, path)), "'%s' is no number in %s", path, reply->text);
    return json_integer_value(reply_at(reply, path));
}

size_t reply_count(const struct reply *reply, const char *path)
{
    cr_assert(json_is_array(reply_at(reply, path)), "'%s' is no list in %s", path, reply->text);
    return json_array_size(reply_at(reply, path));
}

void site_expect(struct site *site, const char *method, const char *path, const char *body, int status,
                 const char *code)
{
    struct reply reply = site_call(site, method, path, body);
    cr_assert_eq(reply.status, status, "%s %s: %d %s", method, path, reply.status, reply.text);
    if (code != NULL) {
        cr_assert_str_eq(reply_text(&reply, "error.code"), code, "%s", reply.text);
    }
    reply_fini(&reply);
}

void site_judge(struct site *site)
{
    struct flag_list flags;
    flag_list_init(&flags);
    bool more = true;
    while (more) {
        struct error err;
        cr_assert_eq(
            flags_slice(site->replica.store, programme_default(), site->today, site->now_ms, &flags, &more, &err),
            ERR_OK);
    }
    flag_list_fini(&flags);
}
