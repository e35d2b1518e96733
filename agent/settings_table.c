#include "agent/settings_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define CONFIG_FILE "/etc/holdfast/holdfast.conf"
#define MACHINE_STATE_DIR "/var/lib/holdfast"

static const struct setting table[] = {
    { "agent", "key_file", SETTING_TEXT, "", 0, 180,
      "File of 32 random bytes that unlocks the replica at start; without one a person unlocks it with a passphrase." },
    { "agent", "log_level", SETTING_TEXT, "info", 1, 10, "What is logged: error, warning, info or debug." },
    { "api", "group", SETTING_TEXT, "", 0, 63,
      "Members of this group may use the agent, besides its own user and root." },
    { "api", "socket", SETTING_TEXT, "", 0, 100,
      "Path of the unix socket; empty for holdfast.sock in the state folder." },
    { "link", "hours", SETTING_TEXT, "", 0, 11,
      "HH:MM-HH:MM: only then the connection to the centre is kept open to hear of news at once; empty: always." },
    { "link", "metered", SETTING_TEXT, "auto", 1, 10,
      "Whether each byte costs money: yes, no, or auto, as NetworkManager says. On such a link nothing is kept open." },
    { "link", "proxy", SETTING_TEXT, "", 0, 180,
      "Proxy to the centre: http://[NAME:PASSWORD@]HOST:PORT, or none; empty: as https_proxy in the environment "
      "says." },
    { "link", "wait", SETTING_BOOL, "yes", 0, 0,
      "Keeps a connection to the centre open to hear of news at once; without it, it is asked every 15 minutes." },
    { "programme", "pack", SETTING_TEXT, "", 0, 180, "Programme pack to use in place of the built-in one." },
    { "retention", "months", SETTING_NUMBER, "72", 0, 1200,
      "How long records about a person are kept after the last day they are about; 0: nothing is ever due." },
    { "store", "cache_kib", SETTING_NUMBER, "2048", 256, 1048576, "Memory for pages of the replica, in KiB." },
    { "vault", "lock_after", SETTING_NUMBER, "0", 0, 10080,
      "Locks the replica when nobody has asked for anything for so many minutes; 0: never. While it is locked nothing "
      "is exchanged with the centre either." },
    { "vault", "tpm", SETTING_TEXT, "auto", 1, 10,
      "Counter in the TPM that shows older files put back: auto (where there is a TPM), off or require." },
    { "vault", "tpm_tcti", SETTING_TEXT, "", 0, 255,
      "How to reach the TPM, as tpm2-tss writes it; empty for /dev/tpmrm0." },
};

enum err_code agent_settings_describe(struct buf *out, struct error *err)
{
    struct settings settings;
    TRY(settings_init(&settings, table, ARRAY_LEN(table), err));
    enum err_code rc = settings_describe(&settings, out, err);
    settings_fini(&settings);
    return rc;
}

static enum err_code PRINTF_LIKE(4, 5) put(char *out, size_t size, struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out, size, format, args);
    va_end(args);
    return len >= 0 && (size_t)len < size ? ERR_OK : FAIL(err, CONFIG, "read the settings: a path or name is too long");
}

/* systemd may give several folders, separated by colons: the first is ours. */
static enum err_code choose_state_dir(const struct agent_arguments *arguments, struct agent_options *out,
                                      struct error *err)
{
    size_t size = sizeof(out->state_dir);
    if (arguments->state_dir != NULL) {
        return put(out->state_dir, size, err, "%s", arguments->state_dir);
    }
    const char *given = getenv("STATE_DIRECTORY");
    if (given != NULL && given[0] != '\0') {
        return put(out->state_dir, size, err, "%.*s", (int)strcspn(given, ":"), given);
    }
    if (geteuid() == 0) {
        return put(out->state_dir, size, err, "%s", MACHINE_STATE_DIR);
    }
    const char *state_home = getenv("XDG_STATE_HOME");
    if (state_home != NULL && state_home[0] == '/') {
        return put(out->state_dir, size, err, "%s/holdfast", state_home);
    }
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') {
        return FAIL(err, CONFIG, "choose the state folder: $HOME is not set; give --state-dir");
    }
    return put(out->state_dir, size, err, "%s/.local/state/holdfast", home);
}

