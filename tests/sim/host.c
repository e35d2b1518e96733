#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"
#include "sync/endpoint/core/private.h"
#include "tests/sim/world.h"

static const uint8_t vault_key[VAULT_KEY_FILE_BYTES] = { 7, 2 };

int64_t host_wall_ms(const struct world *world)
{
    return world->now_ms + world->host.skew_ms;
}

static enum err_code open_parts(struct host *host, struct error *err)
{
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, vault_key, sizeof(vault_key) };
    TRY(vault_open(host->path, &unlock, &host->vault, err));
    TRY(centre_open(host->vault, 512, &host->centre, err));
    host->centre->store->slice_rows = 1; /* its logs are short: walks take several slices */
    host->centre->store->batch_rows = 8;
    return ERR_OK;
}

static void close_parts(struct host *host)
{
    if (host->centre != NULL) {
        centre_close(host->centre);
    }
    vault_close(host->vault);
    host->centre = NULL;
    host->vault = NULL;
}

/* A write that failed may be there after all, once the disk's power went at the wrong moment. */
static void adopt_unsure(struct world *world)
{
    for (unsigned site = 0; world->host.unsure && site < SITES; site++) {
        struct held_list list;
        held_by_centre(world, site, &list);
        for (size_t i = 0; i < list.count; i++) {
            const struct held *held = &list.rows[i];
            if (held->by_centre && !held->erased && !ledger_knows(&world->ledger, held->what)) {
                struct said said = { .site = site, .author = AUTHOR_CENTRE, .surety = MAYBE };
                memcpy(said.what, held->what, SHA256_BYTES);
                memcpy(said.about, held->about, SHA256_BYTES);
                tell("what the centre failed to write is there after all");
                ledger_add(&world->ledger, &said);
            }
        }
        held_fini(&list);
    }
}

void host_start(struct world *world)
{
    struct host *host = &world->host;
    struct error err = { 0 };
    CHECK(host->centre == NULL);
    enum err_code rc = open_parts(host, &err);
    if (rc == ERR_OK) {
        adopt_unsure(world);
        return;
    }
    if (!disk_troubled(&host->disk)) {
        sim_fail("the centre does not start with a healthy disk: %s: %s", err_code_name(rc), err.message);
    }
    tell("the centre does not start: %s", err.message);
    close_parts(host);
    if (host->disk.dead) {
        disk_forget(&host->disk);
        disk_heal(&host->disk);
    }
}

void host_stop(struct world *world)
{
    close_parts(&world->host);
    disk_forget(&world->host.disk);
}

void host_crash(struct world *world, bool power_lost)
{
    struct host *host = &world->host;
    char kept[128];
    (void)snprintf(kept, sizeof(kept), "%s-crash", host->folder);
    disk_die_after(&host->disk, 0);
    folder_copy(host->folder, kept);
    close_parts(host);
    folder_copy(kept, host->folder);
    folder_remove(kept);
    if (power_lost) {
        disk_lose_power(&host->disk, &world->chance);
    }
    disk_forget(&host->disk);
    disk_heal(&host->disk);
}

bool host_look_after(struct world *world)
{
    if (!world->host.disk.dead) {
        return false;
    }
    bool power_lost = chance_percent(&world->chance, 50);
    tell("the centre goes down%s", power_lost ? " without power" : "");
    host_crash(world, power_lost);
    return true;
}

void host_copy(struct world *world)
{
    char copy[128];
    (void)snprintf(copy, sizeof(copy), "%s-copy", world->host.folder);
    folder_copy(world->host.folder, copy);
    world->host.has_copy = true;
}

void host_put_back(struct world *world)
{
    char copy[128];
    (void)snprintf(copy, sizeof(copy), "%s-copy", world->host.folder);
    if (world->host.centre != NULL) {
        host_stop(world);
    }
    folder_copy(copy, world->host.folder);
    disk_heal(&world->host.disk); /* it is another one */
    world->host.put_back = true;
}

/* ---- what it is asked ---- */

/* Between two requests, as the service does it; one that fails is tried again later. */
static void erase_slice(struct world *world)
{
    struct host *host = &world->host;
    struct error err = { 0 };
    if (centre_erasures_due(host->centre) && chance_percent(&world->chance, 30) &&
        centre_erasures_go_on(host->centre, &err) != ERR_OK && !disk_troubled(&host->disk)) {
        sim_fail("the centre does not go on with an erasure with a healthy disk: %s", err.message);
    }
}

