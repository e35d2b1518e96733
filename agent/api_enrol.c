/* Calls about enrolment: over the network, which is answered later, and by files. API.md says what each takes and
 * gives.
 */
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/api_call.h"
#include "agent/enrolment_by_file.h"
#include "base/clock.h"
#include "sync/enrolment_file.h"

static json_t *enrolled_value(const struct store_identity *identity, const char *organisation_name)
{
    return json_pack("{s:{s:s,s:o},s:{s:s,s:o},s:o,s:s}", "site", "name", identity->site_name, "stream",
                     value_id(identity->stream, STREAM_ID_BYTES), "organisation", "name", organisation_name, "id",
                     value_id(identity->organisation, ORGANISATION_ID_BYTES), "device",
                     value_id(identity->device, DEVICE_ID_BYTES), "endpoint", identity->endpoint);
}

static void on_enrolled(void *context, enum err_code rc, const struct error *err, const struct enrolled *result)
{
    struct agent *agent = context;
    struct api_answer answer;
    struct error failure = *err;
    api_answer_init(&answer);
    if (rc == ERR_OK) {
        const struct store_identity *identity = result->identity;
        rc = answer_object(&answer, enrolled_value(identity, result->organisation_name), &failure);
        agent_restart_exchange(agent);
    }
    if (rc != ERR_OK) {
        api_answer_error(&answer, &failure);
    }
    waiters_answer(agent, WAITING_ENROL, &answer);
    api_answer_fini(&answer);
    agent_step(agent);
}

enum err_code api_enrol(struct agent *agent, struct http_exchange *exchange, const json_t *body, struct error *err)
{
    static const char *const known[] = { "endpoint", "code", "again", NULL };
    struct members members = members_begin(body, known, err);
    struct enrolment_input input = { .endpoint = member_text(&members, "endpoint", STORE_URL_MAX, true),
                                     .code = member_text(&members, "code", ENROLMENT_CODE_TEXT_MAX, true),
                                     .again = member_bool(&members, "again", false) };
    TRY(members_end(&members));
    TRY(api_need_open(agent, err));
    TRY(enrolment_start(&agent->enrolment, agent->store, &input, on_enrolled, agent, err));
    return waiters_add(agent, WAITING_ENROL, exchange, 0, err);
}

/* ---- by files ---- */

static enum err_code not_running(const struct agent *agent, struct error *err)
{
    return enrolment_running(&agent->enrolment)
               ? FAIL(err, BUSY, "enrol by file: an enrolment over the network is running; try again in a moment")
               : ERR_OK;
}

enum err_code api_enrol_request(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                struct error *err)
{
    static const char *const known[] = { "code", "again", NULL };
    struct members members = members_begin(body, known, err);
    struct enrolment_wish wish = { .code = member_text(&members, "code", ENROLMENT_CODE_TEXT_MAX, false),
                                   .again = member_bool(&members, "again", false),
                                   .now_ms = clock_wall_ms() };
    uint8_t device[DEVICE_ID_BYTES];
    SCOPED(buf_fini) struct buf file;
    SCOPED(buf_fini) struct buf text;
    buf_init(&file, ENROLMENT_FILE_MAX);
    buf_init(&text, 2 * ENROLMENT_FILE_MAX);
    TRY(members_end(&members));
    TRY(api_need_open(agent, err));
    TRY(not_running(agent, err));
    TRY(enrolment_file_request(agent->store, &wish, device, &file, err));
    TRY(base64_encode(buf_slice(&file), &text, err));
    api_send_object(exchange, json_pack("{s:o,s:b,s:s%}", "device", value_id(device, sizeof(device)), "renewal",
                                        wish.code == NULL, "request", (const char *)text.data, text.len));
    return ERR_OK;
}

enum err_code api_enrol_answer(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                               struct error *err)
{
    static const char *const known[] = { "answer", NULL };
    struct members members = members_begin(body, known, err);
    const char *text = member_text(&members, "answer", 2 * ENROLMENT_FILE_MAX, true);
    struct enrolment_taken taken;
    SCOPED(buf_fini) struct buf file;
    buf_init(&file, ENROLMENT_FILE_MAX);
    TRY(members_end(&members));
    TRY(api_need_open(agent, err));
    TRY(not_running(agent, err));
    TRY(base64_decode(slice_of_text(text), &file, err));
    TRY(enrolment_file_take(agent->store, buf_slice(&file), &taken, err));
    json_t *answer = enrolled_value(&taken.identity, taken.organisation_name);
    (void)json_object_set_new(answer, "changed", json_boolean(taken.changed));
    if (taken.changed) {
        agent_restart_exchange(agent);
    }
    enrolment_taken_fini(&taken);
    api_send_object(exchange, answer);
    return ERR_OK;
}
