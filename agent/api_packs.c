/* Programme packs: which there are, which is in force, and what one says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "store/packs.h"

enum { VERSION_TEXT_SIZE = 12, PACKS_LIMIT = 1000 };

static json_t *pack_value(const struct pack_row *row)
{
    return json_pack("{s:s,s:i,s:s,s:s,s:b,s:o,s:o,s:o}", "name", row->name, "version", row->version, "sha256",
                     row->sha256, "source", "centre", "in_force", row->in_force, "in_force_from",
                     value_day(row->in_force_from), "written_by", value_text(row->said_by), "written_at",
                     value_instant(row->said_at_ms));
}

/* The built-in one, or that of a file. */
static json_t *own_value(const struct store *store, const struct programme *programme)
{
    bool in_force = store_programme_since(store) == ROW_NONE && store_programme(store) == programme;
    return json_pack("{s:s,s:i,s:s,s:s,s:b,s:n,s:n,s:n}", "name", programme_id(programme), "version",
                     programme_version(programme), "sha256", programme_sha256(programme), "source",
                     programme == programme_default() ? "built_in" : "configured", "in_force", in_force,
                     "in_force_from", "written_by", "written_at");
}

static enum err_code refused_value(struct store *store, size_t limit, json_t **ret_value, bool *ret_more,
                                   struct error *err)
{
    SCOPED(refused_pack_list_fini) struct refused_pack_list list = { 0 };
    TRY(query_refused_packs(store, limit, &list, err));
    json_t *value = json_array();
    for (size_t i = 0; i < list.count; i++) {
        (void)json_array_append_new(value, json_pack("{s:o,s:o}", "reason", value_text(list.rows[i].reason),
                                                     "received_at", value_instant(list.rows[i].received_at_ms)));
    }
    *ret_value = value;
    *ret_more = list.more;
    return ERR_OK;
}

static enum err_code add_json(struct store *store, const struct pack_row *row, json_t *pack, struct error *err)
{
    SCOPED(buf_fini) struct buf json;
    buf_init(&json, PROGRAMME_JSON_MAX + 1);
    TRY(query_pack_json(store, row->sha256, &json, err));
    (void)json_object_set_new(pack, "json", json_stringn((const char *)json.data, json.len));
    return ERR_OK;
}

static json_t *own_json(const struct programme *programme)
{
    struct slice json = programme_default_json();
    return programme == programme_default() ? json_stringn((const char *)json.data, json.len) : json_null();
}

static enum err_code packs_value(struct store *store, size_t limit, bool json, json_t **ret_value, bool *ret_more,
                                 struct error *err)
{
    SCOPED(pack_list_fini) struct pack_list list = { 0 };
    const struct programme *own[] = { store_own_programme(store), programme_default() };
    TRY(query_packs(store, limit, &list, err));
    json_t *packs = json_array();
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < list.count; i++) {
        json_t *pack = pack_value(&list.rows[i]);
        rc = json ? add_json(store, &list.rows[i], pack, err) : ERR_OK;
        (void)json_array_append_new(packs, pack);
    }
    if (rc != ERR_OK) {
        json_decref(packs);
        return rc;
    }
    for (size_t i = own[0] == own[1] ? 1 : 0; i < ARRAY_LEN(own); i++) {
        json_t *pack = own_value(store, own[i]);
        if (json) {
            (void)json_object_set_new(pack, "json", own_json(own[i]));
        }
        (void)json_array_append_new(packs, pack);
    }
    *ret_value = packs;
    *ret_more = list.more;
    return ERR_OK;
}

enum err_code packs_all(struct store *store, json_t **ret_value, struct error *err)
{
    json_t *packs;
    bool more;
    TRY(packs_value(store, PACKS_LIMIT, true, &packs, &more, err));
    if (more) {
        json_decref(packs);
        return FAIL(err, LIMIT, "prove the rules: the centre gave more than %d programme packs", PACKS_LIMIT);
    }
    *ret_value = packs;
    return ERR_OK;
}

enum err_code api_packs(struct api_call *call, struct error *err)
{
    json_t *refused;
    json_t *packs;
    size_t limit;
    bool more_refused;
    bool more;
    TRY(query_number(call, "limit", PACKS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(refused_value(call->world->store, limit, &refused, &more_refused, err));
    enum err_code rc = packs_value(call->world->store, limit, false, &packs, &more, err);
    if (rc != ERR_OK) {
        json_decref(refused);
        return rc;
    }
    return answer_object(call->answer,
                         json_pack("{s:o,s:o,s:b}", "packs", packs, "refused", refused, "more", more || more_refused),
                         err);
}

/* "help-to-work-2014/1" */
static bool is_named(const char *tail, const char *name, int version)
{
    char digits[VERSION_TEXT_SIZE];
    size_t len = strlen(name);
    (void)snprintf(digits, sizeof(digits), "%d", version);
    return strncmp(tail, name, len) == 0 && tail[len] == '/' && strcmp(tail + len + 1, digits) == 0;
}

static enum err_code find_given(struct store *store, const char *tail, struct pack_row *ret_row, struct error *err)
{
    char name[PACK_NAME_SIZE];
    const char *slash = strrchr(tail, '/');
    size_t len = slash != NULL ? (size_t)(slash - tail) : sizeof(name);
    if (len >= sizeof(name) || strspn(slash + 1, "0123456789") > VERSION_TEXT_SIZE - 3) {
        return FAIL(err, NOT_FOUND, "find the programme pack: this is not NAME/VERSION");
    }
    memcpy(name, tail, len);
    name[len] = '\0';
    int version = atoi(slash + 1);
    if (!is_named(tail, name, version)) {
        return FAIL(err, NOT_FOUND, "find the programme pack: this is not NAME/VERSION");
    }
    return query_pack(store, name, version, ret_row, err);
}

static enum err_code answer_pack(struct api_call *call, json_t *pack, struct slice json, struct error *err)
{
    return answer_object(call->answer,
                         json_pack("{s:o,s:o}", "pack", pack, "json", json_stringn((const char *)json.data, json.len)),
                         err);
}

enum err_code api_pack(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    const struct programme *own = store_own_programme(store);
    struct pack_row row;
    enum err_code rc = find_given(store, call->tail, &row, err);
    if (rc == ERR_OK) {
        SCOPED(buf_fini) struct buf json;
        buf_init(&json, PROGRAMME_JSON_MAX + 1);
        TRY(query_pack_json(store, row.sha256, &json, err));
        return answer_pack(call, pack_value(&row), buf_slice(&json), err);
    }
    if (rc != ERR_NOT_FOUND) {
        return rc;
    }
    if (own != programme_default() && is_named(call->tail, programme_id(own), programme_version(own))) {
        return FAIL(err, REFUSED, "show the programme pack: it is the file that the setting programme.pack names");
    }
    if (is_named(call->tail, programme_id(programme_default()), programme_version(programme_default()))) {
        return answer_pack(call, own_value(store, programme_default()), programme_default_json(), err);
    }
    return FAIL(err, NOT_FOUND,
                "find the programme pack: none here has this NAME/VERSION; 'holdfast pack list' has "
                "those there are");
}
