/* The ways to unlock, as a person changes them with `holdfast key` against the real agent. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/edge/local_client.h"
#include "tests/support/world.h"

#define PASSPHRASE "plums, a ladder and rain"
#define OTHER_PASSPHRASE "geese, a kettle and snow"
#define WORDS_SIZE 160
#define TOOL_MS 30000

static struct world world;
static struct laptop *laptop; /* unlocked by a key file, which is the proof in most tests */

static void setup(void)
{
    world_init(&world);
    laptop = laptop_make(&world, "laptop", true);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(keys, .init = setup, .fini = teardown, .timeout = 180);

static json_t *list(struct laptop *of)
{
    return laptop_do(of, EXIT_DONE, "key", "list", NULL);
}

static size_t count(struct laptop *of)
{
    return json_array_size(json_at(list(of), "keys"));
}

/* Key 2 and further: a recovery key; its words. */
static void add_recovery(struct laptop *to, const char *proof_option, const char *proof, const char *input,
                         char ret_words[WORDS_SIZE])
{
    json_t *answer = proof_option != NULL
                         ? laptop_tell(to, EXIT_DONE, input, "key", "add", "recovery", proof_option, proof, NULL)
                         : laptop_tell(to, EXIT_DONE, input, "key", "add", "recovery", NULL);
    (void)snprintf(ret_words, WORDS_SIZE, "%s\n", text_at(answer, "words"));
    cr_assert_gt(strlen(ret_words), 60);
}

static void add_passphrase(const char *passphrase)
{
    char input[128];
    (void)snprintf(input, sizeof(input), "%s\n", passphrase);
    (void)laptop_tell(laptop, EXIT_DONE, input, "key", "add", "passphrase", "--key-file", laptop->key_file, NULL);
}

static void lock(struct laptop *which)
{
    (void)laptop_do(which, EXIT_DONE, "lock", NULL);
}

/* ---- passphrases ---- */

Test(keys, of_passphrases_are_added_changed_and_removed)
{
    add_passphrase(PASSPHRASE);
    json_t *keys = list(laptop);
    cr_assert_str_eq(text_at(keys, "keys.0.kind"), "key_file");
    cr_assert_str_eq(text_at(keys, "keys.1.kind"), "passphrase");
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_REFUSED, OTHER_PASSPHRASE "\n", "unlock", NULL);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);

    json_t *changed =
        laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n" OTHER_PASSPHRASE "\n", "key", "change", "--label", "desk", NULL);
    cr_assert_eq(number_at(changed, "number"), 2);
    cr_assert_str_eq(text_at(changed, "keys.1.label"), "desk");
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_REFUSED, PASSPHRASE "\n", "unlock", NULL);
    (void)laptop_tell(laptop, EXIT_DONE, OTHER_PASSPHRASE "\n", "unlock", NULL);

    (void)laptop_do(laptop, EXIT_DONE, "key", "remove", "2", "--key-file", laptop->key_file, NULL);
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_REFUSED, OTHER_PASSPHRASE "\n", "unlock", NULL);
}

Test(keys, stay_as_they_are_for_who_cannot_open_the_replica)
{
    static const char *const changes[][4] = {
        { "add", "passphrase" }, { "add", "recovery" }, { "change" }, { "remove", "1" }, { "remove", "2" }
    };
    add_passphrase(PASSPHRASE);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        json_t *answer = laptop_tell(laptop, EXIT_REFUSED, "the wrong passphrase\na passphrase of a stranger\n", "key",
                                     changes[i][0], changes[i][1], NULL);
        cr_assert_str_eq(text_at(answer, "error.code"), "key", "%s", changes[i][0]);
    }
    json_t *short_one = laptop_tell(laptop, EXIT_REFUSED, PASSPHRASE "\nshort\n", "key", "change", NULL);
    cr_assert_str_eq(text_at(short_one, "error.code"), "invalid");
    cr_assert_eq(count(laptop), 2);
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_REFUSED, "a passphrase of a stranger\n", "unlock", NULL);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    lock(laptop);
    (void)laptop_do(laptop, EXIT_LOCKED, "key", "list", NULL);
    (void)laptop_tell(laptop, EXIT_LOCKED, PASSPHRASE "\n", "key", "add", "recovery", NULL);
}

