/* Calls about the ways to unlock: list, add, change, remove, and the envelope of an escrow. Changes are answered when
 * their key derivations are done. */
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/identity.h"

#define CERTIFICATE_PEM_MAX 16384
#define PEM_LINE_BYTES 48

typedef enum err_code (*key_handler)(struct agent *agent, const struct http_request *request, const json_t *body,
                                     struct error *err);

/* ---- looking ---- */

static json_t *slot_value(const struct vault_slot *slot)
{
    bool escrow = slot->kind == VAULT_SLOT_ESCROW;
    return json_pack("{s:i,s:s,s:o,s:o,s:o}", "number", slot->number, "kind", slot_kind_name(slot->kind), "label",
                     value_text(slot->label), "created_on",
                     slot->created_on == 0 ? json_null() : value_day(slot->created_on), "recipient",
                     escrow ? value_id(slot->recipient, sizeof(slot->recipient)) : json_null());
}

/* `number`: the key that was changed, or 0. */
static enum err_code send_list(struct agent *agent, struct http_exchange *exchange, int number, struct error *err)
{
    struct vault_slot slots[VAULT_SLOTS];
    size_t count;
    TRY(vault_slots_list(agent->lockbox.vault, slots, &count, err));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, slot_value(&slots[i]));
    }
    api_send_object(exchange, json_pack("{s:o,s:o,s:i}", "number", number == 0 ? json_null() : json_integer(number),
                                        "keys", list, "places", VAULT_SLOTS));
    return ERR_OK;
}

static enum err_code get_keys(struct agent *agent, const struct http_request *request, const json_t *body,
                              struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(body, known, err);
    TRY(members_end(&members));
    return send_list(agent, request->exchange, 0, err);
}

static enum err_code pem_of(struct slice der, struct buf *out, struct error *err)
{
    TRY(buf_append_text(out, "-----BEGIN CMS-----\n", err));
    for (size_t at = 0; at < der.len; at += PEM_LINE_BYTES) {
        size_t len = der.len - at < PEM_LINE_BYTES ? der.len - at : PEM_LINE_BYTES;
        TRY(base64_encode(slice_of(der.data + at, len), out, err));
        TRY(buf_append_text(out, "\n", err));
    }
    return buf_append_text(out, "-----END CMS-----\n", err);
}

static enum err_code post_envelope(struct agent *agent, const struct http_request *request, const json_t *body,
                                   struct error *err)
{
    static const char *const known[] = { "number", NULL };
    struct members members = members_begin(body, known, err);
    int64_t number = 0;
    (void)member_int(&members, "number", 1, VAULT_SLOTS, true, &number);
    TRY(members_end(&members));
    SCOPED(buf_fini) struct buf der;
    SCOPED(buf_fini) struct buf pem;
    buf_init(&der, VAULT_ENVELOPE_MAX);
    buf_init(&pem, (size_t)2 * VAULT_ENVELOPE_MAX);
    TRY(vault_slot_envelope(agent->lockbox.vault, (int)number, &der, err));
    TRY(pem_of(buf_slice(&der), &pem, err));
    api_send_object(request->exchange, json_pack("{s:I,s:o}", "number", (json_int_t)number, "envelope",
                                                 json_stringn((const char *)pem.data, pem.len)));
    return ERR_OK;
}

/* ---- changing ---- */

static void on_changed(void *context, struct vault_slot_job *job)
{
    struct agent *agent = context;
    struct http_exchange *exchange = agent->changing_keys;
    struct error err;
    int number = 0;
    enum err_code rc = agent->state == AGENT_OPEN
                           ? vault_slot_job_finish(agent->lockbox.vault, job, &number, &err)
                           : FAIL(&err, LOCKED, "change the keys: the replica was locked meanwhile");
    vault_slot_job_free(job);
    agent->changing_keys = NULL;
    if (rc == ERR_OK) {
        LOG_INFO("keys_changed", "number=%d", number);
        rc = send_list(agent, exchange, number, &err);
    } else {
        log_error("keys_not_changed", &err);
    }
    if (rc != ERR_OK) {
        api_send_error(exchange, &err);
    }
    agent_step(agent);
}

