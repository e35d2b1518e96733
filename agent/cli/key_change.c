/* key add, change, remove, recover. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/credential.h"
#include "agent/cli/key_parts.h"
#include "agent/cli/recovery_sheet.h"
#include "base/file.h"

enum { KEY_BYTES = 32, OWNER_ONLY = 0600 };

static void put_label(const struct key_input *input, struct request *request)
{
    if (input->label != NULL) {
        request_text(request, "label", slice_of(input->label, strlen(input->label)));
    }
}

enum exit_code key_send(struct cli *cli, const struct key_input *input, const char *path,
                        const struct key_secret *proof, const struct key_secret *added, json_t **ret_answer)
{
    SCOPED(request_free) struct request request = { .len = 0 };
    struct error err = { .code = ERR_OK };
    if (request_begin(&request, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    key_secret_put(proof, "proof", &request);
    if (added != NULL) {
        key_secret_put(added, "key", &request);
        put_label(input, &request);
    }
    if (input->number != 0) {
        request_number(&request, "number", input->number);
    }
    return request_send(cli, &request, path_of("/v1/keys/%s", path), ret_answer);
}

static bool asks_for_passphrase(const struct proof_input *proof)
{
    return !proof->recovery && proof->key_file == NULL && proof->escrow == NULL && proof->passphrase_file == NULL;
}

enum exit_code key_prove(struct cli *cli, const struct key_input *input, const char *prompt,
                         struct key_secret *ret_proof)
{
    struct error err = { .code = ERR_OK };
    SCOPED(answer_free) json_t *keys = NULL;
    int unused;
    enum exit_code code = keys_get(cli, &keys);
    if (code != EXIT_DONE) {
        return code;
    }
    if (asks_for_passphrase(&input->proof) && keys_count(keys, "passphrase", &unused) == 0) {
        (void)FAIL(&err, REFUSED,
                   "prove that this is your replica: it has no passphrase; give --key-file FILE or --recovery");
        return call_refused(cli, &err);
    }
    return key_secret_prove(&input->proof, prompt, ret_proof, &err) == ERR_OK ? EXIT_DONE : call_refused(cli, &err);
}

/* ---- a recovery key is shown once ---- */

static enum exit_code show_json(struct cli *cli, json_t *answer, const struct key_secret *words)
{
    json_t *text = json_stringn((const char *)words->text.memory.bytes, words->text.len);
    (void)json_object_set_new(answer, "words", text);
    (void)call_printed(cli, answer);
    if (text != NULL) {
        secret_wipe((void *)(uintptr_t)json_string_value(text), words->text.len);
    }
    return EXIT_DONE;
}

static enum exit_code show_words(struct cli *cli, const struct key_input *input, json_t *answer,
                                 const struct key_secret *words)
{
    if (cli->json) {
        return show_json(cli, answer, words);
    }
    struct error err = { .code = ERR_OK };
    struct slice text = slice_of(words->text.memory.bytes, words->text.len);
    screen_print(&cli->screen, "Recovery key (key %d). Write it down now: it is not shown again.\n\n",
                 (int)answer_int(answer, "number"));
    recovery_sheet_words(&cli->screen, text);
    if (input->qr || cli->screen.width > 0) {
        screen_print(&cli->screen, "\n");
        if (recovery_sheet_qr(&cli->screen, text, &err) != ERR_OK) {
            return call_refused(cli, &err);
        }
    }
    screen_print(&cli->screen,
                 "\nIt opens the replica as the passphrase does: keep it where nobody finds it who should "
                 "not,\nand away from this machine. 'holdfast unlock --recovery' asks for it.\n");
    return EXIT_DONE;
}

/* ---- add ---- */

/* An existing key file as it is, or a new one. */
static enum err_code key_file_bytes(const char *path, struct secret *ret_key, bool *ret_made, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    if (file_exists(path)) {
        TRY(secret_read_file(path, KEY_BYTES + 1, &key, err));
        if (key.len != KEY_BYTES) {
            return FAIL(err, KEY, "read key file '%s': expected exactly %d bytes", path, KEY_BYTES);
        }
    } else {
        TRY(secret_random(KEY_BYTES, &key, err));
        TRY(file_replace(path, slice_of(key.bytes, key.len), OWNER_ONLY, err));
        *ret_made = true;
    }
    *ret_key = key;
    key = (struct secret){ 0 };
    return ERR_OK;
}