Test(keys, are_eight_at_most_and_one_at_least)
{
    char path[FOLDER_PATH_SIZE];
    char first[FOLDER_PATH_SIZE] = "";
    json_t *last = laptop_do(laptop, EXIT_REFUSED, "key", "remove", "1", "--key-file", laptop->key_file, NULL);
    cr_assert_str_eq(text_at(last, "error.code"), "refused");
    for (int i = 2; i <= 9; i++) {
        (void)snprintf(path, sizeof(path), "%.200s/key-%d", world.folder, i);
        (void)laptop_do(laptop, i == 9 ? EXIT_REFUSED : EXIT_DONE, "key", "add", "key-file", path, "--key-file",
                        laptop->key_file, NULL);
        cr_assert_eq(access(path, F_OK) == 0, i != 9, "a key file that opens nothing is left behind");
        if (i == 2) {
            (void)snprintf(first, sizeof(first), "%s", path);
        }
    }
    struct stat about;
    cr_assert_eq(stat(first, &about), 0);
    cr_assert_eq(about.st_size, 32);
    cr_assert_eq(about.st_mode & 0777, 0600);
    (void)laptop_do(laptop, EXIT_DONE, "key", "remove", "1", "--key-file", first, NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "key", "remove", "1", "--key-file", first, NULL);
    cr_assert_eq(count(laptop), 7);
}

Test(keys, take_no_other_words)
{
    (void)laptop_do(laptop, EXIT_USAGE, "key", "dance", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "key", "add", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "key", "add", "key-file", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "key", "remove", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "key", "remove", "9", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "key", "list", "all", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "key", "escrow", "burn", "x", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "unlock", "--recovery", "--new", NULL);
}

static void put(const char *name, const char *text, char ret_path[FOLDER_PATH_SIZE])
{
    (void)snprintf(ret_path, FOLDER_PATH_SIZE, "%.200s/%s", world.folder, name);
    file_write(ret_path, slice_of(text, strlen(text)));
    cr_assert_eq(chmod(ret_path, 0600), 0);
}

