#include "tests/bench/common/town.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"

#define ANSWER_MAX ((size_t)64 * 1024 * 1024)

enum {
    OUTPUT_SIZE = 16384,
    WAIT_S = 600,
    POLL_US = 20000,
    STATUS_POLL_US = 100000, /* a status counts every table: asking more often would be measured too */
    START_POLL_US = 500,
    START_S = 30,
    TRIED_US = 2500000, /* no record has an agent without a network try later than this */
    REST_MS = 3000,
    PLACEMENT_DAYS = 26 * 7, /* the programme's usual length */
};

/* ---- the centre ---- */

/* holdfast-endpointctl --json with these arguments, the last one NULL. */
static json_t *operate(struct town *town, ...)
{
    char program[TOWN_PATH_SIZE + 64];
    char state[TOWN_PATH_SIZE];
    char out[OUTPUT_SIZE];
    const char *argv[24];
    size_t count = 0;
    va_list args;
    (void)snprintf(program, sizeof(program), "%s/sync/endpoint/ctl/holdfast-endpointctl", town->bin);
    (void)snprintf(state, sizeof(state), "%s/centre", town->folder);
    argv[count++] = program;
    va_start(args, town);
    for (const char *word = va_arg(args, const char *); word != NULL; word = va_arg(args, const char *)) {
        CHECK(count < ARRAY_LEN(argv) - 4);
        argv[count++] = word;
    }
    va_end(args);
    argv[count++] = "--json";
    argv[count++] = "--state-dir";
    argv[count++] = state;
    argv[count] = NULL;
    process_run(argv, town->log, out, sizeof(out));
    json_t *answer = json_loads(out, 0, NULL);
    if (answer == NULL) {
        bench_die("the centre's operator was answered: %s", out);
    }
    return answer;
}

static void centre_start(struct town *town)
{
    char program[TOWN_PATH_SIZE + 64];
    char state[TOWN_PATH_SIZE];
    char listen[32];
    char ready[TOWN_PATH_SIZE + 32];
    (void)snprintf(program, sizeof(program), "%s/sync/endpoint/holdfast-endpoint", town->bin);
    (void)snprintf(state, sizeof(state), "%s/centre", town->folder);
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", town->centre_port);
    (void)snprintf(ready, sizeof(ready), "%s/endpoint.sock", state);
    const char *const argv[] = { program, "--state-dir", state, "--listen", listen, NULL };
    (void)unlink(ready);
    process_start(&town->centre, argv, town->log);
    for (int64_t from = bench_now_ns(); access(ready, F_OK) != 0;) {
        if (!process_running(&town->centre) || bench_since_s(from) > START_S) {
            bench_die("the centre did not start: see '%s'", town->log);
        }
        (void)usleep(POLL_US);
    }
    json_t *info = operate(town, "serve-info", NULL);
    const char *listening = json_string_value(json_object_get(info, "listening"));
    const char *colon = listening != NULL ? strrchr(listening, ':') : NULL;
    if (colon == NULL) {
        bench_die("the centre does not say where it listens");
    }
    town->centre_port = (uint16_t)strtoul(colon + 1, NULL, 10);
    json_decref(info);
}

void town_open(struct town *town)
{
    if (town->centre.pid == 0) {
        centre_start(town);
    }
}

void town_connect(struct town *town)
{
    town_open(town);
    if (town->proxy != NULL) {
        proxy_stop(town->proxy);
    }
    town->proxy = proxy_start(town->proxy_port, town->centre_port);
    town->proxy_port = proxy_port(town->proxy);
}

void town_cut(struct town *town)
{
    if (town->proxy != NULL) {
        proxy_stop(town->proxy);
        town->proxy = NULL;
    }
}

void town_disconnect(struct town *town)
{
    town_cut(town);
    process_stop(&town->centre);
}

void town_init(struct town *town, const char *bin)
{
    *town = (struct town){ 0 };
    (void)snprintf(town->bin, sizeof(town->bin), "%s", bin);
    bench_folder_make(town->folder);
    (void)snprintf(town->log, sizeof(town->log), "%s/log", town->folder);
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    json_decref(operate(town, "init", "--host", "127.0.0.1", NULL));
    town_connect(town);
    json_decref(operate(town, "org", "add", "Bench Trust", NULL));
    json_decref(operate(town, "site", "add", "--org", "Bench Trust", "Garden", NULL));
}

void town_fini(struct town *town)
{
    town_disconnect(town);
    bench_folder_remove(town->folder);
    curl_global_cleanup();
}

/* ---- the local API ---- */

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct buf *answer = context;
    return buf_append(answer, data, size * count, NULL) == ERR_OK ? size * count : 0;
}

