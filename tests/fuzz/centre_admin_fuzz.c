/*
 * The operator's operations with any JSON: `OPERATION\n` and the arguments. Whatever is said, the answer is JSON or an
 * error that names its code, and the centre still verifies now and then.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/endpoint/core/centre.h"

#define VERIFY_EVERY 500

static char folder[] = "/tmp/hf-fuzz-XXXXXX";
static struct vault *vault;
static struct centre *centre;

static void clean_up(void)
{
    centre_close(centre);
    vault_close(vault);
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
    (void)rmdir(folder);
}

static void must(enum err_code rc, const struct error *err)
{
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err->message);
        abort();
    }
}

static void start(void)
{
    struct error err = { 0 };
    char path[64];
    static const uint8_t key[VAULT_KEY_FILE_BYTES] = { 1 };
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, key, sizeof(key) };
    json_t *answer = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    must(secret_init(&err), &err);
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/centre.db", folder);
    must(vault_create(path, &unlock, &err), &err);
    must(vault_open(path, &unlock, &vault, &err), &err);
    must(centre_create(vault, "fuzz", "localhost", clock_wall_ms(), &err), &err);
    must(centre_open(vault, 1024, &centre, &err), &err);
    json_t *organisation = json_pack("{s:s}", "name", "one");
    must(centre_admin(centre, "organisation-add", organisation, clock_wall_ms(), &answer, &err), &err);
    json_decref(answer);
    json_t *site = json_pack("{s:s, s:s}", "organisation", "one", "name", "garden");
    must(centre_admin(centre, "site-add", site, clock_wall_ms(), &answer, &err), &err);
    json_decref(answer);
    json_decref(organisation);
    json_decref(site);
    (void)atexit(clean_up);
}

static void ask(const char *operation, const json_t *arguments)
{
    struct error err = { 0 };
    json_t *answer = NULL;
    enum err_code rc = centre_admin(centre, operation, arguments, clock_wall_ms(), &answer, &err);
    char *text = answer != NULL ? json_dumps(answer, 0) : NULL;
    if ((rc == ERR_OK) != (text != NULL) || (rc != ERR_OK && err.code != rc) || err_code_class(rc) == ERR_CLASS_FATAL) {
        (void)fprintf(stderr, "%s: %s\n", operation, err.message);
        abort();
    }
    free(text);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    char operation[64];
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = newline != NULL ? (size_t)(newline - data) : 0;
    if (newline == NULL || len >= sizeof(operation) || memchr(data, '\0', len) != NULL) {
        return 0;
    }
    if (inputs++ == 0) {
        start();
    }
    memcpy(operation, data, len);
    operation[len] = '\0';
    json_t *arguments =
        json_loadb((const char *)newline + 1, size - len - 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    ask(operation, arguments);
    json_decref(arguments);
    if (inputs % VERIFY_EVERY == 0) {
        ask("verify", NULL);
    }
    return 0;
}