/* The derivations of a change take a second; the replica is locked in the middle of them, or just before or after. */
Test(keys, are_the_old_or_the_new_when_the_replica_is_locked_during_a_change)
{
    char old[FOLDER_PATH_SIZE];
    char new[FOLDER_PATH_SIZE];
    put("old", PASSPHRASE "\n", old);
    put("new", OTHER_PASSPHRASE "\n", new);
    add_passphrase(PASSPHRASE);
    for (int delay_ms = 0; delay_ms <= 600; delay_ms += 300) {
        struct process change = { .name = "change" };
        (void)snprintf(change.stderr_path, sizeof(change.stderr_path), "%.200s/change.err", world.folder);
        const char *const argv[] = { program_cli,         "--socket", laptop->socket,          "key", "change",
                                     "--passphrase-file", old,        "--new-passphrase-file", new,   NULL };
        process_start(&change, argv);
        (void)usleep((useconds_t)delay_ms * 1000);
        lock(laptop);
        int status = process_wait(&change, TOOL_MS);

        cr_assert(status == EXIT_DONE || status == EXIT_LOCKED, "%d", status);
        (void)laptop_tell(laptop, status == EXIT_DONE ? EXIT_REFUSED : EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
        if (status == EXIT_DONE) {
            (void)laptop_tell(laptop, EXIT_DONE, OTHER_PASSPHRASE "\n", "unlock", NULL);
            return;
        }
    }
}

/* Another passphrase by the local API while the command is at work; was it told that somebody else is? */
static bool add_meanwhile(void)
{
    struct error err = { .message = "" };
    json_t *answer = NULL;
    json_t *body =
        json_pack("{s:{s:s},s:{s:s}}", "proof", "passphrase", PASSPHRASE, "key", "passphrase", OTHER_PASSPHRASE);
    enum err_code rc = local_request(laptop->socket, "POST", "/v1/keys/add", body, 60, &answer, &err);
    cr_assert(rc == ERR_OK || rc == ERR_BUSY, "%s", err.message);
    json_decref(answer);
    json_decref(body);
    return rc == ERR_BUSY;
}

static void remove_down_to(size_t wanted)
{
    for (size_t have = count(laptop); have > wanted; have--) {
        char path[48];
        char number[24];
        (void)snprintf(path, sizeof(path), "keys.%zu.number", have - 1);
        (void)snprintf(number, sizeof(number), "%lld", (long long)number_at(list(laptop), path));
        (void)laptop_do(laptop, EXIT_DONE, "key", "remove", number, "--key-file", laptop->key_file, NULL);
    }
}

Test(keys, change_one_at_a_time)
{
    char old[FOLDER_PATH_SIZE];
    bool met = false;
    put("old", PASSPHRASE "\n", old);
    add_passphrase(PASSPHRASE);
    for (int i = 0; i < 20 && !met; i++) { /* on a machine with more to do they may miss each other */
        size_t before = count(laptop);
        struct process command = { .name = "command" };
        (void)snprintf(command.stderr_path, sizeof(command.stderr_path), "%.200s/command.err", world.folder);
        const char *const argv[] = { program_cli, "--socket", laptop->socket,      "key", "add",
                                     "recovery",  "--json",   "--passphrase-file", old,   NULL };
        process_start(&command, argv);
        bool busy = add_meanwhile();
        int status = process_wait(&command, TOOL_MS);
        cr_assert(status == EXIT_DONE || status == EXIT_REFUSED, "%d", status);
        met = busy || status == EXIT_REFUSED;
        cr_assert_eq(count(laptop), before + !busy + (status == EXIT_DONE));
        remove_down_to(before);
    }
    cr_assert(met);
}

/* ---- recovery keys ---- */

/* Exchanges the word at this place (from 0) for another of the list. */
static void spoil(char words[WORDS_SIZE], int place)
{
    char copy[WORDS_SIZE];
    (void)snprintf(copy, sizeof(copy), "%s", words);
    char *at = words;
    char *rest = copy;
    for (int i = 0; rest != NULL; i++) {
        const char *word = strsep(&rest, " \n");
        if (*word != '\0') {
            at = stpcpy(stpcpy(at, i != place ? word : strcmp(word, "walnut") == 0 ? "walrus" : "walnut"), " ");
        }
    }
    (void)stpcpy(at - 1, "\n");
}

Test(keys, of_words_open_the_replica_until_they_are_replaced)
{
    char words[WORDS_SIZE];
    char again[WORDS_SIZE];
    char wrong[WORDS_SIZE];
    add_recovery(laptop, "--key-file", laptop->key_file, "", words);
    lock(laptop);
    (void)snprintf(wrong, sizeof(wrong), "%s", words);
    spoil(wrong, 6);
    json_t *refused = laptop_tell(laptop, EXIT_REFUSED, wrong, "unlock", "--recovery", NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "invalid");
    cr_assert(text_holds(refused, "error.message", "word 7 does not fit"), "%s", text_at(refused, "error.message"));
    (void)laptop_tell(laptop, EXIT_DONE, words, "unlock", "--recovery", NULL);

    json_t *changed = laptop_tell(laptop, EXIT_DONE, words, "key", "change", "2", "--recovery", NULL);
    (void)snprintf(again, sizeof(again), "%s\n", text_at(changed, "words"));
    cr_assert_str_neq(again, words);
    lock(laptop);
    refused = laptop_tell(laptop, EXIT_REFUSED, words, "unlock", "--recovery", NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "key", "whole words of another time are no typing mistake");
    (void)laptop_tell(laptop, EXIT_DONE, again, "unlock", "--recovery", NULL);
}

Test(keys, of_words_give_a_new_passphrase_when_the_old_one_is_forgotten)
{
    struct laptop *other = laptop_make(&world, "other", false);
    char words[WORDS_SIZE];
    char input[2 * WORDS_SIZE];
    (void)laptop_tell(other, EXIT_DONE, PASSPHRASE "\n", "unlock", "--new", NULL);
    add_recovery(other, NULL, NULL, PASSPHRASE "\n", words);
    lock(other);
    (void)snprintf(input, sizeof(input), "%s%s\n", words, OTHER_PASSPHRASE);

    json_t *answer = laptop_tell(other, EXIT_DONE, input, "key", "recover", NULL);

    cr_assert_eq(number_at(answer, "number"), 1);
    cr_assert_str_eq(text_at(laptop_status(other), "vault"), "open");
    lock(other);
    (void)laptop_tell(other, EXIT_REFUSED, PASSPHRASE "\n", "unlock", NULL);
    (void)laptop_tell(other, EXIT_DONE, OTHER_PASSPHRASE "\n", "unlock", NULL);
    lock(other);
    (void)laptop_tell(other, EXIT_DONE, words, "unlock", "--recovery", NULL);
}

Test(keys, that_are_secret_are_in_no_file_and_no_log)
{
    char words[WORDS_SIZE];
    char holder[FOLDER_PATH_SIZE];
    add_passphrase(PASSPHRASE);
    add_recovery(laptop, "--key-file", laptop->key_file, "", words);
    words[strlen(words) - 1] = '\0';
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_REFUSED, OTHER_PASSPHRASE "\n", "unlock", NULL);
    char *first_two = strndup(words, (size_t)(strchr(strchr(words, ' ') + 1, ' ') - words));
    const char *const secrets[] = { PASSPHRASE, OTHER_PASSPHRASE, words, first_two };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct slice secret = slice_of(secrets[i], strlen(secrets[i]));
        cr_assert_not(folder_holds(laptop->dir, secret, holder), "%s", holder);
        cr_assert_not(folder_holds(world.folder, secret, holder), "%s", holder);
        cr_assert_not(process_said(&laptop->process, secrets[i]));
    }
    free(first_two);
}

