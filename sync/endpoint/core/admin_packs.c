/*
 * Programme packs: validated, then written into the log of one site or of every site, from where devices take them
 * with everything else.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/centre/packs.h"
#include "sync/endpoint/core/admin.h"

#define ACTOR_DEFAULT "jcp"

/* ---- one pack into one log ---- */

struct pack {
    struct programme *programme;
    struct standing_pack standing;
};

static void pack_fini(struct pack *pack)
{
    programme_free(pack->programme);
}

static enum err_code write_pack(struct admin_call *call, const struct centre_site *site, const struct pack *pack)
{
    const char *actor = argument_text(call, "actor");
    uint8_t digest[SHA256_BYTES];
    struct record record;
    struct op_id unused;
    struct centre_entry entry = { .kind = KIND_PROGRAMME_PACK, .record = &record };
    CHECK(hex_decode(programme_sha256(pack->programme), digest, sizeof(digest)));
    memcpy(entry.subject, digest, OP_ENTITY_BYTES);
    record_init(&record, kind_by_number(KIND_PROGRAMME_PACK));
    record_set_text(&record, "name", programme_id(pack->programme));
    record_set_number(&record, "version", programme_version(pack->programme));
    record_set_number(&record, "in_force_from", pack->standing.in_force_from);
    record_set_text(&record, "sha256", programme_sha256(pack->programme));
    *record_value(&record, "pack") =
        (struct value){ .present = true, .text = slice_of(pack->standing.packed, pack->standing.packed_len) };
    return centre_write(call->centre->store, site, call->centre->signing_key,
                        buf_slice(&call->centre->signing_certificate), actor != NULL ? actor : ACTOR_DEFAULT, &entry, 1,
                        call->now_ms, &unused, call->err);
}

/* What the site's log says of the pack: is it there as it is to be, and could it be put there? */
static enum err_code look(struct admin_call *call, const struct centre_site *site, const struct pack *pack,
                          bool *ret_there)
{
    struct pack_list list;
    int version = programme_version(pack->programme);
    TRY(centre_packs(call->centre->store, site, &list, call->err));
    enum err_code rc = ERR_OK;
    bool there = false;
    bool same = false;
    for (size_t i = 0; i < list.count && !same; i++) {
        same = strcmp(list.rows[i].sha256, programme_sha256(pack->programme)) == 0;
        there = same && list.rows[i].in_force_from == pack->standing.in_force_from;
    }
    if (!same && list.count > 0 && list.rows[0].version >= version) {
        rc = FAIL(
            call->err, REFUSED,
            "add a programme pack: site '%s' has version %d of %s already, and versions only grow: give the file a "
            "'version' above %d",
            site->name, list.rows[0].version, list.rows[0].name, list.rows[0].version);
    }
    pack_list_fini(&list);
    TRY(rc);
    *ret_there = there;
    return ERR_OK;
}

/* ---- what every site has ---- */

static enum err_code load_standing(const struct standing_pack *standing, struct pack *ret_pack, struct error *err)
{
    SCOPED(buf_fini) struct buf json;
    buf_init(&json, PROGRAMME_JSON_MAX + 1);
    TRY(programme_expand(slice_of(standing->packed, standing->packed_len), &json, err));
    TRY(programme_load(buf_slice(&json), &ret_pack->programme, err));
    ret_pack->standing = *standing;
    return ERR_OK;
}

static enum err_code give_one(struct admin_call *call, const struct centre_site *site,
                              const struct standing_pack *standing)
{
    SCOPED(pack_fini) struct pack pack = { 0 };
    bool there;
    TRY(load_standing(standing, &pack, call->err));
    enum err_code rc = look(call, site, &pack, &there);
    if (rc == ERR_REFUSED) { /* it has a later one of its own */
        return ERR_OK;
    }
    TRY(rc);
    return there ? ERR_OK : write_pack(call, site, &pack);
}

