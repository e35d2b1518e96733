#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static const uint8_t vault_key[VAULT_KEY_FILE_BYTES] = { 7, 1 };

/* ---- what the client asks of its machine ---- */

int64_t agent_wall_ms(const struct agent *agent)
{
    return agent->world->now_ms + agent->skew_ms;
}

static int64_t io_wall_ms(void *context)
{
    return agent_wall_ms(context);
}

static int64_t io_monotonic_ms(void *context)
{
    return ((struct agent *)context)->world->now_ms;
}

static uint32_t io_random_below(void *context, uint32_t limit)
{
    return chance_below(&((struct agent *)context)->world->chance, limit);
}

static void io_send(void *context, struct slice body)
{
    struct agent *agent = context;
    CHECK(!agent->sending);
    agent->sending = true;
    agent->sent_at_ms = agent->world->now_ms;
    agent->sent_skew_ms = agent->skew_ms;
    line_send(agent, body);
}

static void io_set_timer(void *context, int64_t delay_ms)
{
    struct agent *agent = context;
    agent->timer_at_ms = delay_ms < 0 ? -1 : agent->world->now_ms + delay_ms;
}

static void io_changed(void *context, bool new_ops)
{
    ((struct agent *)context)->flags_due |= new_ops;
}

/* ---- life ---- */

void agent_place(struct world *world, const struct site *site, const char *files, struct agent *agent)
{
    char name[16];
    unsigned number = (unsigned)(agent - world->agents);
    *agent = (struct agent){ .world = world, .number = number, .site = site, .timer_at_ms = -1 };
    (void)snprintf(name, sizeof(name), "agent%u", number);
    (void)snprintf(agent->folder, sizeof(agent->folder), "%s/%s", world->folder, name);
    (void)snprintf(agent->path, sizeof(agent->path), "%s/replica.db", agent->folder);
    folder_copy(files, agent->folder);
    disk_attach(&agent->disk, agent->folder);
    flag_list_init(&agent->flags);
    buf_init(&agent->certificate, CERTIFICATE_DER_MAX);
}

static enum err_code open_parts(struct agent *agent, struct error *err)
{
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, vault_key, sizeof(vault_key) };
    struct store_options options = { .cache_kib = 512, .programme = programme_default() };
    agent->io =
        (struct client_io){ agent, io_wall_ms, io_monotonic_ms, io_random_below, io_send, io_set_timer, io_changed,
                            NULL,  NULL };
    TRY(vault_open(agent->path, &unlock, &agent->vault, err));
    TRY(store_open(agent->vault, &options, &agent->store, err));
    TRY(store_identity_read(agent->store, &agent->identity, err));
    memcpy(agent->device, agent->identity.device, DEVICE_ID_BYTES);
    buf_clear(&agent->certificate);
    TRY(buf_append(&agent->certificate, agent->identity.certificate.data, agent->identity.certificate.len, err));
    const struct secret *key = &agent->identity.key_pkcs8;
    TRY(device_key_load(slice_of(key->bytes, key->len), &agent->key, err));
    return client_new(agent->store, &agent->identity, agent->key, &agent->io, &agent->client, err);
}

static void close_parts(struct agent *agent)
{
    if (agent->client != NULL) {
        client_stop(agent->client);
        if (agent->sending) {
            struct client_answer cut = { .outcome = ERR_NETWORK, .content_type = "" };
            client_answered(agent->client, &cut);
        }
        client_free(agent->client);
    }
    device_key_free(agent->key);
    store_identity_fini(&agent->identity);
    if (agent->store != NULL) {
        store_close(agent->store);
    }
    vault_close(agent->vault);
    agent->client = NULL;
    agent->key = NULL;
    agent->identity = (struct store_identity){ 0 };
    agent->store = NULL;
    agent->vault = NULL;
    agent->sending = false;
    agent->timer_at_ms = -1;
    agent->life++;
}