/* ---- the QR code ---- */

static bool installed(const char *const *argv)
{
    struct process_result result;
    process_try(argv, slice_of("", 0), TOOL_MS, &result);
    bool there = result.exit_status == 0;
    process_result_fini(&result);
    return there;
}

/* The half blocks of the output as a picture of 8 points a module: light is 255. */
static void draw(struct slice text, FILE *out)
{
    enum { MODULE = 8, LINES = 200 };
    struct slice lines[LINES];
    size_t rows = 0;
    size_t columns = 0;
    for (size_t at = 0; at < text.len && rows < LINES;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - text.data) - at;
        if (len > 3 && memmem(text.data + at, len, "\xe2\x96", 2) != NULL) {
            lines[rows++] = slice_of(text.data + at, len);
        }
        at += len + 1;
    }
    cr_assert_gt(rows, 10, "there is a code");
    for (size_t i = 0; i < lines[0].len; i++) {
        columns += (lines[0].data[i] & 0xc0) != 0x80;
    }
    (void)fprintf(out, "P5\n%zu %zu\n255\n", columns * MODULE, rows * 2 * MODULE);
    for (size_t y = 0; y < rows * 2 * MODULE; y++) {
        struct slice line = lines[y / (2 * MODULE)];
        bool lower = y / MODULE % 2 == 1;
        for (size_t at = 0; at < line.len;) {
            bool block = line.data[at] == 0xe2;
            uint8_t shape = block ? line.data[at + 2] : 0; /* 88 both light, 80 the upper, 84 the lower */
            bool light = shape == 0x88 || shape == (lower ? 0x84 : 0x80);
            for (int x = 0; x < MODULE; x++) {
                (void)fputc(light ? 255 : 0, out);
            }
            at += block ? 3 : 1;
        }
    }
}

