#include "tests/support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "sync/edge/local_client.h"
#include "tests/support/wait.h"

#define CODE_TEXT_SIZE 80
#define COMMON_ARGS 4

/* ---- the world ---- */

void world_init(struct world *world)
{
    process_clean_environment();
    (void)signal(SIGPIPE, SIG_IGN);
    memset(world, 0, sizeof(*world));
    folder_make(world->folder);
    world->kept = json_array();
    cr_assert_not_null(world->kept);
}

static int stop_if_running(struct process *process)
{
    if (process->pid == 0) {
        return 0;
    }
    int status = process_stop(process, WORLD_STOP_MS);
    if (status != 0) {
        process_show(process);
    }
    return status;
}

void world_fini(struct world *world)
{
    int bad = stop_if_running(&world->centre.process);
    for (size_t i = 0; i < world->laptop_count; i++) {
        bad |= stop_if_running(&world->laptops[i].process);
    }
    json_decref(world->kept);
    folder_remove(world->folder);
    cr_assert_eq(bad, 0, "a program did not stop cleanly");
}

/* <folder>/<name><end> */
static void path_in(const struct world *world, const char *name, const char *end, char out[FOLDER_PATH_SIZE])
{
    SCOPED(scoped_free) char *path = NULL;
    int len = asprintf(&path, "%s/%s%s", world->folder, name, end);
    cr_assert(len > 0 && len < FOLDER_PATH_SIZE);
    memcpy(out, path, (size_t)len + 1);
}

static void process_name(struct process *process, const struct world *world, const char *name)
{
    (void)snprintf(process->name, sizeof(process->name), "%s", name);
    path_in(world, name, ".log", process->stderr_path);
    file_write(process->stderr_path, slice_of_text(""));
}

const char *world_sample(const char *name, char ret_path[FOLDER_PATH_SIZE])
{
    const char *dir = getenv("SAMPLE_DIR");
    cr_assert_not_null(dir, "SAMPLE_DIR is not set: run the tests with ctest");
    (void)snprintf(ret_path, FOLDER_PATH_SIZE, "%s/%s", dir, name);
    return ret_path;
}

const char *world_file(struct world *world, const char *name, const char *text, char ret_path[FOLDER_PATH_SIZE])
{
    path_in(world, name, "", ret_path);
    file_write(ret_path, slice_of_text(text));
    return ret_path;
}

/* ---- commands ---- */

static json_t *keep(struct world *world, json_t *value)
{
    if (value != NULL) {
        cr_assert_eq(json_array_append_new(world->kept, value), 0);
    }
    return value;
}

/* The program, the command's words up to NULL, then the options that every command of it has. */
static void gather(const char *argv[PROCESS_ARGS_MAX], const char *program, va_list args, const char *option,
                   const char *value)
{
    size_t count = 0;
    argv[count++] = program;
    for (const char *next = va_arg(args, const char *); next != NULL; next = va_arg(args, const char *)) {
        cr_assert_lt(count, (size_t)PROCESS_ARGS_MAX - COMMON_ARGS);
        argv[count++] = next;
    }
    argv[count++] = option;
    argv[count++] = value;
    argv[count++] = "--json";
    argv[count] = NULL;
}

static json_t *run(struct world *world, const struct process *service, const char *const *argv, const char *input,
                   int expected_exit)
{
    struct process_result result;
    process_try(argv, slice_of_text(input), WORLD_STEP_MS, &result);
    if (result.exit_status != expected_exit) {
        (void)fprintf(stderr, "---- the command said ----\n%.*s%.*s---- end ----\n", (int)result.out.len,
                      (const char *)result.out.data, (int)result.err.len, (const char *)result.err.data);
        process_show(service);
        cr_assert_fail("'%s %s' ended with %d, expected %d", strrchr(argv[0], '/') + 1, argv[1], result.exit_status,
                       expected_exit);
    }
    json_t *value = result.out.len > 0
                        ? json_loadb((const char *)result.out.data, result.out.len, JSON_REJECT_DUPLICATES, NULL)
                        : NULL;
    process_result_fini(&result);
    return keep(world, value);
}

static json_t *centre_run(struct centre *centre, int expected_exit, va_list args)
{
    const char *argv[PROCESS_ARGS_MAX];
    gather(argv, program_centre_ctl, args, "--state-dir", centre->dir);
    return run(centre->world, &centre->process, argv, "", expected_exit);
}

json_t *centre_do(struct centre *centre, int expected_exit, ...)
{
    va_list args;
    va_start(args, expected_exit);
    json_t *value = centre_run(centre, expected_exit, args);
    va_end(args);
    return value;
}

static json_t *laptop_run(struct laptop *laptop, int expected_exit, const char *input, va_list args)
{
    const char *argv[PROCESS_ARGS_MAX];
    gather(argv, program_cli, args, "--socket", laptop->socket);
    return run(laptop->world, &laptop->process, argv, input, expected_exit);
}