/* False: nobody answers there. */
static bool call(struct agent_program *agent, const char *path, struct slice body, long *ret_status)
{
    char url[256];
    CURL *curl = agent->curl;
    (void)snprintf(url, sizeof(url), "http://agent%s", path);
    buf_clear(&agent->answer);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    if (body.data == NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.data);
    }
    if (curl_easy_perform(curl) != CURLE_OK) {
        return false;
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    return true;
}

void agent_call(struct agent_program *agent, const char *path, struct slice body)
{
    long status = 0;
    if (!call(agent, path, body, &status) || status != 200) {
        bench_die("agent '%s' answered %s with %ld: %.*s; see '%s'", agent->name, path, status, (int)agent->answer.len,
                  (const char *)agent->answer.data, agent->town->log);
    }
}

json_t *agent_ask(struct agent_program *agent, const char *path, const char *body)
{
    agent_call(agent, path, body != NULL ? slice_of_text(body) : slice_of(NULL, 0));
    json_t *answer = json_loadb((const char *)agent->answer.data, agent->answer.len, 0, NULL);
    if (answer == NULL) {
        bench_die("agent '%s' answered %s with no JSON", agent->name, path);
    }
    return answer;
}

int64_t status_number(json_t *status, const char *path)
{
    char name[64];
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        return json_integer_value(json_object_get(status, path));
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
    return status_number(json_object_get(status, name), dot + 1);
}

/* ---- an agent ---- */

void agent_make(struct agent_program *agent, struct town *town, const char *name)
{
    *agent = (struct agent_program){ .town = town };
    (void)snprintf(agent->name, sizeof(agent->name), "%s", name);
    (void)snprintf(agent->socket, sizeof(agent->socket), "%s/%s.sock", town->folder, name);
    buf_init(&agent->answer, ANSWER_MAX);
}

static bool is_open(struct agent_program *agent)
{
    long status = 0;
    if (access(agent->socket, F_OK) != 0 || !call(agent, "/v1/status", slice_of(NULL, 0), &status) || status != 200) {
        return false;
    }
    json_t *answer = json_loadb((const char *)agent->answer.data, agent->answer.len, 0, NULL);
    const char *vault = json_string_value(json_object_get(answer, "vault"));
    bool open = vault != NULL && strcmp(vault, "open") == 0;
    json_decref(answer);
    return open;
}

/* Otherwise an exchange of its own, which has nothing to carry, may come after the one that is measured. */
static void write_settings(const struct agent_program *agent, const char *path)
{
    FILE *file = fopen(path, "we");
    CHECK(file != NULL && fprintf(file, "[link]\nwait = %s\n", agent->asks_only ? "no" : "yes") > 0);
    CHECK(fclose(file) == 0);
}

