/* key: the ways to unlock the replica - listed, added, changed, removed, used to get back in. */
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/human.h"
#include "agent/cli/key_parts.h"
#include "agent/cli/sheet.h"
#include "agent/cli/text.h"
#include "base/clock.h"

enum {
    OPTION_LABEL = 0xa001,
    OPTION_QR,
    OPTION_PASSPHRASE_FILE,
    OPTION_NEW_PASSPHRASE_FILE,
    OPTION_KEY_FILE,
    OPTION_RECOVERY,
    OPTION_ESCROW,
    OPTION_WITH_KEY,
    NUMBER_MAX = 8
};

/* Of each verb: the words that must follow, and how many may. */
static const struct verb {
    const char *name;
    const char *second; /* NULL: any */
    size_t words_min;
    size_t words_max;
    size_t number_at; /* the word that is a number; 0: none */
    enum exit_code (*run)(struct cli *cli, const struct key_input *input);
} verbs[];

static const char *const with_key_words[] = { "auto", "host", "tpm2", "host+tpm2", NULL };

static const struct verb *verb_of(const struct key_input *input);

static void check_words(struct key_input *input, const struct argp_state *state)
{
    if (input->count == 0) {
        input->words[input->count++] = "list";
    }
    const struct verb *verb = verb_of(input);
    if (verb == NULL) {
        argp_error(state, "expected list, add, change, remove, recover or escrow (add or export)");
        return;
    }
    if (input->count < verb->words_min || input->count > verb->words_max) {
        argp_error(state, "'%s' takes other words; see 'holdfast help key'", input->words[0]);
        return;
    }
    if (verb->number_at != 0 && input->count > verb->number_at) {
        input->number = (int)argument_number(state, "NUMBER", input->words[verb->number_at], 1, NUMBER_MAX);
    }
}