static enum err_code credential_bytes(const char *path, const char *with_key, struct secret *ret_key, bool *ret_made,
                                      struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(secret_random(KEY_BYTES, &key, err));
    TRY(credential_seal(&key, path, with_key, err));
    *ret_made = true;
    *ret_key = key;
    key = (struct secret){ 0 };
    return ERR_OK;
}

static enum err_code new_key(const struct key_input *input, struct key_secret *ret_added, bool *ret_made,
                             struct error *err)
{
    const char *kind = input->words[1];
    if (strcmp(kind, "passphrase") == 0) {
        return key_secret_new_passphrase(input->new_passphrase_file, ret_added, err);
    }
    if (strcmp(kind, "recovery") == 0) {
        return key_secret_new_words(ret_added, err);
    }
    bool credential = strcmp(kind, "credential") == 0;
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(credential ? credential_bytes(input->words[2], input->with_key, &key, ret_made, err)
                   : key_file_bytes(input->words[2], &key, ret_made, err));
    return key_secret_of_bytes(credential ? "credential" : "key", slice_of(key.bytes, key.len), ret_added, err);
}

static enum exit_code tell_added(struct cli *cli, const struct key_input *input, json_t *answer,
                                 const struct key_secret *added)
{
    const char *kind = input->words[1];
    if (strcmp(kind, "recovery") == 0) {
        return show_words(cli, input, answer, added);
    }
    if (call_printed(cli, answer)) {
        return EXIT_DONE;
    }
    int number = (int)answer_int(answer, "number");
    if (strcmp(kind, "passphrase") == 0) {
        screen_print(&cli->screen, "The new passphrase opens the replica too (key %d).\n", number);
    } else if (strcmp(kind, "key-file") == 0) {
        screen_print(&cli->screen, "'%s' opens the replica too (key %d). Who can read the file can read the records.\n",
                     input->words[2], number);
    } else {
        screen_print(&cli->screen,
                     "systemd opens the replica with '%s' on this machine (key %d). Put into the agent's unit:\n\n"
                     "  [Service]\n  LoadCredentialEncrypted=" CREDENTIAL_NAME ":%s\n",
                     input->words[2], number, input->words[2]);
    }
    return EXIT_DONE;
}

enum exit_code key_add(struct cli *cli, const struct key_input *input)
{
    SCOPED(key_secret_free) struct key_secret proof = { .member = NULL };
    SCOPED(key_secret_free) struct key_secret added = { .member = NULL };
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    bool made = false;
    enum exit_code code = key_prove(cli, input, "Passphrase of now: ", &proof);
    if (code != EXIT_DONE) {
        return code;
    }
    if (new_key(input, &added, &made, &err) != ERR_OK) {
        code = call_refused(cli, &err);
    } else {
        code = key_send(cli, input, "add", &proof, &added, &answer);
    }
    if (code != EXIT_DONE) {
        if (made) {
            (void)unlink(input->words[2]); /* it opens nothing */
        }
        return code;
    }
    return tell_added(cli, input, answer, &added);
}

/* ---- change, remove, recover ---- */

/* The new secret for key `number`, by its kind; 0 is the passphrase that is the proof. */
static enum exit_code replacement(struct cli *cli, const struct key_input *input, struct key_secret *ret_added)
{
    struct error err = { .code = ERR_OK };
    SCOPED(answer_free) json_t *keys = NULL;
    enum exit_code code = keys_get(cli, &keys);
    if (code != EXIT_DONE) {
        return code;
    }
    const char *kind = input->number == 0 ? "passphrase" : keys_kind_of(keys, input->number);
    if (strcmp(kind, "passphrase") == 0) {
        return key_secret_new_passphrase(input->new_passphrase_file, ret_added, &err) == ERR_OK
                   ? EXIT_DONE
                   : call_refused(cli, &err);
    }
    if (strcmp(kind, "recovery") == 0) {
        return key_secret_new_words(ret_added, &err) == ERR_OK ? EXIT_DONE : call_refused(cli, &err);
    }
    if (kind[0] == '\0') {
        (void)FAIL(&err, NOT_FOUND, "change key %d: there is none of this number; 'holdfast key list'", input->number);
    } else {
        (void)FAIL(&err, REFUSED, "change key %d: add another of its kind, then remove it", input->number);
    }
    return call_refused(cli, &err);
}