static enum err_code start(struct agent *agent, const struct http_request *request,
                           const struct vault_slot_change *change, struct error *err)
{
    agent->keys.done = on_changed;
    agent->keys.context = agent;
    TRY(key_task_start(&agent->keys, &agent->loop, agent->lockbox.vault, change, err));
    agent->changing_keys = request->exchange;
    return ERR_OK;
}

/* The secret in the object `name`, which must be there. */
static enum err_code take_object(struct members *members, const char *name, struct typed_secret *ret_typed,
                                 struct error *err)
{
    static const char *const known[] = { SECRET_MEMBERS, NULL };
    const json_t *object = member_object(members, name, true);
    TRY(members_end(members));
    struct members inner = members_begin(object, known, err);
    enum err_code rc = secret_members_take(&inner, ret_typed, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "read member '%s'", name);
    }
    return ret_typed->secret.bytes != NULL
               ? ERR_OK
               : FAIL(err, INVALID, "read member '%s': expected one of 'passphrase', 'recovery', 'key' and 'escrow'",
                      name);
}

struct new_key {
    struct typed_secret typed;
    struct buf certificate;
    const char *label;
};

static void new_key_init(struct new_key *key)
{
    *key = (struct new_key){ .label = NULL };
    buf_init(&key->certificate, CERTIFICATE_DER_MAX);
}

static void new_key_fini(struct new_key *key)
{
    typed_secret_free(&key->typed);
    buf_fini(&key->certificate);
}

static enum err_code take_secret(struct members *members, struct new_key *key, struct error *err)
{
    const char *passphrase = member_text(members, "passphrase", VAULT_PASSPHRASE_MAX, false);
    const char *credential = member_text(members, "credential", 2 * VAULT_KEY_FILE_BYTES, false);
    const char *certificate = member_text(members, "certificate", CERTIFICATE_PEM_MAX, false);
    TRY(members_end(members));
    if (passphrase != NULL && strlen(passphrase) < PASSPHRASE_MIN) {
        return FAIL(err, INVALID, "set a passphrase: expected at least %d bytes", PASSPHRASE_MIN);
    }
    TRY(secret_members_take(members, &key->typed, err));
    bool more = key->typed.secret.bytes != NULL;
    if (more + (credential != NULL) + (certificate != NULL) != 1 || (more && key->typed.kind == VAULT_SLOT_ESCROW)) {
        return FAIL(err, INVALID,
                    "read member 'key': expected one of 'passphrase', 'recovery', 'key', 'credential' and "
                    "'certificate'");
    }
    if (credential != NULL) {
        key->typed.kind = VAULT_SLOT_CREDENTIAL;
        return secret_of_hex("credential", credential, &key->typed.secret, err);
    }
    if (certificate != NULL) {
        key->typed.kind = VAULT_SLOT_ESCROW;
        enum err_code rc = certificate_from_pem(slice_of_text(certificate), &key->certificate, err);
        return rc == ERR_TLS ? error_set(err, ERR_INVALID, "read member 'certificate': expected one in PEM") : rc;
    }
    return ERR_OK;
}

/* {"key": {...}, "label": ...} */
static enum err_code take_new(struct members *members, struct new_key *key, struct error *err)
{
    static const char *const known[] = { SECRET_MEMBERS, "credential", "certificate", NULL };
    const json_t *object = member_object(members, "key", true);
    key->label = member_text(members, "label", VAULT_LABEL_MAX, false);
    TRY(members_end(members));
    struct members inner = members_begin(object, known, err);
    return take_secret(&inner, key, err);
}