Test(keys, of_words_are_in_the_code_that_a_telephone_reads)
{
    static const char *const version[] = { "/usr/bin/zbarimg", "--version", NULL };
    if (access(version[0], X_OK) != 0 || !installed(version)) {
        cr_skip_test("zbarimg is not installed");
    }
    const char *const argv[] = { program_cli, "--socket",   laptop->socket,   "key", "add", "recovery",
                                 "--qr",      "--key-file", laptop->key_file, NULL };
    struct process_result result;
    process_try(argv, slice_of("", 0), TOOL_MS, &result);
    cr_assert_eq(result.exit_status, 0);
    char path[FOLDER_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%.200s/code.pgm", world.folder);
    FILE *out = fopen(path, "wb");
    cr_assert_not_null(out);
    draw(buf_slice(&result.out), out);
    cr_assert_eq(fclose(out), 0);
    process_result_fini(&result);

    const char *const read[] = { version[0], "--quiet", "--raw", path, NULL };
    process_try(read, slice_of("", 0), TOOL_MS, &result);
    cr_assert_eq(result.exit_status, 0);
    char words[WORDS_SIZE];
    (void)snprintf(words, sizeof(words), "%.*s", (int)result.out.len, (const char *)result.out.data);
    process_result_fini(&result);
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, words, "unlock", "--recovery", NULL);
}

Test(keys, of_words_are_shown_without_a_code_where_there_is_no_terminal)
{
    const char *const argv[] = { program_cli, "--socket",   laptop->socket,   "key", "add",
                                 "recovery",  "--key-file", laptop->key_file, NULL };
    struct process_result result;
    process_try(argv, slice_of("", 0), TOOL_MS, &result);
    cr_assert_eq(result.exit_status, 0);
    cr_assert_null(memmem(result.out.data, result.out.len, "\xe2\x96", 2));
    cr_assert_not_null(memmem(result.out.data, result.out.len, " 15 ", 4));
    process_result_fini(&result);
}

/* ---- escrow ---- */

static void run_tool(const char *const *argv)
{
    struct process_result result;
    process_try(argv, slice_of("", 0), TOOL_MS, &result);
    cr_assert_eq(result.exit_status, 0, "%s %s: %.*s", argv[0], argv[1], (int)result.err.len,
                 (const char *)result.err.data);
    process_result_fini(&result);
}

/* With the stock openssl, as an organisation does it. */
static void escrow_round(const char *algorithm, const char *option)
{
    char private[FOLDER_PATH_SIZE];
    char certificate[FOLDER_PATH_SIZE];
    char envelope[FOLDER_PATH_SIZE];
    char opened[FOLDER_PATH_SIZE];
    (void)snprintf(private, sizeof(private), "%.200s/private.pem", world.folder);
    (void)snprintf(certificate, sizeof(certificate), "%.200s/certificate.pem", world.folder);
    (void)snprintf(envelope, sizeof(envelope), "%.200s/envelope.pem", world.folder);
    (void)snprintf(opened, sizeof(opened), "%.200s/opened.txt", world.folder);
    const char *const make[] = { "/usr/bin/openssl",
                                 "req",
                                 "-x509",
                                 "-newkey",
                                 algorithm,
                                 "-pkeyopt",
                                 option,
                                 "-noenc",
                                 "-keyout",
                                 private,
                                 "-out",
                                 certificate,
                                 "-days",
                                 "3",
                                 "-subj",
                                 "/CN=Escrow desk",
                                 NULL };
    run_tool(make);
    add_passphrase(PASSPHRASE);

    json_t *added =
        laptop_do(laptop, EXIT_DONE, "key", "escrow", "add", certificate, "--key-file", laptop->key_file, NULL);
    cr_assert_str_eq(text_at(added, "keys.2.kind"), "escrow");
    (void)laptop_do(laptop, EXIT_DONE, "key", "escrow", "export", envelope, NULL);
    const char *const open[] = { "/usr/bin/openssl", "cms",    "-decrypt", "-inform", "PEM",  "-in",
                                 envelope,           "-inkey", private,    "-out",    opened, NULL };
    run_tool(open);
    cr_assert_eq(chmod(opened, 0600), 0);
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, OTHER_PASSPHRASE "\n", "key", "recover", "--escrow", opened, NULL);
    lock(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, OTHER_PASSPHRASE "\n", "unlock", NULL);

    (void)laptop_do(laptop, EXIT_DONE, "key", "remove", "3", "--key-file", laptop->key_file, NULL);
    lock(laptop);
    json_t *refused =
        laptop_tell(laptop, EXIT_REFUSED, OTHER_PASSPHRASE "\n", "key", "recover", "--escrow", opened, NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "key", "a removed escrow opens nothing");
}

