/*
 * What is carried by hand: a bundle is written on one side, lies about, is read on the other, in any order, several
 * times or never, and may be cut. The line of that machine may be well meanwhile, or cut for weeks.
 *
 *     stick_of_agent ──► sticks ──► stick_in: at the centre, or at a machine with that identity
 *     stick_of_centre ─►   │
 *                          └──► lost, or overwritten by a later one
 */
#include <stdio.h>
#include <string.h>

#include "sync/bundle.h"
#include "sync/bundle_device.h"
#include "sync/endpoint/core/bundles.h"
#include "tests/sim/acts.h"

enum { STICK_BYTES_MAX = 4 * 1024 * 1024 };

/* ---- writing ---- */

static void keep(struct world *world, struct stick stick)
{
    struct stick *to = &world->sticks[world->sticks_written++ % STICKS];
    buf_fini(&to->bytes);
    *to = stick;
}

/* True: the whole file is in `out`. */
static bool write_of_agent(struct agent *agent, struct buf *out, struct error *err)
{
    struct device_bundle_out *writing = NULL;
    bool end = false;
    enum err_code rc = device_bundle_out_begin(agent->client, agent_wall_ms(agent), &writing, err);
    while (rc == ERR_OK && !end) {
        rc = device_bundle_out_next(writing, out, &end, err);
    }
    device_bundle_out_free(writing);
    return rc == ERR_OK;
}

/* Who has no network more often than others. */
static struct agent *carrier(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        if (agent->offline && agent->store != NULL && chance_percent(&world->chance, 60)) {
            return agent;
        }
    }
    return any_agent(world);
}

static bool bundle_of_agent(struct agent *agent, struct stick *ret)
{
    struct error err = { 0 };
    struct stick stick = { .to_centre = true };
    memcpy(stick.device, agent->identity.device, DEVICE_ID_BYTES);
    buf_init(&stick.bytes, STICK_BYTES_MAX);
    bool written = write_of_agent(agent, &stick.bytes, &err);
    if (written) {
        tell("agent %u writes %zu bytes", agent->number, stick.bytes.len);
        *ret = stick;
    } else {
        /* before the first exchange it does not know whom to seal to */
        if (err.code != ERR_REFUSED && !disk_troubled(&agent->disk)) {
            sim_fail("agent %u writes no bundle on a healthy disk: %s", agent->number, err.message);
        }
        tell("agent %u writes no bundle: %s", agent->number, err.message);
        buf_fini(&stick.bytes);
    }
    agent_look_after(agent);
    return written;
}

void stick_of_agent(struct world *world)
{
    struct stick stick;
    struct agent *agent = carrier(world);
    if (agent != NULL && bundle_of_agent(agent, &stick)) {
        keep(world, stick);
    }
}

static bool bundle_of_centre(struct agent *agent, bool from_start, struct stick *ret)
{
    struct world *world = agent->world;
    struct host *host = &world->host;
    struct centre_bundle_out *writing = NULL;
    struct error err = { 0 };
    bool end = false;
    struct stick stick = { .to_centre = false };
    memcpy(stick.device, agent->identity.device, DEVICE_ID_BYTES);
    buf_init(&stick.bytes, STICK_BYTES_MAX);
    enum err_code rc =
        centre_bundle_out_begin(host->centre, stick.device, from_start, host_wall_ms(world), &writing, &err);
    while (rc == ERR_OK && !end) {
        rc = centre_bundle_out_next(writing, &stick.bytes, &end, &err);
    }
    centre_bundle_out_free(writing);
    if (rc == ERR_OK) {
        tell("the centre writes %zu bytes for agent %u", stick.bytes.len, agent->number);
        *ret = stick;
    } else {
        if (!disk_troubled(&host->disk) && !(rc == ERR_REVOKED && agent->was_revoked)) {
            sim_fail("the centre writes no bundle on a healthy disk: %s", err.message);
        }
        buf_fini(&stick.bytes);
    }
    (void)host_look_after(world);
    return rc == ERR_OK;
}

void stick_of_centre(struct world *world)
{
    struct stick stick;
    struct agent *agent = carrier(world);
    if (agent != NULL && world->host.centre != NULL &&
        bundle_of_centre(agent, chance_percent(&world->chance, 20), &stick)) {
        keep(world, stick);
    }
}

/* ---- reading ---- */

static enum err_code read_by_centre(struct world *world, struct slice file, struct error *err)
{
    struct centre_bundle_in *reading = NULL;
    struct centre_bundle_taken taken = { 0 };
    enum err_code rc = centre_bundle_in_new(world->host.centre, &reading, err);
    rc = rc != ERR_OK ? rc : centre_bundle_in_put(reading, file, host_wall_ms(world), err);
    rc = rc != ERR_OK ? rc : centre_bundle_in_finish(reading, err);
    if (reading != NULL) {
        centre_bundle_in_taken(reading, &taken);
    }
    centre_bundle_in_free(reading);
    tell("the centre takes %llu records: %s", (unsigned long long)taken.new_ops, rc == ERR_OK ? "whole" : err->message);
    return rc;
}