static struct vault_slot_new slot_of(const struct new_key *key)
{
    return (struct vault_slot_new){ .unlock = typed_secret_unlock(&key->typed),
                                    .label = key->label,
                                    .created_on = clock_today(clock_wall_ms()),
                                    .certificate = buf_slice(&key->certificate) };
}

static enum err_code post_add(struct agent *agent, const struct http_request *request, const json_t *body,
                              struct error *err)
{
    static const char *const known[] = { "proof", "key", "label", NULL };
    struct members members = members_begin(body, known, err);
    SCOPED(typed_secret_free) struct typed_secret proof = { 0 };
    SCOPED(new_key_fini) struct new_key key;
    new_key_init(&key);
    TRY(take_object(&members, "proof", &proof, err));
    TRY(take_new(&members, &key, err));
    struct vault_slot_change change = { .action = VAULT_SLOT_ADD,
                                        .proof = typed_secret_unlock(&proof),
                                        .slot = slot_of(&key) };
    return start(agent, request, &change, err);
}

static enum err_code post_change(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    static const char *const known[] = { "number", "proof", "key", "label", NULL };
    struct members members = members_begin(body, known, err);
    SCOPED(typed_secret_free) struct typed_secret proof = { 0 };
    SCOPED(new_key_fini) struct new_key key;
    int64_t number = 0;
    new_key_init(&key);
    (void)member_int(&members, "number", 1, VAULT_SLOTS, false, &number);
    TRY(take_object(&members, "proof", &proof, err));
    TRY(take_new(&members, &key, err));
    struct vault_slot_change change = {
        .action = VAULT_SLOT_CHANGE, .number = (int)number, .proof = typed_secret_unlock(&proof), .slot = slot_of(&key)
    };
    return start(agent, request, &change, err);
}

static enum err_code post_remove(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    static const char *const known[] = { "number", "proof", NULL };
    struct members members = members_begin(body, known, err);
    SCOPED(typed_secret_free) struct typed_secret proof = { 0 };
    int64_t number = 0;
    (void)member_int(&members, "number", 1, VAULT_SLOTS, true, &number);
    TRY(take_object(&members, "proof", &proof, err));
    struct vault_slot_change change = { .action = VAULT_SLOT_REMOVE,
                                        .number = (int)number,
                                        .proof = typed_secret_unlock(&proof) };
    return start(agent, request, &change, err);
}

/* ---- routes ---- */

static const struct {
    const char *method;
    const char *path;
    key_handler handle;
} routes[] = {
    { "GET", "/v1/keys", get_keys },
    { "POST", "/v1/keys/add", post_add },
    { "POST", "/v1/keys/change", post_change },
    { "POST", "/v1/keys/remove", post_remove },
    { "POST", "/v1/keys/envelope", post_envelope },
};

static enum err_code call_route(struct agent *agent, size_t route, const struct http_request *request,
                                struct error *err)
{
    if (strcmp(request->method, routes[route].method) != 0) {
        return FAIL(err, INVALID, "call the path: not with this method");
    }
    if (agent->state != AGENT_OPEN) {
        return FAIL(err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
    }
    json_t *body;
    enum err_code rc = body_parse(request->body, &body, err);
    if (request->body.len > 0) { /* secrets stay no longer than they must */
        secret_wipe((void *)(uintptr_t)request->body.data, request->body.len);
    }
    TRY(rc);
    rc = routes[route].handle(agent, request, body, err);
    json_decref(body);
    return rc;
}

bool api_keys_call(struct agent *agent, const struct http_request *request)
{
    size_t i = 0;
    while (i < ARRAY_LEN(routes) && strcmp(routes[i].path, request->path) != 0) {
        i++;
    }
    if (i == ARRAY_LEN(routes)) {
        return false;
    }
    struct error err = { .code = ERR_OK };
    enum err_code rc = call_route(agent, i, request, &err);
    if (rc != ERR_OK) {
        err.code = rc;
        api_send_error(request->exchange, &err);
    }
    return true;
}
