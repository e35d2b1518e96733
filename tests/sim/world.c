#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim/acts.h"
#include "tests/sim/template.h"

/* ---- time ---- */

static const struct message *next_message(const struct world *world)
{
    const struct message *next = NULL;
    for (size_t i = 0; i < world->message_count; i++) {
        const struct message *message = &world->messages[i];
        if (next == NULL || message->at_ms < next->at_ms ||
            (message->at_ms == next->at_ms && message->order < next->order)) {
            next = message;
        }
    }
    return next;
}

static struct agent *next_timer(struct world *world)
{
    struct agent *next = NULL;
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        if (agent->store != NULL && agent->timer_at_ms >= 0 &&
            (next == NULL || agent->timer_at_ms < next->timer_at_ms)) {
            next = agent;
        }
    }
    return next;
}

static void come_to(struct world *world, int64_t at_ms)
{
    world->now_ms = at_ms > world->now_ms ? at_ms : world->now_ms;
}

static void deliver(struct world *world, size_t at)
{
    struct message message = world->messages[at];
    come_to(world, message.at_ms);
    world->messages[at] = world->messages[--world->message_count];
    line_deliver(world, &message);
}

void world_run(struct world *world, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    for (unsigned i = 0;; i++) {
        const struct message *message = next_message(world);
        struct agent *timer = next_timer(world);
        if (i > 20000) {
            sim_fail("the world never comes to rest: %zu messages under way", world->message_count);
        }
        if (message != NULL && message->at_ms <= until_ms && (timer == NULL || message->at_ms <= timer->timer_at_ms)) {
            deliver(world, (size_t)(message - world->messages));
        } else if (timer != NULL && timer->timer_at_ms <= until_ms) {
            come_to(world, timer->timer_at_ms);
            timer->timer_at_ms = -1;
            client_timer(timer->client);
            agent_look_after(timer);
        } else {
            break;
        }
    }
    world->now_ms = until_ms;
}

void world_sleep(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        agent->timer_at_ms += agent->timer_at_ms >= 0 ? ms : 0;
    }
    for (size_t i = 0; i < world->message_count; i++) {
        world->messages[i].at_ms += ms;
    }
}

/* ---- life ---- */

static void place(struct world *world, unsigned site, unsigned machine)
{
    char files[128];
    (void)snprintf(files, sizeof(files), "%s/%s%u", template.folder, template.sites[site].name, machine);
    struct agent *agent = &world->agents[world->agent_count++];
    agent_place(world, &world->sites[site], files, agent);
    agent->line = (struct line){ .latency_ms = 40 };
}

void world_make(struct world *world, uint64_t seed)
{
    char files[128];
    *world = (struct world){ .now_ms = template.now_ms };
    chance_seed(&world->chance, seed);
    entropy_seed(seed);
    memcpy(world->sites, template.sites, sizeof(world->sites));
    (void)snprintf(world->folder, sizeof(world->folder), "%s/world", template.folder);
    CHECK(mkdir(world->folder, 0700) == 0);
    (void)snprintf(files, sizeof(files), "%s/centre", template.folder);
    (void)snprintf(world->host.folder, sizeof(world->host.folder), "%s/centre", world->folder);
    (void)snprintf(world->host.path, sizeof(world->host.path), "%s/centre.db", world->host.folder);
    folder_copy(files, world->host.folder);
    disk_attach(&world->host.disk, world->host.folder);
    world->profile = profile_of(seed);
    unsigned in_garden = 2 + chance_below(&world->chance, 2);
    for (unsigned i = 0; i < in_garden; i++) {
        place(world, GARDEN, i);
    }
    place(world, WORKSHOP, 0);
    if (profile_has_offline(world->profile)) {
        place(world, GARDEN, GARDEN_OFFLINE);
        world->agents[world->agent_count - 1].offline = true;
    }
    forger_make(world);
    host_start(world);
    for (size_t i = 0; i < world->agent_count; i++) {
        CHECK(agent_start(&world->agents[i]));
    }
}

struct agent *world_newcomer(struct world *world)
{
    CHECK(world->agent_count < AGENTS_MAX);
    place(world, GARDEN, GARDEN_MACHINES - 1);
    return &world->agents[world->agent_count - 1];
}

struct agent *world_clone(struct world *world, struct agent *of)
{
    struct agent *clone = &world->agents[world->agent_count++];
    agent_place(world, of->site, of->folder, clone);
    clone->skew_ms = of->skew_ms + 1; /* no two machines' clocks are the same */
    clone->line = of->line;
    clone->marks = of->marks;
    clone->was_revoked = of->was_revoked;
    return clone;
}

static void remove_copy(const char *folder, bool has_copy)
{
    char copy[128];
    (void)snprintf(copy, sizeof(copy), "%s-copy", folder);
    if (has_copy) {
        folder_remove(copy);
    }
    folder_remove(folder);
}

void world_end(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        agent_stop(agent);
        disk_detach(&agent->disk);
        flag_list_fini(&agent->flags);
        buf_fini(&agent->certificate);
        remove_copy(agent->folder, agent->has_copy);
    }
    host_stop(world);
    disk_detach(&world->host.disk);
    remove_copy(world->host.folder, world->host.has_copy);
    line_drop_all(world);
    forger_end(world);
    liar_forget();
    sticks_forget(world);
    ledger_fini(&world->ledger);
    for (size_t i = 0; i < REPLAYS; i++) {
        buf_fini(&world->replays[i]);
    }
    CHECK(rmdir(world->folder) == 0);
}
