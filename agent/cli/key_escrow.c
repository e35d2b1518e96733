/* key escrow add, export: a key in an envelope for an organisation. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/key_parts.h"
#include "agent/cli/outfile.h"
#include "base/file.h"

enum { CERTIFICATE_FILE_MAX = 16384 };

static enum err_code read_certificate(const char *path, struct key_secret *ret_added, struct error *err)
{
    SCOPED(buf_fini) struct buf pem;
    SCOPED(passphrase_free) struct passphrase text = { .len = 0 };
    buf_init(&pem, CERTIFICATE_FILE_MAX);
    enum err_code rc = file_read(path, &pem, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "read certificate '%s'", path);
    }
    if (pem.len == 0 || !utf8_valid(buf_slice(&pem)) || memchr(pem.data, '\0', pem.len) != NULL) {
        return FAIL(err, INVALID, "read certificate '%s': expected PEM (openssl x509 -in FILE -out FILE.pem)", path);
    }
    TRY(secret_copy(buf_slice(&pem), &text.memory, err));
    *ret_added = (struct key_secret){ .member = "certificate", .text = { .memory = text.memory, .len = pem.len } };
    text.memory = (struct secret){ 0 };
    return ERR_OK;
}

/* As `openssl x509 -fingerprint -sha256` prints it. */
static void print_fingerprint(const struct screen *screen, const char *hex)
{
    for (size_t i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2) {
        char pair[3] = { hex[i], hex[i + 1], '\0' };
        for (size_t at = 0; at < 2; at++) {
            pair[at] = (char)(pair[at] >= 'a' && pair[at] <= 'f' ? pair[at] - 'a' + 'A' : pair[at]);
        }
        screen_print(screen, "%s%s", i > 0 ? ":" : "", pair);
    }
    screen_print(screen, "\n");
}

static const char *recipient_of(const json_t *answer, int number)
{
    size_t index;
    const json_t *key;
    json_array_foreach(answer_member(answer, "keys"), index, key)
    {
        if (answer_int(key, "number") == number) {
            return answer_text(key, "recipient");
        }
    }
    return "";
}

enum exit_code key_escrow_add(struct cli *cli, const struct key_input *input)
{
    SCOPED(key_secret_free) struct key_secret proof = { .member = NULL };
    SCOPED(key_secret_free) struct key_secret certificate = { .member = NULL };
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    if (secret_init(&err) != ERR_OK || read_certificate(input->words[2], &certificate, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    enum exit_code code = key_prove(cli, input, "Passphrase of now: ", &proof);
    code = code == EXIT_DONE ? key_send(cli, input, "add", &proof, &certificate, &answer) : code;
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    int number = (int)answer_int(answer, "number");
    screen_print(&cli->screen,
                 "Who has the private key of this certificate can open the replica (key %d), with its files at hand "
                 "and the\nenvelope that 'holdfast key escrow export FILE %d' writes. Compare its SHA-256:\n\n  ",
                 number, number);
    print_fingerprint(&cli->screen, recipient_of(answer, number));
    return EXIT_DONE;
}

static enum exit_code which(struct cli *cli, const struct key_input *input, int *ret_number)
{
    SCOPED(answer_free) json_t *keys = NULL;
    struct error err = { .code = ERR_OK };
    enum exit_code code = keys_get(cli, &keys);
    if (code != EXIT_DONE || input->number != 0) {
        *ret_number = input->number;
        return code;
    }
    size_t count = keys_count(keys, "escrow", ret_number);
    if (count == 1) {
        return EXIT_DONE;
    }
    (void)(count == 0 ? FAIL(&err, NOT_FOUND, "export an escrow: there is none; 'holdfast key escrow add' makes one")
                      : FAIL(&err, REFUSED, "export an escrow: say which: 'holdfast key escrow export FILE NUMBER'"));
    return call_refused(cli, &err);
}

enum exit_code key_escrow_export(struct cli *cli, const struct key_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    const char *path = input->words[2];
    int number = 0;
    enum exit_code code = which(cli, input, &number);
    code = code == EXIT_DONE ? call(cli, "POST", path_of("/v1/keys/envelope"), json_pack("{s:i}", "number", number),
                                    CALL_TIMEOUT_S, &answer)
                             : code;
    if (code != EXIT_DONE) {
        return code;
    }
    const char *envelope = answer_text(answer, "envelope");
    if (strcmp(path, "-") == 0) {
        if (!cli->json || !call_printed(cli, answer)) {
            screen_print(&cli->screen, "%s", envelope);
        }
        return EXIT_DONE;
    }
    if (outfile_write(path, slice_of(envelope, strlen(envelope)), &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    if (!call_printed(cli, answer)) {
        screen_print(&cli->screen,
                     "The envelope is in '%s'. Its owner opens it with\n\n"
                     "  openssl cms -decrypt -inform PEM -in %s -inkey PRIVATE.pem\n\n"
                     "and gives what was in it to 'holdfast key recover --escrow -'.\n",
                     path, path);
    }
    return EXIT_DONE;
}