void host_cut_short(struct world *world, struct slice peer, struct slice request)
{
    struct host *host = &world->host;
    struct error err = { 0 };
    if (host->centre == NULL) {
        return;
    }
    enum err_code rc = centre_cut_short(host->centre, peer, request, host_wall_ms(world), &err);
    if (!host_look_after(world) && rc != ERR_OK && centre_status_of(rc) >= 500 && !disk_troubled(&host->disk)) {
        sim_fail("the centre fails over a request that was cut, with a healthy disk: %s", err.message);
    }
}

bool host_answer(struct world *world, struct slice peer, struct slice request, struct message *answer)
{
    struct host *host = &world->host;
    struct error err = { 0 };
    if (host->centre == NULL) {
        return false;
    }
    buf_init(&answer->bytes, EXCHANGE_RESPONSE_MAX);
    enum err_code rc = centre_exchange(host->centre, peer, request, host_wall_ms(world), &answer->bytes, &err);
    erase_slice(world);
    if (host_look_after(world)) {
        buf_fini(&answer->bytes);
        return false;
    }
    answer->outcome = ERR_OK;
    answer->http_status = centre_status_of(rc);
    answer->content_type = EXCHANGE_CONTENT_TYPE;
    answer->refused = rc;
    if (rc == ERR_OK) {
        return true;
    }
    bool inside = answer->http_status >= 500;
    if (inside && !disk_troubled(&host->disk)) {
        sim_fail("the centre fails with a healthy disk: %s: %s", err_code_name(rc), err.message);
    }
    tell("the centre answers %ld: %s", answer->http_status, err.message);
    buf_clear(&answer->bytes);
    MUST(exchange_error_encode(rc, inside ? "the centre cannot answer now" : err.message, &answer->bytes, must));
    answer->content_type = EXCHANGE_ERROR_CONTENT_TYPE;
    answer->retry_after_s = answer->http_status == 503 ? 30 : 0;
    if (err_code_class(rc) == ERR_CLASS_FATAL) { /* its service manager starts it again */
        host_stop(world);
        host_start(world);
    }
    return true;
}

void host_erase_on(struct world *world)
{
    while (centre_erasures_due(world->host.centre)) {
        MUST(centre_erasures_go_on(world->host.centre, must));
    }
}

struct newest {
    struct world *world;
    unsigned site;
};

static enum err_code add_newest(void *context, const struct centre_log_row *row, struct error *err)
{
    (void)err;
    const struct newest *newest = context;
    struct said said = { .site = newest->site, .author = AUTHOR_CENTRE, .surety = SURE };
    const struct subject subject = { row->op->kind, row->op->subject, row->op->subject_len };
    said_fill(&said, &subject, row->op->body);
    ledger_add(&newest->world->ledger, &said);
    return ERR_OK;
}

static struct centre_site site_at(struct host *host, const struct site *site)
{
    struct centre_site at;
    host->disk.aside = true;
    MUST(centre_site_find(host->centre->store, site->name, &at, must));
    host->disk.aside = false;
    return at;
}

bool host_write(struct world *world, const struct site *site, const char *operation, json_t *arguments)
{
    struct host *host = &world->host;
    struct error err = { 0 };
    json_t *answer = NULL;
    CHECK(arguments != NULL);
    uint64_t head = site_at(host, site).head;
    enum err_code rc = centre_admin(host->centre, operation, arguments, host_wall_ms(world), &answer, &err);
    json_decref(arguments);
    if (rc == ERR_OK) {
        json_decref(answer);
        tell("%s at the %s: kept", operation, site->name);
        struct centre_site at = site_at(host, site);
        struct newest newest = { .world = world, .site = site->number };
        struct centre_log_request request = { .site = &at, .limit = at.head - head };
        host->disk.aside = true;
        MUST(centre_log(host->centre->store, &request, add_newest, &newest, must));
        host->disk.aside = false;
        return true;
    }
    if (rc == ERR_NOT_FOUND) { /* nothing to erase, or nobody whom the centre has heard of */
        return false;
    }
    if (rc == ERR_REFUSED && strcmp(operation, "referral-new") == 0) { /* the ref is of somebody else there */
        return false;
    }
    host->unsure = true;
    if (!disk_troubled(&host->disk)) {
        sim_fail("the centre does not take '%s' with a healthy disk: %s", operation, err.message);
    }
    tell("the centre does not take '%s': %s", operation, err.message);
    if (!host_look_after(world)) {
        adopt_unsure(world);
    }
    return false;
}

uint64_t host_ops(struct world *world)
{
    struct centre_site *sites;
    size_t count;
    uint64_t ops = 0;
    MUST(centre_sites(world->host.centre->store, &sites, &count, must));
    for (size_t i = 0; i < count; i++) {
        ops += sites[i].head;
    }
    free(sites);
    return ops;
}