static enum err_code read_by_agent(struct agent *agent, struct slice file, struct error *err)
{
    struct device_bundle_in *reading = NULL;
    struct device_bundle_taken taken = { 0 };
    enum err_code rc = device_bundle_in_new(agent->client, &reading, err);
    rc = rc != ERR_OK ? rc : device_bundle_in_put(reading, file, err);
    rc = rc != ERR_OK ? rc : device_bundle_in_finish(reading, err);
    if (reading != NULL) {
        device_bundle_in_taken(reading, &taken);
    }
    device_bundle_in_free(reading);
    tell("agent %u takes %llu records%s: %s", agent->number, (unsigned long long)taken.new_ops,
         taken.ask_again ? " and has to ask again" : "", rc == ERR_OK ? "whole" : err->message);
    return rc;
}

static struct agent *agent_with(struct world *world, const uint8_t device[DEVICE_ID_BYTES])
{
    uint32_t from = chance_below(&world->chance, (uint32_t)world->agent_count);
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[(from + i) % world->agent_count];
        if (agent->store != NULL && memcmp(agent->identity.device, device, DEVICE_ID_BYTES) == 0) {
            return agent;
        }
    }
    return NULL;
}

static bool was_revoked(const struct world *world, const uint8_t device[DEVICE_ID_BYTES])
{
    for (size_t i = 0; i < world->agent_count; i++) {
        if (memcmp(world->agents[i].device, device, DEVICE_ID_BYTES) == 0) {
            return world->agents[i].was_revoked;
        }
    }
    return false;
}

static void take_at_centre(struct world *world, const struct stick *stick, struct slice file, bool cut)
{
    struct error err = { 0 };
    if (world->host.centre == NULL) {
        return;
    }
    enum err_code rc = read_by_centre(world, file, &err);
    if (rc == ERR_OK && cut) {
        sim_fail("the centre takes a bundle that was cut for a whole one");
    }
    if (rc != ERR_OK && !(cut && (rc == ERR_DAMAGED || rc == ERR_INVALID)) && !disk_troubled(&world->host.disk) &&
        !(rc == ERR_REVOKED && was_revoked(world, stick->device))) {
        sim_fail("the centre refuses an honest bundle: %s: %s", err_code_name(rc), err.message);
    }
    (void)host_look_after(world);
}

/* One before it may be missing; and who stands between two histories takes nothing. */
static bool may_refuse(const struct agent *agent, enum err_code rc)
{
    bool between = agent->world->host.put_back || (agent->marks & (MARK_PUT_BACK | MARK_LIED_TO)) != 0;
    return rc == ERR_REFUSED || (rc == ERR_HISTORY && between) || disk_troubled(&agent->disk);
}

static void take_at_agent(struct agent *agent, struct slice file, bool cut)
{
    struct error err = { 0 };
    enum err_code rc = read_by_agent(agent, file, &err);
    if (rc == ERR_OK && cut) {
        sim_fail("agent %u takes a bundle that was cut for a whole one", agent->number);
    }
    if (rc != ERR_OK && !(cut && (rc == ERR_DAMAGED || rc == ERR_INVALID)) && !may_refuse(agent, rc)) {
        sim_fail("agent %u refuses an honest bundle: %s: %s", agent->number, err_code_name(rc), err.message);
    }
    agent_look_after(agent);
}

static void take(struct world *world, const struct stick *stick)
{
    bool cut = !world->healed && chance_percent(&world->chance, 15);
    size_t len = cut ? chance_below(&world->chance, (uint32_t)stick->bytes.len) : stick->bytes.len;
    struct slice file = slice_of(stick->bytes.data, len);
    struct agent *agent = stick->to_centre ? NULL : agent_with(world, stick->device);
    if (stick->to_centre) {
        take_at_centre(world, stick, file, cut);
    } else if (agent != NULL) {
        take_at_agent(agent, file, cut);
    }
}

void stick_in(struct world *world)
{
    uint32_t from = chance_below(&world->chance, STICKS);
    struct stick *stick = NULL;
    for (size_t i = 0; i < STICKS && stick == NULL; i++) {
        struct stick *any = &world->sticks[(from + i) % STICKS];
        stick = any->bytes.len > 0 ? any : NULL;
    }
    if (stick == NULL) {
        return;
    }
    take(world, stick);
    if (chance_percent(&world->chance, 40)) {
        buf_fini(&stick->bytes);
    }
}

void sticks_found(struct world *world)
{
    uint32_t from = chance_below(&world->chance, STICKS);
    for (size_t i = 0; i < STICKS; i++) {
        struct stick *stick = &world->sticks[(from + i) % STICKS];
        if (stick->bytes.len > 0 && chance_percent(&world->chance, 70)) {
            take(world, stick);
        }
    }
}

void sticks_exchange(struct agent *agent)
{
    struct stick stick;
    if (bundle_of_agent(agent, &stick)) {
        take(agent->world, &stick);
        buf_fini(&stick.bytes);
    }
    if (bundle_of_centre(agent, false, &stick)) {
        take_at_agent(agent, buf_slice(&stick.bytes), false); /* and not a twin of it */
        buf_fini(&stick.bytes);
    }
}

void sticks_forget(struct world *world)
{
    for (size_t i = 0; i < STICKS; i++) {
        buf_fini(&world->sticks[i].bytes);
    }
}
