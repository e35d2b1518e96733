/*
 * Certificates come and go: a device renews its own, enrols again with its old key and a new code, is revoked, and is
 * taken in again when it turns up. A renewal may be cut after the centre issued it; a revocation counts at once.
 *
 * What a revoked device had not sent is nobody's loss but its own: it stays on its disk. What the centre holds of it
 * stays there and with everybody.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/identity.h"
#include "sync/endpoint/core/private.h"
#include "tests/sim/acts.h"

/* ---- a new certificate for the same key ---- */

static enum err_code ask_renewal(struct agent *agent, struct slice request, struct buf *pkcs7, struct error *err)
{
    struct world *world = agent->world;
    return centre_renew(world->host.centre, buf_slice(&agent->certificate), request, host_wall_ms(world), pkcs7, err);
}

static enum err_code ask_with_code(struct agent *agent, struct slice request, struct buf *pkcs7, struct error *err)
{
    struct world *world = agent->world;
    struct enrolment_code code;
    char password[2 * ENROLMENT_SECRET_BYTES + 1];
    json_t *answer;
    json_t *arguments = json_pack("{s:s}", "site", agent->site->name);
    enum err_code rc = centre_admin(world->host.centre, "code-new", arguments, host_wall_ms(world), &answer, err);
    json_decref(arguments);
    TRY(rc);
    MUST(enrolment_code_parse(json_string_value(json_object_get(answer, "code")), &code, must));
    json_decref(answer);
    hex_encode(code.secret, ENROLMENT_SECRET_BYTES, password);
    return centre_enrol(world->host.centre, password, request, host_wall_ms(world), pkcs7, err);
}

/* As its service does it: all in one transaction, and from then on used. */
static enum err_code keep(struct agent *agent, struct slice pkcs7, struct error *err)
{
    SCOPED(store_identity_fini) struct store_identity identity = { 0 };
    TRY(store_identity_read(agent->store, &identity, err));
    buf_clear(&identity.certificate);
    MUST(pkcs7_first(pkcs7, &identity.certificate, must));
    return store_identity_write(agent->store, &identity, err);
}

static void papers_new(struct world *world, const char *how,
                       enum err_code (*ask)(struct agent *, struct slice, struct buf *, struct error *))
{
    struct agent *agent = any_agent(world);
    struct error err = { 0 };
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf pkcs7;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&pkcs7, 2 * CERTIFICATE_DER_MAX);
    if (agent == NULL || world->host.centre == NULL || agent->line.cut || agent->offline) {
        return;
    }
    MUST(device_key_request(agent->key, "laptop", &request, must));
    enum err_code rc = ask(agent, buf_slice(&request), &pkcs7, &err);
    bool revoked = rc == ERR_REVOKED && agent->was_revoked;
    if (rc != ERR_OK && !revoked && !disk_troubled(&world->host.disk)) {
        sim_fail("the centre gives agent %u no certificate (%s): %s", agent->number, how, err.message);
    }
    if (host_look_after(world) || rc != ERR_OK) {
        return;
    }
    if (chance_percent(&world->chance, 25)) {
        tell("agent %u: %s, and the answer is lost", agent->number, how);
        return;
    }
    tell("agent %u: %s", agent->number, how);
    rc = keep(agent, buf_slice(&pkcs7), &err);
    if (rc != ERR_OK && !disk_troubled(&agent->disk)) {
        sim_fail("agent %u does not keep its certificate on a healthy disk: %s", agent->number, err.message);
    }
    agent_look_after(agent);
    if (agent->store != NULL) { /* the client goes on with the new one */
        agent_stop(agent);
        (void)agent_start(agent);
    }
}

void papers_renew(struct world *world)
{
    papers_new(world, "renews", ask_renewal);
}

void papers_enrol_again(struct world *world)
{
    papers_new(world, "enrols again", ask_with_code);
}

/* ---- revoked, and not any more ---- */

bool papers_revoked(struct world *world, const struct agent *agent)
{
    struct centre_device device;
    struct host *host = &world->host;
    if (!agent->was_revoked) {
        return false;
    }
    host->disk.aside = true;
    MUST(centre_device_find(host->centre->store, agent->device, &device, must));
    host->disk.aside = false;
    return device.revoked_at_ms != OP_TIME_NONE;
}

static bool change(struct world *world, const struct agent *agent, const char *operation)
{
    char device[2 * DEVICE_ID_BYTES + 1];
    json_t *answer = NULL;
    struct error err = { 0 };
    hex_encode(agent->device, DEVICE_ID_BYTES, device);
    json_t *arguments = json_pack("{s:s}", "device", device);
    enum err_code rc = centre_admin(world->host.centre, operation, arguments, host_wall_ms(world), &answer, &err);
    json_decref(arguments);
    json_decref(answer);
    if (rc != ERR_OK && !disk_troubled(&world->host.disk)) {
        sim_fail("the centre does not %s a device with a healthy disk: %s", operation, err.message);
    }
    tell("agent %u: %s: %s", agent->number, operation, rc == ERR_OK ? "done" : err.message);
    return !host_look_after(world) && rc == ERR_OK;
}

/* All machines with that identity. */
static void mark(struct world *world, const struct agent *of)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        agent->was_revoked |= memcmp(agent->device, of->device, DEVICE_ID_BYTES) == 0;
    }
}

void papers_revoke(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL && world->host.centre != NULL) {
        mark(world, agent); /* whatever becomes of it: it may have been done all the same */
        if (!papers_revoked(world, agent) && change(world, agent, "revoke")) {
            ledger_note_sent(world, agent->number);
        }
    }
}

void papers_reinstate(struct world *world)
{
    for (size_t i = 0; i < world->agent_count && world->host.centre != NULL; i++) {
        struct agent *agent = &world->agents[i];
        if (papers_revoked(world, agent)) {
            if (change(world, agent, "reinstate") && agent->store != NULL) {
                client_wake(agent->client, CLIENT_WAKE_PERSON);
                agent_look_after(agent);
            }
            return;
        }
    }
}