enum exit_code key_change(struct cli *cli, const struct key_input *input)
{
    SCOPED(key_secret_free) struct key_secret proof = { .member = NULL };
    SCOPED(key_secret_free) struct key_secret added = { .member = NULL };
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = key_prove(cli, input, "Passphrase of now: ", &proof);
    code = code == EXIT_DONE ? replacement(cli, input, &added) : code;
    code = code == EXIT_DONE ? key_send(cli, input, "change", &proof, &added, &answer) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    if (strcmp(added.member, "recovery") == 0) {
        return show_words(cli, input, answer, &added);
    }
    if (!call_printed(cli, answer)) {
        screen_print(&cli->screen, "The passphrase is changed (key %d). The old one opens nothing any more.\n",
                     (int)answer_int(answer, "number"));
    }
    return EXIT_DONE;
}

enum exit_code key_remove(struct cli *cli, const struct key_input *input)
{
    SCOPED(key_secret_free) struct key_secret proof = { .member = NULL };
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = key_prove(cli, input, "Passphrase of now: ", &proof);
    code = code == EXIT_DONE ? key_send(cli, input, "remove", &proof, NULL, &answer) : code;
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "Key %d is removed. What is left:\n\n", input->number);
        keys_print(cli, answer);
    }
    return code;
}

/* Which passphrase is the forgotten one? *ret_number 0: there is none, one is added. */
static enum exit_code forgotten(struct cli *cli, const struct key_input *input, int *ret_number)
{
    SCOPED(answer_free) json_t *keys = NULL;
    struct error err = { .code = ERR_OK };
    int last = 0;
    enum exit_code code = keys_get(cli, &keys);
    if (code != EXIT_DONE) {
        return code;
    }
    if (input->number != 0 && strcmp(keys_kind_of(keys, input->number), "passphrase") != 0) {
        (void)FAIL(&err, REFUSED, "set a new passphrase: key %d is none; 'holdfast key list'", input->number);
        return call_refused(cli, &err);
    }
    if (input->number == 0 && keys_count(keys, "passphrase", &last) > 1) {
        (void)FAIL(&err, REFUSED,
                   "set a new passphrase: say which of them is forgotten: 'holdfast key recover NUMBER'");
        return call_refused(cli, &err);
    }
    *ret_number = input->number != 0 ? input->number : last;
    return EXIT_DONE;
}

enum exit_code key_recover(struct cli *cli, const struct key_input *input)
{
    SCOPED(key_secret_free) struct key_secret proof = { .member = NULL };
    SCOPED(key_secret_free) struct key_secret added = { .member = NULL };
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    struct key_input target = *input;
    target.proof.recovery = asks_for_passphrase(&input->proof);
    if (key_secret_prove(&target.proof, "Passphrase: ", &proof, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = key_unlock(cli, &proof, &status);
    code = code == EXIT_DONE ? forgotten(cli, input, &target.number) : code;
    if (code == EXIT_DONE && key_secret_new_passphrase(input->new_passphrase_file, &added, &err) != ERR_OK) {
        code = call_refused(cli, &err);
    }
    code = code == EXIT_DONE ? key_send(cli, &target, target.number == 0 ? "add" : "change", &proof, &added, &answer)
                             : code;
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen,
                     "The replica is open, and opens with the new passphrase from now on (key %d).\n"
                     "What you used to get in still opens it: 'holdfast key list' shows it, 'change' or 'remove' "
                     "takes it away.\n",
                     (int)answer_int(answer, "number"));
    }
    return code;
}