bool agent_start(struct agent *agent)
{
    struct error err = { 0 };
    CHECK(agent->store == NULL);
    enum err_code rc = open_parts(agent, &err);
    if (rc == ERR_OK) {
        agent->flags_due = true;
        agent->flags_day = ROW_NONE;
        client_wake(agent->client, CLIENT_WAKE_START);
        agent_look_after(agent);
        return agent->store != NULL;
    }
    if (!disk_troubled(&agent->disk)) {
        sim_fail("agent %u does not start with a healthy disk: %s: %s", agent->number, err_code_name(rc), err.message);
    }
    tell("agent %u does not start: %s", agent->number, err.message);
    close_parts(agent);
    if (agent->disk.dead) {
        disk_forget(&agent->disk);
        disk_heal(&agent->disk);
    }
    return false;
}

void agent_stop(struct agent *agent)
{
    close_parts(agent);
    disk_forget(&agent->disk);
}

void agent_crash(struct agent *agent, bool power_lost)
{
    char kept[128];
    (void)snprintf(kept, sizeof(kept), "%s-crash", agent->folder);
    disk_die_after(&agent->disk, 0);
    folder_copy(agent->folder, kept); /* closing must leave no trace, on no way */
    close_parts(agent);
    folder_copy(kept, agent->folder);
    folder_remove(kept);
    if (power_lost) {
        disk_lose_power(&agent->disk, &agent->world->chance);
    }
    disk_forget(&agent->disk);
    disk_heal(&agent->disk);
}

void agent_look_after(struct agent *agent)
{
    if (agent->store != NULL && agent->disk.dead) {
        bool power_lost = chance_percent(&agent->world->chance, 50);
        tell("agent %u goes down%s", agent->number, power_lost ? " without power" : "");
        agent_crash(agent, power_lost);
    }
}

static void copy_name(const struct agent *agent, char out[128])
{
    (void)snprintf(out, 128, "%s-copy", agent->folder);
}

void agent_copy(struct agent *agent)
{
    char copy[128];
    copy_name(agent, copy);
    folder_copy(agent->folder, copy);
    agent->has_copy = true;
}

void agent_put_back(struct agent *agent)
{
    char copy[128];
    copy_name(agent, copy);
    if (agent->store != NULL) {
        agent_stop(agent);
    }
    folder_copy(copy, agent->folder);
    disk_heal(&agent->disk); /* it is another one */
    agent->marks |= MARK_PUT_BACK;
    agent->offset_known = false;
}

/* ---- work ---- */

void agent_judge(struct agent *agent)
{
    struct error err = { 0 };
    int64_t now_ms = agent_wall_ms(agent);
    int32_t today = clock_today(now_ms);
    bool more = true;
    enum err_code rc = ERR_OK;
    agent_erase_late(agent);
    if (agent->flags_day != today) {
        rc = store_dirty_all(agent->store, &err);
    }
    for (int i = 0; rc == ERR_OK && more; i++) {
        CHECK(i < 1000);
        rc = flags_slice(agent->store, programme_default(), today, now_ms, &agent->flags, &more, &err);
    }
    if (rc == ERR_OK) {
        agent->flags_day = today;
        agent->flags_due = false;
    } else if (!disk_troubled(&agent->disk)) {
        sim_fail("agent %u: the rules fail with a healthy disk: %s", agent->number, err.message);
    }
    agent_look_after(agent);
}

/* What it says of itself has to be true. */
static void check_status(struct agent *agent)
{
    struct client_status status;
    client_status(agent->client, &status);
    if (status.centre_lost_ops && !agent->world->host.put_back && !(agent->marks & MARK_LIED_TO)) {
        sim_fail("agent %u: the centre holds less than it acknowledged, and no older copy of it was put back",
                 agent->number);
    }
    if (status.behind_own_record && !(agent->marks & (MARK_PUT_BACK | MARK_LIED_TO))) {
        sim_fail("agent %u: the centre holds more of it than it does, and no older copy of it was put back",
                 agent->number);
    }
}