static error_t parse_key(int key, char *arg, struct argp_state *state)
{
    struct key_input *input = state->input;
    switch (key) {
    case OPTION_LABEL:
        input->label = argument_text(state, "--label", arg);
        return 0;
    case OPTION_QR:
        input->qr = true;
        return 0;
    case OPTION_PASSPHRASE_FILE:
        input->proof.passphrase_file = arg;
        return 0;
    case OPTION_NEW_PASSPHRASE_FILE:
        input->new_passphrase_file = arg;
        return 0;
    case OPTION_KEY_FILE:
        input->proof.key_file = arg;
        return 0;
    case OPTION_RECOVERY:
        input->proof.recovery = true;
        return 0;
    case OPTION_ESCROW:
        input->proof.escrow = arg;
        return 0;
    case OPTION_WITH_KEY:
        input->with_key = argument_word(state, "--with-key", arg, with_key_words);
        return 0;
    case ARGP_KEY_ARG:
        if (input->count == KEY_WORDS_MAX) {
            argument_surplus(state, arg);
        }
        input->words[input->count++] = arg;
        return 0;
    case ARGP_KEY_END:
        check_words(input, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "label", OPTION_LABEL, "TEXT", 0, "what the list calls the new key, at most 32 bytes", 0 },
    { "qr", OPTION_QR, NULL, 0, "show the QR code of a recovery key also when the output is no terminal", 0 },
    { "new-passphrase-file", OPTION_NEW_PASSPHRASE_FILE, "FILE", 0, "the new passphrase is the file's first line", 0 },
    { "with-key", OPTION_WITH_KEY, "KEY", 0, "what systemd seals a credential with: auto, host, tpm2 or host+tpm2", 0 },
    { NULL, 0, NULL, 0, "A change asks for the passphrase of now, or takes as the proof:", 1 },
    { "passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0, "the file's first line; only its owner may read it", 1 },
    { "key-file", OPTION_KEY_FILE, "FILE", 0, "the bytes of a key file", 1 },
    { "recovery", OPTION_RECOVERY, NULL, 0, "the words of a recovery key, which are asked for", 1 },
    { "escrow", OPTION_ESCROW, "FILE", 0, "what was in the envelope of an escrow; - is standard input", 1 },
    { 0 },
};

const struct argp key_argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "[list]\n"
                "add passphrase|recovery\n"
                "add key-file|credential FILE\n"
                "change [NUMBER]\n"
                "remove NUMBER\n"
                "recover [NUMBER]\n"
                "escrow add CERTIFICATE.pem\n"
                "escrow export FILE [NUMBER]",
    .doc = "The ways to unlock the replica, at most 8. Every change asks for one that opens it now, so that nobody who "
           "finds the replica open can give himself a key or lock its owner out."
           "\v'add recovery' makes a recovery key and shows its 15 words once: write them down and keep them away from "
           "this machine. 'holdfast unlock --recovery' opens the replica with them, 'recover' sets a new passphrase "
           "as well.\n\n"
           "'add key-file' uses FILE, or makes it. 'add credential' has systemd seal a new key for this machine in "
           "FILE; a unit opens it with LoadCredentialEncrypted=vault-key:FILE, and nobody needs to be there.\n\n"
           "'escrow add' puts a key into an envelope for the private key of CERTIFICATE; 'escrow export' writes the "
           "envelope. Its owner opens it with 'openssl cms -decrypt -inform PEM -in FILE -inkey PRIVATE.pem' and gives "
           "what was in it to 'recover --escrow'.\n\n"
           "Whoever once had a secret and a copy of the files can still read that copy.",
};

/* ---- the list ---- */

enum exit_code keys_get(struct cli *cli, json_t **ret_answer)
{
    return call(cli, "GET", path_of("/v1/keys"), NULL, CALL_TIMEOUT_S, ret_answer);
}

static const json_t *key_of(const json_t *answer, int number)
{
    size_t index;
    const json_t *key;
    json_array_foreach(answer_member(answer, "keys"), index, key)
    {
        if (answer_int(key, "number") == number) {
            return key;
        }
    }
    return NULL;
}

const char *keys_kind_of(const json_t *answer, int number)
{
    const json_t *key = key_of(answer, number);
    return key == NULL ? "" : answer_text(key, "kind");
}

size_t keys_count(const json_t *answer, const char *kind, int *ret_number)
{
    size_t index;
    size_t count = 0;
    const json_t *key;
    json_array_foreach(answer_member(answer, "keys"), index, key)
    {
        if (strcmp(answer_text(key, "kind"), kind) == 0) {
            *ret_number = (int)answer_int(key, "number");
            count++;
        }
    }
    return count;
}

static const struct sheet_column columns[] = {
    { .title = "KEY", .right = true },
    { .title = "KIND" },
    { .title = "LABEL", .flexible = true },
    { .title = "MADE" },
    { .title = "CERTIFICATE" },
    { 0 },
};

static const char *kind_words(const char *kind)
{
    return strcmp(kind, "key_file") == 0 ? "key file" : strcmp(kind, "recovery") == 0 ? "recovery key" : kind;
}

static void add_to_sheet(struct sheet *sheet, const json_t *key)
{
    char number[16];
    char recipient[20];
    int32_t day;
    struct human made = { .text = "" };
    (void)snprintf(number, sizeof(number), "%d", (int)answer_int(key, "number"));
    (void)snprintf(recipient, sizeof(recipient), "%.16s", answer_text(key, "recipient"));
    if (answer_day(key, "created_on", &day)) {
        made = human_day(day);
    }
    const char *cells[] = { number, kind_words(answer_text(key, "kind")), answer_text(key, "label"), made.text,
                            recipient };
    sheet_add(sheet, MARK_PLAIN, cells);
}

void keys_print(struct cli *cli, const json_t *answer)
{
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *key;
    json_array_foreach(answer_member(answer, "keys"), index, key)
    {
        add_to_sheet(sheet, key);
    }
    sheet_print(sheet, &cli->screen);
    sheet_free(sheet);
}

static enum exit_code key_list(struct cli *cli, const struct key_input *input)
{
    (void)input;
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = keys_get(cli, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        int unused;
        keys_print(cli, answer);
        if (keys_count(answer, "recovery", &unused) + keys_count(answer, "escrow", &unused) == 0) {
            screen_print(&cli->screen, "\nNothing opens the replica when these are lost: 'holdfast key add recovery' "
                                       "makes a key for that.\n");
        }
    }
    return code;
}

/* ---- the verbs ---- */

static const struct verb verbs[] = {
    { "list", NULL, 1, 1, 0, key_list },          { "add", "passphrase", 2, 2, 0, key_add },
    { "add", "recovery", 2, 2, 0, key_add },      { "add", "key-file", 3, 3, 0, key_add },
    { "add", "credential", 3, 3, 0, key_add },    { "change", NULL, 1, 2, 1, key_change },
    { "remove", NULL, 2, 2, 1, key_remove },      { "recover", NULL, 1, 2, 1, key_recover },
    { "escrow", "add", 3, 3, 0, key_escrow_add }, { "escrow", "export", 3, 4, 3, key_escrow_export },
};

static const struct verb *verb_of(const struct key_input *input)
{
    const char *second = input->count > 1 ? input->words[1] : "";
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, input->words[0]) == 0 &&
            (verbs[i].second == NULL || strcmp(verbs[i].second, second) == 0)) {
            return &verbs[i];
        }
    }
    return NULL;
}

enum exit_code key_run(struct cli *cli, int argc, char **argv)
{
    struct key_input input = { .with_key = "auto" };
    command_parse(cli, argc, argv, &input);
    return verb_of(&input)->run(cli, &input);
}
