/* enrol: joining a centre, over the network or by files on a stick. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/memory.h"
#include "agent/cli/passphrase.h"
#include "agent/cli/status.h"
#include "agent/cli/text.h"
#include "base/file.h"
#include "base/part_file.h"
#include "sync/enrolment_file.h"

enum { ENROL_TIMEOUT_S = 120 };
enum {
    OPTION_ENDPOINT = 0x2101,
    OPTION_CODE,
    OPTION_CODE_FILE,
    OPTION_AGAIN,
    OPTION_REQUEST,
    OPTION_ANSWER,
    OPTION_FORCE
};

struct enrol_input {
    const char *endpoint;
    const char *request; /* the file to write */
    const char *answer;  /* the file to take */
    bool force;
    const char *code;
    const char *code_file;
    bool again;
};

/* Over the network, or by files: a request out or an answer in. */
static void check_way(const struct enrol_input *input, const struct argp_state *state)
{
    int ways = (input->endpoint != NULL) + (input->request != NULL) + (input->answer != NULL);
    if (ways == 0) {
        argp_error(state, "--endpoint is needed; whoever runs the centre gives it, and a code (without any network: "
                          "--request FILE)");
    }
    if (ways > 1) {
        argp_error(state, "--endpoint, --request and --answer are three ways; choose one");
    }
    if (input->answer != NULL && (input->code != NULL || input->code_file != NULL || input->again)) {
        argp_error(state, "--answer takes no code and no --again: the request had them");
    }
    if (input->force && input->request == NULL) {
        argp_error(state, "--force belongs to --request");
    }
}

