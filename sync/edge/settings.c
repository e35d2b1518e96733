#include "sync/edge/settings.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* One run of inih over one text: it calls `next_line` like fgets and `on_pair` for each pair. */
struct reading {
    struct settings *settings;
    const char *name;
    struct slice text;
    size_t at;
    unsigned line;
    enum err_code rc;
    struct error *err;
};

static struct setting_value *find(const struct settings *settings, const char *section, const char *name)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->table[i].section, section) == 0 && strcmp(settings->table[i].name, name) == 0) {
            return &settings->values[i];
        }
    }
    return NULL;
}

/* ---- one value ---- */

static bool parse_bool(const char *text, int64_t *ret_number)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_number = (int64_t)(i & 1);
            return true;
        }
    }
    return false;
}

static enum err_code parse_number(const struct setting *row, const char *text, int64_t *ret_number, struct error *err)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < row->min || number > row->max) {
        return FAIL(err, CONFIG, "'%s' is a number from %lld to %lld, not '%s'", row->name, (long long)row->min,
                    (long long)row->max, text);
    }
    *ret_number = number;
    return ERR_OK;
}

static enum err_code parse_value(const struct setting *row, const char *text, int64_t *ret_number, struct error *err)
{
    size_t len = strlen(text);
    switch (row->type) {
    case SETTING_NUMBER:
        return parse_number(row, text, ret_number, err);
    case SETTING_BOOL:
        return parse_bool(text, ret_number) ? ERR_OK
                                            : FAIL(err, CONFIG, "'%s' is yes or no, not '%s'", row->name, text);
    case SETTING_TEXT:
        break;
    }
    if ((int64_t)len < row->min || (int64_t)len > row->max || !utf8_valid(slice_of(text, len))) {
        return FAIL(err, CONFIG, "'%s' is a text of %lld to %lld bytes", row->name, (long long)row->min,
                    (long long)row->max);
    }
    return ERR_OK;
}

static enum err_code assign(struct settings *settings, const char *section, const char *name, const char *text,
                            bool given, struct error *err)
{
    struct setting_value *value = find(settings, section, name);
    if (value == NULL) {
        return FAIL(err, CONFIG, "there is no setting '%s' in section '%s'", name, section);
    }
    int64_t number = 0;
    TRY(parse_value(&settings->table[value - settings->values], text, &number, err));
    char *copy = strdup(text);
    if (copy == NULL) {
        return FAIL(err, NO_MEMORY, "keep settings");
    }
    free(value->text);
    *value = (struct setting_value){ .text = copy, .number = number, .given = given };
    return ERR_OK;
}

/* ---- life ---- */

enum err_code settings_init(struct settings *settings, const struct setting *table, size_t count, struct error *err)
{
    *settings = (struct settings){ .table = table, .count = count };
    settings->values = calloc(count > 0 ? count : 1, sizeof(*settings->values));
    if (settings->values == NULL) {
        return FAIL(err, NO_MEMORY, "keep settings");
    }
    for (size_t i = 0; i < count; i++) {
        enum err_code rc = assign(settings, table[i].section, table[i].name, table[i].fallback, false, err);
        CHECK(rc != ERR_CONFIG);
        if (rc != ERR_OK) {
            settings_fini(settings);
            return rc;
        }
    }
    return ERR_OK;
}

void settings_fini(struct settings *settings)
{
    for (size_t i = 0; settings->values != NULL && i < settings->count; i++) {
        free(settings->values[i].text);
    }
    free(settings->values);
    *settings = (struct settings){ 0 };
}

/* ---- a file ---- */

static char *next_line(char *out, int size, void *context)
{
    struct reading *reading = context;
    if (reading->rc != ERR_OK || reading->at >= reading->text.len) {
        return NULL;
    }
    const uint8_t *from = reading->text.data + reading->at;
    const uint8_t *newline = memchr(from, '\n', reading->text.len - reading->at);
    size_t len = newline != NULL ? (size_t)(newline - from) + 1 : reading->text.len - reading->at;
    reading->line++;
    if (len > SETTINGS_LINE_MAX + 1 || len >= (size_t)size) {
        reading->rc = FAIL(reading->err, CONFIG, "a line has at most %d bytes", SETTINGS_LINE_MAX);
        return NULL;
    }
    if (memchr(from, '\0', len) != NULL) {
        reading->rc = FAIL(reading->err, CONFIG, "a zero byte is no text");
        return NULL;
    }
    memcpy(out, from, len);
    out[len] = '\0';
    reading->at += len;
    return out;
}