static enum err_code choose_key_file(const struct agent_arguments *arguments, const struct settings *settings,
                                     struct agent_options *out, struct error *err)
{
    size_t size = sizeof(out->key_file);
    out->may_make_key_file = true;
    if (arguments->key_file != NULL) {
        return put(out->key_file, size, err, "%s", arguments->key_file);
    }
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (credentials != NULL && credentials[0] == '/') {
        TRY(put(out->key_file, size, err, "%s/vault-key", credentials));
        if (file_exists(out->key_file)) {
            out->may_make_key_file = false;
            return ERR_OK;
        }
    }
    return put(out->key_file, size, err, "%s", settings_text(settings, "agent", "key_file"));
}

static enum err_code choose_level(const struct settings *settings, enum log_level *ret_level, struct error *err)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = { { "error", LOG_LEVEL_ERROR },
                   { "warning", LOG_LEVEL_WARNING },
                   { "info", LOG_LEVEL_INFO },
                   { "debug", LOG_LEVEL_DEBUG } };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(levels[i].name, settings_text(settings, "agent", "log_level")) == 0) {
            *ret_level = levels[i].level;
            return ERR_OK;
        }
    }
    return FAIL(err, CONFIG, "read setting 'log_level': expected error, warning, info or debug");
}

static enum err_code choose_tpm(const struct settings *settings, struct agent_options *out, struct error *err)
{
    static const char *const NAMES[] = {
        [LOCKBOX_TPM_AUTO] = "auto", [LOCKBOX_TPM_OFF] = "off", [LOCKBOX_TPM_REQUIRE] = "require"
    };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(NAMES[i], settings_text(settings, "vault", "tpm")) == 0) {
            out->tpm = (enum lockbox_tpm)i;
            return put(out->tpm_tcti, sizeof(out->tpm_tcti), err, "%s", settings_text(settings, "vault", "tpm_tcti"));
        }
    }
    return FAIL(err, CONFIG, "read setting 'vault.tpm': expected auto, off or require");
}

static enum err_code choose_link(const struct settings *settings, struct link_options *out, struct error *err)
{
    static const char *const NAMES[] = {
        [LINK_METERED_AUTO] = "auto", [LINK_METERED_YES] = "yes", [LINK_METERED_NO] = "no"
    };
    out->wait = settings_bool(settings, "link", "wait");
    TRY(put(out->proxy, sizeof(out->proxy), err, "%s", settings_text(settings, "link", "proxy")));
    TRY(link_hours_parse(settings_text(settings, "link", "hours"), out, err));
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(NAMES[i], settings_text(settings, "link", "metered")) == 0) {
            out->metered = (enum link_metered)i;
            return ERR_OK;
        }
    }
    return FAIL(err, CONFIG, "read setting 'link.metered': expected auto, yes or no");
}

static enum err_code choose(const struct agent_arguments *arguments, const struct settings *settings,
                            struct agent_options *out, struct error *err)
{
    TRY(choose_state_dir(arguments, out, err));
    const char *socket = arguments->socket != NULL ? arguments->socket : settings_text(settings, "api", "socket");
    if (socket[0] != '\0') {
        TRY(put(out->socket, sizeof(out->socket), err, "%s", socket));
    } else {
        TRY(put(out->socket, sizeof(out->socket), err, "%s/holdfast.sock", out->state_dir));
    }
    TRY(choose_key_file(arguments, settings, out, err));
    TRY(put(out->group, sizeof(out->group), err, "%s", settings_text(settings, "api", "group")));
    TRY(put(out->programme, sizeof(out->programme), err, "%s", settings_text(settings, "programme", "pack")));
    out->cache_kib = (int)settings_number(settings, "store", "cache_kib");
    out->retention_months = (int)settings_number(settings, "retention", "months");
    out->lock_after_minutes = (int)settings_number(settings, "vault", "lock_after");
    TRY(choose_tpm(settings, out, err));
    TRY(choose_link(settings, &out->link, err));
    return choose_level(settings, &out->log_level, err);
}

enum err_code agent_options_make(const struct agent_arguments *arguments, struct agent_options *ret_options,
                                 struct error *err)
{
    struct settings settings;
    TRY(settings_init(&settings, table, ARRAY_LEN(table), err));
    const char *path = arguments->config != NULL ? arguments->config : CONFIG_FILE;
    enum err_code rc = settings_load(&settings, path, arguments->config != NULL, err);
    if (rc == ERR_OK) {
        *ret_options = (struct agent_options){ 0 };
        rc = choose(arguments, &settings, ret_options, err);
    }
    settings_fini(&settings);
    return rc;
}