json_t *laptop_do(struct laptop *laptop, int expected_exit, ...)
{
    va_list args;
    va_start(args, expected_exit);
    json_t *value = laptop_run(laptop, expected_exit, "", args);
    va_end(args);
    return value;
}

json_t *laptop_tell(struct laptop *laptop, int expected_exit, const char *input, ...)
{
    va_list args;
    va_start(args, input);
    json_t *value = laptop_run(laptop, expected_exit, input, args);
    va_end(args);
    return value;
}

json_t *laptop_status(struct laptop *laptop)
{
    json_t *status = laptop_do(laptop, EXIT_DONE, "status", NULL);
    cr_assert_not_null(status, "status printed no JSON");
    return status;
}

json_t *laptop_ask(struct laptop *laptop, const char *expected_code, const char *method, const char *path, json_t *body)
{
    struct error err = { .code = ERR_OK };
    json_t *answer = NULL;
    enum err_code rc = local_request(laptop->socket, method, path, body, WORLD_STEP_MS / 1000, &answer, &err);
    json_decref(body);
    cr_assert_str_eq(err_code_name(rc), expected_code, "%s %s: %s: %s", method, path, err_code_name(rc), err.message);
    return keep(laptop->world, answer);
}

/* ---- the centre ---- */

static bool centre_answers(struct centre *centre)
{
    const char *argv[] = { program_centre_ctl, "serve-info", "--state-dir", centre->dir, NULL };
    struct process_result result;
    if (!process_running(&centre->process)) {
        process_show(&centre->process);
        cr_assert_fail("the centre ended while starting");
    }
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
    bool answers = result.exit_status == EXIT_DONE;
    process_result_fini(&result);
    return answers;
}

/* For what is started next: the clock goes before the sanitizers' libraries, which they have to be told. By a link, as
 * a blank in its own path would end it. */
static void borrow_clock(const struct world *world, const struct process *process, const char *clock_file)
{
    char preload[FOLDER_PATH_SIZE];
    path_in(world, process->name, ".clock.so", preload);
    cr_assert(symlink(SHIFTED_CLOCK_FILE, preload) == 0 || errno == EEXIST);
    cr_assert(setenv("SHIFTED_CLOCK", clock_file, 1) == 0 && setenv("LD_PRELOAD", preload, 1) == 0 &&
              setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1) == 0);
}

static void return_clock(void)
{
    cr_assert(unsetenv("SHIFTED_CLOCK") == 0 && unsetenv("LD_PRELOAD") == 0 && unsetenv("ASAN_OPTIONS") == 0);
}

void centre_start(struct centre *centre)
{
    char listen[96];
    bool ipv6 = strchr(centre->address, ':') != NULL;
    (void)snprintf(listen, sizeof(listen), ipv6 ? "[%s]:%u" : "%s:%u", centre->address, centre->port);
    const char *argv[] = { program_centre, "--state-dir", centre->dir, "--listen", listen, NULL };
    if (centre->clock_file[0] != '\0') {
        borrow_clock(centre->world, &centre->process, centre->clock_file);
    }
    process_start(&centre->process, argv);
    if (centre->clock_file[0] != '\0') {
        return_clock();
    }
    WAIT_UNTIL(centre_answers(centre), WORLD_STEP_MS);
}

void centre_make(struct world *world)
{
    centre_make_at(world, "127.0.0.1", "127.0.0.1");
}

void centre_make_at(struct world *world, const char *name, const char *address)
{
    struct centre *centre = &world->centre;
    centre->world = world;
    centre->port = keep_port(address);
    (void)snprintf(centre->address, sizeof(centre->address), "%s", address);
    path_in(world, "centre", "", centre->dir);
    process_name(&centre->process, world, "centre");
    (void)centre_do(centre, EXIT_DONE, "init", "--host", name, NULL);
    centre_start(centre);
}

void centre_set_clock(struct centre *centre, long shift_s)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "%ld 0", shift_s);
    path_in(centre->world, centre->process.name, ".clock", centre->clock_file);
    file_write(centre->clock_file, slice_of_text(text));
}

static void stop_cleanly(struct process *process)
{
    int status = process_stop(process, WORLD_STOP_MS);
    if (status != 0) {
        process_show(process);
    }
    cr_assert_eq(status, 0, "'%s' stopped with %d", process->name, status);
}

void centre_stop(struct centre *centre)
{
    stop_cleanly(&centre->process);
}

void centre_kill(struct centre *centre)
{
    process_kill(&centre->process);
}