double agent_start(struct agent_program *agent)
{
    struct town *town = agent->town;
    char program[TOWN_PATH_SIZE + 64];
    char state[TOWN_PATH_SIZE];
    char key[TOWN_PATH_SIZE];
    char settings[TOWN_PATH_SIZE];
    (void)snprintf(program, sizeof(program), "%s/agent/holdfastd", town->bin);
    (void)snprintf(state, sizeof(state), "%s/%s", town->folder, agent->name);
    (void)snprintf(key, sizeof(key), "%s/%s.key", town->folder, agent->name);
    (void)snprintf(settings, sizeof(settings), "%s/%s.conf", town->folder, agent->name);
    write_settings(agent, settings);
    const char *const argv[] = { program,      "--state-dir", state,      "--socket", agent->socket,
                                 "--key-file", key,           "--config", settings,   NULL };
    agent->curl = curl_easy_init();
    CHECK(agent->curl != NULL);
    (void)curl_easy_setopt(agent->curl, CURLOPT_UNIX_SOCKET_PATH, agent->socket);
    (void)curl_easy_setopt(agent->curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(agent->curl, CURLOPT_WRITEDATA, &agent->answer);
    (void)unlink(agent->socket);
    int64_t from = bench_now_ns();
    process_start(&agent->process, argv, town->log);
    while (!is_open(agent)) {
        if (!process_running(&agent->process) || bench_since_s(from) > START_S) {
            bench_die("agent '%s' did not start: see '%s'", agent->name, town->log);
        }
        (void)usleep(START_POLL_US);
    }
    return bench_since_s(from);
}

void agent_stop(struct agent_program *agent)
{
    curl_easy_cleanup(agent->curl);
    agent->curl = NULL;
    process_stop(&agent->process);
}

void agent_fini(struct agent_program *agent)
{
    if (agent->process.pid != 0) {
        agent_stop(agent);
    }
    buf_fini(&agent->answer);
}

void agent_enrol(struct agent_program *agent)
{
    char body[256];
    json_t *code = operate(agent->town, "code", "new", "--site", "Garden", NULL);
    (void)snprintf(body, sizeof(body), "{\"endpoint\":\"https://127.0.0.1:%u\",\"code\":\"%s\"}",
                   agent->town->proxy_port, json_string_value(json_object_get(code, "code")));
    json_decref(code);
    json_decref(agent_ask(agent, "/v1/enrol", body));
}

static bool exchanged(struct agent_program *agent, json_t *status, int64_t ops)
{
    const char *message = json_string_value(json_object_get(status, "message"));
    const char *result = json_string_value(json_object_get(json_object_get(status, "last_exchange"), "result"));
    const char *state = json_string_value(json_object_get(status, "state"));
    if (state != NULL && strcmp(state, "attention") == 0) {
        bench_die("agent '%s' needs a person: %s", agent->name, message != NULL ? message : "");
    }
    return result != NULL && strcmp(result, "ok") == 0 && state != NULL && strcmp(state, "synchronising") != 0 &&
           status_number(status, "pending_ops") == 0 && status_number(status, "to_fetch") == 0 &&
           status_number(status, "records.op") >= ops;
}

json_t *agent_wait_exchanged(struct agent_program *agent, int64_t ops)
{
    for (int64_t from = bench_now_ns();;) {
        json_t *status = agent_ask(agent, "/v1/status", NULL);
        if (exchanged(agent, status, ops)) {
            return status;
        }
        json_decref(status);
        if (bench_since_s(from) > WAIT_S) {
            bench_die("agent '%s' did not exchange everything within %d s; see '%s'", agent->name, WAIT_S,
                      agent->town->log);
        }
        (void)usleep(STATUS_POLL_US);
    }
}

void agent_wait_resting(struct agent_program *agent)
{
    (void)usleep(TRIED_US);
    for (int64_t from = bench_now_ns(); bench_since_s(from) < WAIT_S; (void)usleep(STATUS_POLL_US)) {
        char soon[INSTANT_TEXT_SIZE];
        json_t *status = agent_ask(agent, "/v1/status", NULL);
        const char *next = json_string_value(json_object_get(status, "next_try_at")); /* none while it tries */
        instant_format(clock_wall_ms() + REST_MS, soon);
        bool rests = next != NULL && strcmp(next, soon) > 0;
        json_decref(status);
        if (rests) {
            return;
        }
    }
    bench_die("agent '%s' did not come to rest within %d s", agent->name, WAIT_S);
}

void agent_wait_judged(struct agent_program *agent)
{
    for (int64_t from = bench_now_ns(); bench_since_s(from) < WAIT_S; (void)usleep(STATUS_POLL_US)) {
        json_t *status = agent_ask(agent, "/v1/status", NULL);
        bool pending = json_is_true(json_object_get(status, "flags_pending"));
        json_decref(status);
        if (!pending) {
            return;
        }
    }
    bench_die("agent '%s' did not look at everything within %d s", agent->name, WAIT_S);
}

void agent_record_people(struct agent_program *agent, int first, int32_t first_day)
{
    char from[DATE_TEXT_SIZE];
    char to[DATE_TEXT_SIZE];
    date_format(first_day, from);
    date_format(first_day + PLACEMENT_DAYS, to);
    for (int i = first; i < first + WEEK_PLACEMENTS; i++) {
        char body[512];
        char ref[16];
        week_placement_ref(i, ref);
        (void)snprintf(body, sizeof(body),
                       "{\"kind\":\"participant\",\"fields\":{\"ref\":\"BEN-%03d\",\"name\":\"Person %03d\"}}", i, i);
        json_decref(agent_ask(agent, "/v1/records", body));
        (void)snprintf(
            body, sizeof(body),
            "{\"kind\":\"placement\",\"fields\":{\"ref\":\"%s\",\"participant\":\"BEN-%03d\",\"basis\":\"%s\","
            "\"starts_on\":\"%s\",\"ends_on\":\"%s\",\"pattern\":\"Mon-Fri 09:30-15:30\","
            "\"weekly_minutes\":1800}}",
            ref, i, i % 2 == 0 ? "mandatory" : "voluntary", from, to);
        json_decref(agent_ask(agent, "/v1/records", body));
    }
}

void agent_record_placements(struct agent_program *agent, size_t count)
{
    agent_record_people(agent, 0, week_first_day(count, clock_today(clock_wall_ms())));
}
