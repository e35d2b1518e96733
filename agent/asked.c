#include "agent/asked.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct {
    const char *path; /* ends with '/': and what is below it */
    const char *kind;
    bool verb_only;
} noted[] = {
    { "/v1/lock", "vault", false },
    { "/v1/vault/rekey", "vault", false },
    { "/v1/keys/", "key", false },
    { "/v1/backup", "backup", false },
    { "/v1/restore/begin", "restore", false },
    { "/v1/restore/undo", "restore", false },
    { "/v1/restore/discard", "restore", false },
    { "/v1/bundle/", "bundle", false },
    { "/v1/packs/", "pack", false },
    { "/v1/enrol", "enrolment", false },
    { "/v1/enrol/", "enrolment", false },
    { "/v1/rebuild", "replica", false },
    { "/v1/quarantine/retry", "quarantine", false },
    { "/v1/overwrites/review", "overwrite", false },
    { "/v1/checkpoint/acknowledge", "checkpoint", false },
    { "/v1/checkpoint/compare", "checkpoint", false },
    { "/v1/messages/seen", "message", false },
    { "/v1/volunteers", "volunteer", true },
    { "/v1/volunteers/", "volunteer", true },
};

static const char *volunteer_verb(const char *path)
{
    static const char *const verbs[] = { "shift", "unshift", "remove" };
    const char *last = strrchr(path, '/') + 1;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(last, verbs[i]) == 0) {
            return verbs[i];
        }
    }
    return "entry";
}

bool asked_is_noted(const char *method, const char *path, const char *person, int64_t now_ms,
                    struct audit_entry *ret_entry)
{
    size_t i = 0;
    for (; i < ARRAY_LEN(noted); i++) {
        size_t len = strlen(noted[i].path);
        bool below = noted[i].path[len - 1] == '/';
        if (strncmp(path, noted[i].path, len) == 0 && (below || path[len] == '\0')) {
            break;
        }
    }
    if (i == ARRAY_LEN(noted) || strcmp(method, "POST") != 0) {
        return false;
    }
    struct audit_entry entry = { .at_ms = now_ms, .action = "change" };
    (void)snprintf(entry.person, sizeof(entry.person), "%s", person);
    (void)snprintf(entry.kind, sizeof(entry.kind), "%s", noted[i].kind);
    (void)snprintf(entry.call, sizeof(entry.call), "%s %.80s", method, noted[i].verb_only ? "/v1/volunteers" : path);
    if (noted[i].verb_only) {
        (void)snprintf(entry.fields, sizeof(entry.fields), "%s", volunteer_verb(path));
    }
    *ret_entry = entry;
    return true;
}

void asked_note(struct store *store, const struct audit_entry *entry)
{
    struct error err = { .code = ERR_OK };
    if (store_audit_add(store, entry, 1, &err) != ERR_OK) {
        LOG_WARNING("not_noted", "kind=%s message=\"%s\"", entry->kind, err.message);
    }
}
