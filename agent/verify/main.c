/* holdfast-verify DIR: does an evidence pack prove what it says? No network, no database, no agent. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/text.h"
#include "agent/verify/report.h"
#include "base/file.h"

enum exit_code { EXIT_VERIFIED = 0, EXIT_NOT_VERIFIED = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };
enum { CERTIFICATE_PEM_MAX = 65536 };

const char *argp_program_version = "holdfast-verify " HOLDFAST_VERSION;

struct input {
    const char *folder;
    const char *authority;
    bool json;
    bool brief;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct input *input = state->input;
    switch (key) {
    case 'c':
        input->authority = arg;
        return 0;
    case 'j':
        input->json = true;
        return 0;
    case 'b':
        input->brief = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one pack at a time");
        }
        input->folder = arg;
        return 0;
    case ARGP_KEY_END:
        if (input->folder == NULL) {
            argp_error(state, "say which pack: the folder that 'holdfast evidence' made");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "ca", 'c', "FILE|FINGERPRINT", 0,
      "insist on this authority: its certificate (PEM), or the SHA-256 of it as openssl shows it", 0 },
    { "json", 'j', NULL, 0, "the findings as JSON", 0 },
    { "brief", 'b', NULL, 0, "leave the records out", 0 },
    { 0 },
};

static const struct argp program = {
    .options = options,
    .parser = parse,
    .args_doc = "DIR",
    .doc = "Checks an evidence pack that 'holdfast evidence' made: every file, every record's content, the signature "
           "of the "
           "device that made it, the certificate of that device, and its place in the history that the centre signed. "
           "Shows what each record says. Asks nobody and trusts nothing but the authority whose fingerprint it shows."
           "\vEnds with 0 verified, 1 not verified (what is wrong is named), 2 wrong usage, 3 the pack cannot be read.",
};

/* 64 hexadecimal digits, with or without colons. */
static bool fingerprint_read(const char *text, uint8_t out[SHA256_BYTES])
{
    char digits[2 * SHA256_BYTES + 1];
    size_t len = 0;
    for (; *text != '\0' && len < sizeof(digits) - 1; text++) {
        if (*text != ':') {
            digits[len++] = *text;
        }
    }
    digits[len] = '\0';
    return *text == '\0' && hex_decode(digits, out, SHA256_BYTES);
}

static enum err_code authority_read(const char *text, uint8_t out[SHA256_BYTES], struct error *err)
{
    if (fingerprint_read(text, out)) {
        return ERR_OK;
    }
    SCOPED(buf_fini) struct buf pem;
    SCOPED(buf_fini) struct buf der;
    buf_init(&pem, CERTIFICATE_PEM_MAX);
    buf_init(&der, CERTIFICATE_DER_MAX);
    enum err_code rc = file_read(text, &pem, err);
    if (rc == ERR_NOT_FOUND) {
        return FAIL(
            err, INVALID,
            "read --ca '%.200s': neither a fingerprint, which has %d hexadecimal digits, nor a file that is there",
            text, 2 * SHA256_BYTES);
    }
    TRY(rc);
    TRY(certificate_from_pem(buf_slice(&pem), &der, err));
    struct slice one = buf_slice(&der);
    sha256(&one, 1, out);
    return ERR_OK;
}

static enum err_code verify(const struct input *input, bool *ret_proves, struct error *err)
{
    uint8_t authority[SHA256_BYTES];
    struct pack_files files;
    struct pack_report report;
    bool insists = input->authority != NULL;
    if (insists) {
        TRY(authority_read(input->authority, authority, err));
    }
    TRY(pack_files_read(input->folder, &files, err));
    enum err_code rc = pack_check(&files, insists ? authority : NULL, &report, err);
    if (rc == ERR_OK) {
        *ret_proves = report_proves(&report);
        if (input->json) {
            report_json(&report, input->brief, stdout);
        } else {
            report_print(&report, insists, input->brief, stdout);
        }
        pack_report_fini(&report);
    }
    pack_files_fini(&files);
    return rc;
}

int main(int argc, char **argv)
{
    struct input input = { 0 };
    struct error err = { .message = "" };
    bool proves = false;
    text_init();
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&program, argc, argv, 0, NULL, &input) != 0) {
        return EXIT_USAGE;
    }
    if (verify(&input, &proves, &err) != ERR_OK) {
        char *visible = text_visible(err.message, false);
        (void)fprintf(stderr, "holdfast-verify: %s\n", visible);
        free(visible);
        return EXIT_UNREADABLE;
    }
    return proves ? EXIT_VERIFIED : EXIT_NOT_VERIFIED;
}