Test(keys, in_escrow_open_with_the_organisations_rsa_key)
{
    escrow_round("rsa", "rsa_keygen_bits:3072");
}

Test(keys, in_escrow_open_with_the_organisations_p256_key)
{
    escrow_round("ec", "ec_paramgen_curve:P-256");
}

Test(keys, in_escrow_are_not_the_last_that_stay)
{
    char private[FOLDER_PATH_SIZE];
    char certificate[FOLDER_PATH_SIZE];
    (void)snprintf(private, sizeof(private), "%.200s/private.pem", world.folder);
    (void)snprintf(certificate, sizeof(certificate), "%.200s/certificate.pem", world.folder);
    const char *const make[] = { "/usr/bin/openssl",
                                 "req",
                                 "-x509",
                                 "-newkey",
                                 "ec",
                                 "-pkeyopt",
                                 "ec_paramgen_curve:P-256",
                                 "-noenc",
                                 "-keyout",
                                 private,
                                 "-out",
                                 certificate,
                                 "-days",
                                 "3",
                                 "-subj",
                                 "/CN=Escrow desk",
                                 NULL };
    run_tool(make);
    (void)laptop_do(laptop, EXIT_DONE, "key", "escrow", "add", certificate, "--key-file", laptop->key_file, NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "key", "remove", "1", "--key-file", laptop->key_file, NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "key", "escrow", "add", private, "--key-file", laptop->key_file, NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "key", "escrow", "export", "-", "1", NULL);
    cr_assert_eq(count(laptop), 2);
}

/* ---- credentials ---- */

Test(keys, sealed_by_systemd_open_the_replica)
{
    static const char *const version[] = { "/usr/bin/systemd-creds", "--version", NULL };
    char sealed[FOLDER_PATH_SIZE];
    char opened[FOLDER_PATH_SIZE];
    char host_key[FOLDER_PATH_SIZE]; /* instead of the machine's own, which stays as it is */
    (void)snprintf(host_key, sizeof(host_key), "%.200s/credential.secret", world.folder);
    cr_assert_eq(setenv("SYSTEMD_CREDENTIAL_SECRET", host_key, 1), 0);
    if (access(version[0], X_OK) != 0 || !installed(version)) {
        cr_skip_test("systemd-creds is not installed");
    }
    (void)snprintf(sealed, sizeof(sealed), "%.200s/vault-key.cred", world.folder);
    (void)snprintf(opened, sizeof(opened), "%.200s/vault-key", world.folder);
    const char *const probe[] = { version[0], "encrypt", "--with-key=host", "--name=probe", "-", "-", NULL };
    if (!installed(probe)) {
        cr_skip_test("systemd-creds cannot seal with the host's key here");
    }
    (void)laptop_do(laptop, EXIT_DONE, "key", "add", "credential", sealed, "--with-key", "host", "--key-file",
                    laptop->key_file, NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "key", "add", "credential", sealed, "--with-key", "host", "--key-file",
                    laptop->key_file, NULL);
    cr_assert_str_eq(text_at(list(laptop), "keys.1.kind"), "credential");

    cr_assert_eq(access(host_key, F_OK), 0);
    const char *const open[] = { version[0], "decrypt", "--name=vault-key", sealed, opened, NULL };
    run_tool(open);
    cr_assert_eq(chmod(opened, 0600), 0);

    (void)laptop_do(laptop, EXIT_DONE, "key", "remove", "1", "--key-file", opened, NULL);
    laptop_stop(laptop);
    file_copy(opened, laptop->key_file);
    laptop_start(laptop);
    cr_assert_eq(count(laptop), 1);
}