static bool has_organisation(struct centre *centre, const char *name)
{
    json_t *answer = centre_do(centre, EXIT_DONE, "orgs", NULL);
    json_t *rows = json_object_get(answer, "organisations");
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        if (strcmp(text_at(row, "name"), name) == 0) {
            return true;
        }
    }
    return false;
}

void centre_add_site(struct centre *centre, const char *organisation, const char *site)
{
    if (!has_organisation(centre, organisation)) {
        (void)centre_do(centre, EXIT_DONE, "org", "add", organisation, NULL);
    }
    (void)centre_do(centre, EXIT_DONE, "site", "add", "--org", organisation, site, NULL);
}

/* ---- laptops ---- */

static bool laptop_answers(struct laptop *laptop)
{
    struct error err;
    json_t *status = NULL;
    if (!process_running(&laptop->process)) {
        process_show(&laptop->process);
        cr_assert_fail("'%s' ended while starting", laptop->process.name);
    }
    enum err_code rc = local_request(laptop->socket, "GET", "/v1/status", NULL, WORLD_STEP_MS / 1000, &status, &err);
    bool answers = rc == ERR_OK && !true_at(status, "unlocking");
    json_decref(status);
    return answers;
}

static void write_clock(struct laptop *laptop, long shift_s, long slept_s, long awake_s)
{
    char text[48];
    bool live = laptop->clock_file[0] != '\0';
    cr_assert(live || laptop->process.pid == 0, "'%s' was started with the machine's clock", laptop->process.name);
    (void)snprintf(text, sizeof(text), "%ld %ld %ld", shift_s, slept_s, awake_s);
    path_in(laptop->world, laptop->process.name, ".clock", laptop->clock_file);
    file_write(laptop->clock_file, slice_of_text(text));
}

void laptop_set_clock(struct laptop *laptop, long shift_s)
{
    write_clock(laptop, shift_s, 0, 0);
}

void laptop_sleep(struct laptop *laptop, long seconds)
{
    write_clock(laptop, seconds, seconds, 0);
}

void laptop_stay_awake(struct laptop *laptop, long seconds)
{
    write_clock(laptop, seconds, 0, seconds);
}

void laptop_set_config(struct laptop *laptop, const char *text)
{
    path_in(laptop->world, laptop->process.name, ".conf", laptop->config);
    file_write(laptop->config, slice_of_text(text));
}

void laptop_start_any(struct laptop *laptop)
{
    const char *argv[8] = { program_agent, "--state-dir", laptop->dir };
    size_t count = 3;
    if (laptop->with_key_file) {
        argv[count++] = "--key-file";
        argv[count++] = laptop->key_file;
    }
    if (laptop->config[0] != '\0') {
        argv[count++] = "--config";
        argv[count] = laptop->config;
    }
    if (laptop->clock_file[0] != '\0') {
        borrow_clock(laptop->world, &laptop->process, laptop->clock_file);
    }
    process_start(&laptop->process, argv);
    if (laptop->clock_file[0] != '\0') {
        return_clock();
    }
    WAIT_UNTIL(laptop_answers(laptop), WORLD_STEP_MS);
}

void laptop_start(struct laptop *laptop)
{
    laptop_start_any(laptop);
    json_t *status = laptop->with_key_file ? laptop_status(laptop) : NULL;
    if (status != NULL && strcmp(text_at(status, "vault"), "open") != 0) {
        process_show(&laptop->process);
        cr_assert_fail("'%s' is not open: %s", laptop->process.name, text_at(status, "message"));
    }
}

struct laptop *laptop_make(struct world *world, const char *name, bool with_key_file)
{
    cr_assert_lt(world->laptop_count, (size_t)WORLD_LAPTOPS_MAX);
    struct laptop *laptop = &world->laptops[world->laptop_count++];
    laptop->world = world;
    laptop->with_key_file = with_key_file;
    path_in(world, name, "", laptop->dir);
    path_in(world, name, "/holdfast.sock", laptop->socket);
    path_in(world, name, ".key", laptop->key_file);
    process_name(&laptop->process, world, name);
    laptop_start(laptop);
    return laptop;
}

void laptop_stop(struct laptop *laptop)
{
    stop_cleanly(&laptop->process);
}

void laptop_kill(struct laptop *laptop)
{
    process_kill(&laptop->process);
}

void laptop_enrol(struct laptop *laptop, const char *site, uint16_t port)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", port);
    laptop_enrol_at(laptop, site, url);
}

void laptop_enrol_at(struct laptop *laptop, const char *site, const char *url)
{
    char code[CODE_TEXT_SIZE];
    json_t *answer = centre_do(&laptop->world->centre, EXIT_DONE, "code", "new", "--site", site, NULL);
    (void)snprintf(code, sizeof(code), "%s", text_at(answer, "code"));
    (void)laptop_do(laptop, EXIT_DONE, "enrol", "--endpoint", url, "--code", code, NULL);
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
}