enum err_code packs_give(struct admin_call *call, const struct centre_site *site)
{
    struct standing_list list;
    TRY(centre_standing_packs(call->centre->store, &list, call->err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < list.count; i++) {
        rc = give_one(call, site, &list.packs[i]);
    }
    standing_list_fini(&list);
    return rc;
}

/* ---- adding ---- */

static enum err_code read_pack(struct admin_call *call, struct pack *pack)
{
    struct slice json = slice_of_text(argument_text(call, "pack"));
    SCOPED(buf_fini) struct buf packed;
    buf_init(&packed, PROGRAMME_PACKED_MAX);
    TRY(programme_load(json, &pack->programme, call->err));
    TRY(programme_compress(json, &packed, call->err));
    memcpy(pack->standing.packed, packed.data, packed.len);
    pack->standing.packed_len = packed.len;
    pack->standing.version = programme_version(pack->programme);
    pack->standing.in_force_from = argument_date(call, "in_force_from", 0);
    return ERR_OK;
}

/* The sites meant; the caller frees them. */
static enum err_code read_sites(struct admin_call *call, struct centre_site **ret_sites, size_t *ret_count)
{
    bool all = argument_bool(call, "all");
    if (all == (argument_text(call, "site") != NULL)) {
        return FAIL(call->err, INVALID, "add a programme pack: say for which site, or for all");
    }
    if (all) {
        return centre_sites(call->centre->store, ret_sites, ret_count, call->err);
    }
    struct centre_site *site = malloc(sizeof(*site));
    if (site == NULL) {
        return FAIL(call->err, NO_MEMORY, "add a programme pack");
    }
    enum err_code rc = argument_site(call, site);
    if (rc != ERR_OK) {
        free(site);
        return rc;
    }
    *ret_sites = site;
    *ret_count = 1;
    return ERR_OK;
}

/* Nothing is written anywhere before every site could take it; what stands already is not written again, so that a
 * call that was cut is simply repeated. */
static enum err_code add_to(struct admin_call *call, const struct pack *pack, const struct centre_site *sites,
                            size_t count, size_t *ret_written)
{
    bool there;
    for (size_t i = 0; i < count; i++) {
        TRY(look(call, &sites[i], pack, &there));
    }
    if (argument_bool(call, "all")) {
        TRY(centre_standing_pack_keep(call->centre->store, &pack->standing, call->err));
    }
    *ret_written = 0;
    for (size_t i = 0; i < count; i++) {
        TRY(look(call, &sites[i], pack, &there));
        if (!there) {
            TRY(write_pack(call, &sites[i], pack));
            ++*ret_written;
        }
    }
    return ERR_OK;
}

/* For all: a version that stands for every site is not used for another pack, although there is no site yet. */
static enum err_code check_standing(struct admin_call *call, const struct pack *pack)
{
    struct standing_list list;
    TRY(centre_standing_packs(call->centre->store, &list, call->err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < list.count; i++) {
        const struct standing_pack *held = &list.packs[i];
        bool same = slice_equal(slice_of(held->packed, held->packed_len),
                                slice_of(pack->standing.packed, pack->standing.packed_len));
        if (same) {
            break;
        }
        if (i + 1 == list.count && held->version >= pack->standing.version) {
            rc = FAIL(call->err, REFUSED,
                      "add a programme pack: version %d stands for every site already, and versions only grow: give "
                      "the file a 'version' above %d",
                      held->version, held->version);
        }
    }
    standing_list_fini(&list);
    return rc;
}

enum err_code admin_pack_add(struct admin_call *call)
{
    SCOPED(pack_fini) struct pack pack = { 0 };
    struct centre_site *sites = NULL;
    size_t count = 0;
    size_t written = 0;
    TRY(read_pack(call, &pack));
    TRY(argument_bool(call, "all") ? check_standing(call, &pack) : ERR_OK);
    TRY(read_sites(call, &sites, &count));
    enum err_code rc = add_to(call, &pack, sites, count, &written);
    free(sites);
    TRY(rc);
    LOG_INFO("programme_pack_added", "version=%d sites=%zu written=%zu", pack.standing.version, count, written);
    char day[DATE_TEXT_SIZE];
    date_format(pack.standing.in_force_from, day);
    return admin_answer(call, json_pack("{s:s,s:i,s:s,s:s,s:I,s:I,s:b}", "name", programme_id(pack.programme),
                                        "version", pack.standing.version, "in_force_from", day, "sha256",
                                        programme_sha256(pack.programme), "sites", (json_int_t)count, "written",
                                        (json_int_t)written, "all", argument_bool(call, "all")));
}

/* ---- listing ---- */

static const char *state_of(const struct pack_list *list, size_t i, int32_t today)
{
    bool restated = i > 0 && strcmp(list->rows[i - 1].sha256, list->rows[i].sha256) == 0;
    if (restated) {
        return "restated";
    }
    if (list->rows[i].in_force_from > today) {
        return "to come";
    }
    for (size_t before = 0; before < i; before++) { /* the greatest version whose day has come */
        bool first = before == 0 || strcmp(list->rows[before - 1].sha256, list->rows[before].sha256) != 0;
        if (first && list->rows[before].in_force_from <= today) {
            return "replaced";
        }
    }
    return "in force";
}

static enum err_code list_site(struct admin_call *call, const struct centre_site *site, json_t *rows)
{
    struct pack_list list;
    TRY(centre_packs(call->centre->store, site, &list, call->err));
    for (size_t i = 0; i < list.count; i++) {
        const struct pack_row *row = &list.rows[i];
        char day[DATE_TEXT_SIZE];
        date_format(row->in_force_from, day);
        (void)json_array_append_new(rows,
                                    json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:o}", "site", site->name, "name",
                                              row->name, "version", row->version, "in_force_from", day, "state",
                                              state_of(&list, i, clock_today(call->now_ms)), "sha256", row->sha256,
                                              "actor", row->said_by, "recorded_at", json_instant(row->said_at_ms)));
    }
    pack_list_fini(&list);
    return ERR_OK;
}

enum err_code admin_packs(struct admin_call *call)
{
    struct centre_site *sites = NULL;
    size_t count = 0;
    struct centre_site site;
    json_t *rows = json_array();
    enum err_code rc;
    if (argument_text(call, "site") != NULL) {
        rc = argument_site(call, &site);
        rc = rc == ERR_OK ? list_site(call, &site, rows) : rc;
    } else {
        rc = centre_sites(call->centre->store, &sites, &count, call->err);
        for (size_t i = 0; rc == ERR_OK && i < count; i++) {
            rc = list_site(call, &sites[i], rows);
        }
    }
    free(sites);
    if (rc != ERR_OK) {
        json_decref(rows);
        return rc;
    }
    return admin_answer(call, json_pack("{s:o}", "packs", rows));
}