static uint64_t cursor_of(struct agent *agent)
{
    struct store_sync sync;
    agent->disk.aside = true;
    MUST(store_sync_read(agent->store, &sync, must));
    agent->disk.aside = false;
    return sync.cursor;
}

/* What misleads is refused, or makes it read the stream from its beginning. */
static void check_not_misled(struct agent *agent, uint64_t before)
{
    uint64_t after = cursor_of(agent);
    if (after != before && after != 0) {
        sim_fail("agent %u was misled from position %llu to %llu", agent->number, (unsigned long long)before,
                 (unsigned long long)after);
    }
}

static void tell_answered(struct agent *agent, uint64_t before)
{
    struct client_status status;
    client_status(agent->client, &status);
    tell("agent %u: position %llu to %llu, %s %s", agent->number, (unsigned long long)before,
         (unsigned long long)cursor_of(agent), err_code_name(status.last.result), status.last.error.message);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* An honest answer that was taken measures its clock to within what the way there and back took, if nobody set the
 * clock meanwhile. */
static void check_measured(struct agent *agent, const struct message *message, int64_t before_ms, int64_t took_ms)
{
    struct client_status status;
    client_status(agent->client, &status);
    bool taken = status.state == CLIENT_IDLE && status.last.result == ERR_OK;
    if (message->outcome != ERR_OK || (!taken && status.clock_offset_ms == before_ms)) {
        return;
    }
    agent->offset_known = !message->lies && message->http_status == 200 && agent->skew_ms == agent->sent_skew_ms;
    agent->offset_ms = message->offset_ms;
    agent->offset_slack_ms = took_ms;
    if (agent->offset_known && distance(status.clock_offset_ms, agent->offset_ms) > agent->offset_slack_ms) {
        sim_fail("agent %u measures its clock as %lld ms off; it is %lld, and the exchange took %lld", agent->number,
                 (long long)status.clock_offset_ms, (long long)agent->offset_ms, (long long)agent->offset_slack_ms);
    }
}

void agent_check_offset(struct agent *agent)
{
    struct op_batch ops;
    struct store_sync sync;
    if (!agent->offset_known || agent->disk.dead) {
        return;
    }
    op_batch_init(&ops);
    agent->disk.aside = true;
    MUST(store_sync_read(agent->store, &sync, must));
    MUST(store_own_ops(agent->store, sync.incarnation, sync.newest_seq - 1, 1, OP_BATCH_BYTES_MAX, &ops, must));
    agent->disk.aside = false;
    CHECK(ops.count == 1);
    if (distance(ops.ops[0].offset_ms, agent->offset_ms) > agent->offset_slack_ms) {
        sim_fail("agent %u records that its clock is %lld ms off; it was measured as %lld, give or take %lld",
                 agent->number, (long long)ops.ops[0].offset_ms, (long long)agent->offset_ms,
                 (long long)agent->offset_slack_ms);
    }
    op_batch_fini(&ops);
}

static int64_t offset_of(const struct agent *agent)
{
    struct client_status status;
    client_status(agent->client, &status);
    return status.clock_offset_ms;
}

void agent_answered(struct agent *agent, struct message *message)
{
    struct client_answer answer = { .outcome = message->outcome,
                                    .http_status = message->http_status,
                                    .content_type = message->content_type,
                                    .body = buf_slice(&message->bytes),
                                    .retry_after_s = message->retry_after_s,
                                    .bytes_sent = message->sent };
    if (message->outcome != ERR_OK) {
        (void)error_set(&answer.error, message->outcome, "reach the centre: the line was cut");
    }
    agent->sending = false;
    uint64_t before = cursor_of(agent);
    int64_t offset_before_ms = offset_of(agent);
    int64_t took_ms = agent->world->now_ms - agent->sent_at_ms;
    client_answered(agent->client, &answer);
    check_measured(agent, message, offset_before_ms, took_ms);
    if (message->misleads) {
        check_not_misled(agent, before);
    }
    tell_answered(agent, before);
    check_status(agent);
    agent_look_after(agent);
}