static int on_pair(void *context, const char *section, const char *name, const char *value)
{
    struct reading *reading = context;
    if (reading->rc == ERR_OK) {
        reading->rc = assign(reading->settings, section, name, value != NULL ? value : "", true, reading->err);
    }
    return reading->rc == ERR_OK;
}

enum err_code settings_parse(struct settings *settings, const char *name, struct slice text, struct error *err)
{
    struct reading reading = { .settings = settings, .name = name, .text = text, .err = err };
    ini_allow_multiline = false; /* an indented line would silently replace the value before it */
    int bad_line = ini_parse_stream(next_line, &reading, on_pair, &reading);
    if (reading.rc != ERR_OK) {
        return error_wrap(err, reading.rc, "read settings '%s', line %u", name, reading.line);
    }
    if (bad_line != 0) {
        return FAIL(err, CONFIG, "read settings '%s', line %d: write [section] or name = value", name, bad_line);
    }
    return ERR_OK;
}

static enum err_code load_one(struct settings *settings, const char *path, struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, SETTINGS_FILE_MAX);
    TRY(file_read(path, &text, err));
    return settings_parse(settings, path, buf_slice(&text), err);
}

static int is_drop_in(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot != NULL && strcmp(dot, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* bytes, whatever the locale */
}

static enum err_code load_drop_in(struct settings *settings, const char *folder, const char *name, struct error *err)
{
    SCOPED(buf_fini) struct buf path;
    buf_init(&path, 4096);
    TRY(buf_append_format(&path, err, "%s/%s", folder, name));
    TRY(buf_append(&path, "", 1, err));
    return load_one(settings, (const char *)path.data, err);
}

static enum err_code load_drop_ins(struct settings *settings, const char *folder, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_drop_in, by_name);
    if (count < 0) {
        return errno == ENOENT ? ERR_OK : error_errno(err, "list settings in '%s'", folder);
    }
    enum err_code rc = ERR_OK;
    for (int i = 0; i < count; i++) {
        if (rc == ERR_OK) {
            rc = load_drop_in(settings, folder, entries[i]->d_name, err);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

enum err_code settings_load(struct settings *settings, const char *path, bool required, struct error *err)
{
    if (required || file_exists(path)) {
        TRY(load_one(settings, path, err));
    }
    SCOPED(buf_fini) struct buf folder;
    buf_init(&folder, 4096);
    TRY(buf_append_format(&folder, err, "%s.d", path));
    TRY(buf_append(&folder, "", 1, err));
    return load_drop_ins(settings, (const char *)folder.data, err);
}

/* ---- reading ---- */

const char *settings_text(const struct settings *settings, const char *section, const char *name)
{
    const struct setting_value *value = find(settings, section, name);
    CHECK(value != NULL);
    return value->text;
}

int64_t settings_number(const struct settings *settings, const char *section, const char *name)
{
    const struct setting_value *value = find(settings, section, name);
    CHECK(value != NULL && settings->table[value - settings->values].type == SETTING_NUMBER);
    return value->number;
}

bool settings_bool(const struct settings *settings, const char *section, const char *name)
{
    const struct setting_value *value = find(settings, section, name);
    CHECK(value != NULL && settings->table[value - settings->values].type == SETTING_BOOL);
    return value->number != 0;
}

bool settings_given(const struct settings *settings, const char *section, const char *name)
{
    const struct setting_value *value = find(settings, section, name);
    CHECK(value != NULL);
    return value->given;
}

enum err_code settings_describe(const struct settings *settings, struct buf *out, struct error *err)
{
    const char *section = "";
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *row = &settings->table[i];
        if (strcmp(section, row->section) != 0) {
            TRY(buf_append_format(out, err, "%s[%s]\n", i > 0 ? "\n" : "", row->section));
            section = row->section;
        }
        TRY(buf_append_format(out, err, "# %s\n# %s = %s\n", row->help, row->name, row->fallback));
    }
    return ERR_OK;
}