static error_t parse_enrol(int key, char *arg, struct argp_state *state)
{
    struct enrol_input *input = state->input;
    switch (key) {
    case OPTION_ENDPOINT:
        if (strncmp(arg, "https://", 8) != 0) {
            argp_error(state, "--endpoint is '%s'; expected an address that begins with https://", arg);
        }
        input->endpoint = argument_text(state, "--endpoint", arg);
        return 0;
    case OPTION_CODE:
        input->code = argument_text(state, "--code", arg);
        return 0;
    case OPTION_CODE_FILE:
        input->code_file = arg;
        return 0;
    case OPTION_AGAIN:
        input->again = true;
        return 0;
    case OPTION_REQUEST:
        input->request = arg;
        return 0;
    case OPTION_ANSWER:
        input->answer = arg;
        return 0;
    case OPTION_FORCE:
        input->force = true;
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    case ARGP_KEY_END:
        check_way(input, state);
        if (input->code != NULL && input->code_file != NULL) {
            argp_error(state, "give the code once: --code or --code-file");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option enrol_options[] = {
    { "endpoint", OPTION_ENDPOINT, "URL", 0, "the centre's address, https://...", 0 },
    { "code-file", OPTION_CODE_FILE, "FILE", 0,
      "where the one-time code is that the centre's operator gave for this site; -: standard input (else it is asked "
      "for)",
      0 },
    { "code", OPTION_CODE, "CODE", 0, "the code itself; other users of this machine may see it while this runs", 0 },
    { "again", OPTION_AGAIN, NULL, 0, "this device is enrolled, and its certificate does not serve any more", 0 },
    { "request", OPTION_REQUEST, "FILE", 0,
      "without a network: write what the centre is asked to FILE, to be carried there; of an enrolled device, a "
      "request "
      "for a newer certificate",
      0 },
    { "answer", OPTION_ANSWER, "FILE", 0, "without a network: take the centre's answer to such a request", 0 },
    { "force", OPTION_FORCE, NULL, 0, "with --request: replace FILE if it is there", 0 },
    { 0 },
};

const struct argp enrol_argp = {
    .options = enrol_options,
    .parser = parse_enrol,
    .doc =
        "Joins this device to a centre: the device makes its own key, proves the code, checks the centre against the "
        "code, and receives its certificate."
        "\vWhen it fails, run it again with the same code. The code works once. With --again an enrolled device keeps "
        "its key, its site and its records.\n\n"
        "Where there is never a network: --request writes a file, the centre's operator answers it with "
        "'holdfast-endpointctl enrolment sign', --answer takes that. The file does not hold the code, and only this "
        "machine can read the answer. Neither does harm when it comes twice or late. An enrolled device asks for a "
        "newer certificate by --request alone, before its own runs out.",
};

/* Not on the command line, where other users see it, unless somebody wants it there. */
static enum err_code read_code(const struct enrol_input *input, struct passphrase *ret_code, struct error *err)
{
    TRY(secret_init(err));
    bool file = input->code_file != NULL && strcmp(input->code_file, "-") != 0;
    enum err_code rc = file ? passphrase_read_file(input->code_file, ret_code, err)
                            : passphrase_ask(STDIN_FILENO, "One-time code: ", ret_code, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "read the code");
}

static json_t *enrol_body(const struct enrol_input *input, const struct passphrase *code)
{
    json_t *body = must_have(json_object());
    if (input->endpoint != NULL) {
        (void)json_object_set_new(body, "endpoint", json_string(input->endpoint));
    }
    if (input->code != NULL) {
        (void)json_object_set_new(body, "code", must_have(json_string(input->code)));
    } else if (code->len > 0) {
        (void)json_object_set_new(body, "code", must_have(json_stringn((const char *)code->memory.bytes, code->len)));
    }
    if (input->again) {
        (void)json_object_set_new(body, "again", json_true());
    }
    return body;
}

static void print_enrolled(const struct screen *screen, const json_t *answer)
{
    screen_fact(screen, "Site", "%s", answer_text(answer_member(answer, "site"), "name"));
    screen_fact(screen, "Organisation", "%s", answer_text(answer_member(answer, "organisation"), "name"));
    screen_fact(screen, "Device", "%s", answer_text(answer, "device"));
    status_print_centre(screen, answer);
}

static enum exit_code enrol_over_network(struct cli *cli, const struct enrol_input *input,
                                         const struct passphrase *code)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code done = call(cli, "POST", path_of("/v1/enrol"), enrol_body(input, code), ENROL_TIMEOUT_S, &answer);
    if (done != EXIT_DONE || call_printed(cli, answer)) {
        return done;
    }
    screen_print(&cli->screen, "enrolled\n");
    print_enrolled(&cli->screen, answer);
    screen_fact(&cli->screen, "Next",
                "'holdfast import' takes your registers, 'holdfast sync --wait' fetches what is there");
    return EXIT_DONE;
}

/* ---- by files ---- */

static enum err_code write_file(const char *path, bool replace, const char *base64, struct error *err)
{
    SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, ENROLMENT_FILE_MAX);
    TRY(base64_decode(slice_of_text(base64), &bytes, err));
    TRY(part_file_begin(&file, path, replace, err));
    TRY(part_file_put(&file, buf_slice(&bytes), err));
    return part_file_keep(&file, err);
}

static enum exit_code enrol_request(struct cli *cli, const struct enrol_input *input, const struct passphrase *code)
{
    struct error err = { .code = ERR_OK };
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code done =
        call(cli, "POST", path_of("/v1/enrol/request"), enrol_body(input, code), CALL_TIMEOUT_S, &answer);
    if (done != EXIT_DONE) {
        return done;
    }
    if (write_file(input->request, input->force, answer_text(answer, "request"), &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    (void)json_object_del(answer, "request");
    (void)json_object_set_new(answer, "file", json_string(input->request));
    if (call_printed(cli, answer)) {
        return EXIT_DONE;
    }
    SCOPED(scoped_free) char *visible = text_visible(input->request, false);
    screen_print(&cli->screen, "'%s' is written: a request for %s.\n", visible,
                 answer_true(answer, "renewal") ? "a newer certificate of this device" : "this device's enrolment");
    screen_print(&cli->screen, "next: take it to the centre's operator ('holdfast-endpointctl enrolment sign'), and "
                               "what comes back: 'holdfast enrol --answer FILE'\n");
    return EXIT_DONE;
}

static enum err_code answer_body(const char *path, json_t **ret_body, struct error *err)
{
    SCOPED(buf_fini) struct buf file;
    SCOPED(buf_fini) struct buf text;
    buf_init(&file, ENROLMENT_FILE_MAX);
    buf_init(&text, 2 * ENROLMENT_FILE_MAX);
    TRY(file_read(path, &file, err));
    TRY(base64_encode(buf_slice(&file), &text, err));
    *ret_body = must_have(json_pack("{s:s%}", "answer", (const char *)text.data, text.len));
    return ERR_OK;
}

static enum exit_code enrol_answer(struct cli *cli, const struct enrol_input *input)
{
    struct error err = { .code = ERR_OK };
    json_t *body = NULL;
    SCOPED(answer_free) json_t *answer = NULL;
    if (answer_body(input->answer, &body, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    enum exit_code done = call(cli, "POST", path_of("/v1/enrol/answer"), body, CALL_TIMEOUT_S, &answer);
    if (done != EXIT_DONE || call_printed(cli, answer)) {
        return done;
    }
    screen_print(&cli->screen, answer_true(answer, "changed") ? "enrolled: the certificate was taken\n"
                                                              : "nothing changed: what is held is the same or newer\n");
    print_enrolled(&cli->screen, answer);
    screen_fact(
        &cli->screen, "Next",
        "'holdfast bundle import' takes what the centre wrote for this device, 'holdfast bundle export' what is "
        "recorded here");
    return EXIT_DONE;
}

/* A request of an enrolled device needs none. */
static enum exit_code needs_code(struct cli *cli, const struct enrol_input *input, bool *ret_needed)
{
    *ret_needed = input->code == NULL;
    if (input->request == NULL || input->again || input->code_file != NULL) {
        return EXIT_DONE;
    }
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    *ret_needed = *ret_needed && code == EXIT_DONE && !answer_true(status, "enrolled");
    return code;
}

enum exit_code enrol_run(struct cli *cli, int argc, char **argv)
{
    struct enrol_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.answer != NULL) {
        return enrol_answer(cli, &input);
    }
    SCOPED(passphrase_free) struct passphrase one_time = { .len = 0 };
    struct error err;
    bool needed;
    enum exit_code code = needs_code(cli, &input, &needed);
    if (code != EXIT_DONE) {
        return code;
    }
    if (needed && read_code(&input, &one_time, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    return input.request != NULL ? enrol_request(cli, &input, &one_time) : enrol_over_network(cli, &input, &one_time);
}
