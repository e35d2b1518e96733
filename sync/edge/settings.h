/*
 * sync/edge/settings - a service's settings: one table, read from FILE and then from FILE.d/ *.conf in the order of
 * names.
 *
 *     [section]
 *     name = value        ; a comment
 *
 * A later file wins. An unknown section, name or value is ERR_CONFIG with file and line: a misspelt setting never
 * passes for the default. Values have one line of at most SETTINGS_LINE_MAX bytes.
 *
 * Ownership: texts are borrowed until the setting is set again or settings_fini.
 * Layer:     edge.
 */
#ifndef SYNC_EDGE_SETTINGS_H
#define SYNC_EDGE_SETTINGS_H

#include "base/bytes.h"

#define SETTINGS_LINE_MAX 190
#define SETTINGS_FILE_MAX (256 * 1024)

enum setting_type {
    SETTING_TEXT,   /* at most `max` bytes, at least `min` */
    SETTING_NUMBER, /* decimal, from `min` to `max` */
    SETTING_BOOL,   /* yes, no, true, false, on, off, 1, 0 */
};

struct setting {
    const char *section;
    const char *name;
    enum setting_type type;
    const char *fallback; /* the default, as a person would write it */
    int64_t min;
    int64_t max;
    const char *help; /* one sentence */
};

struct setting_value {
    char *text;
    int64_t number;
    bool given; /* by a file, not the default */
};

struct settings {
    const struct setting *table; /* borrowed */
    size_t count;
    struct setting_value *values;
};

/* Every setting has its default. A default that does not fit its own row is our own bug. */
MUST_USE enum err_code settings_init(struct settings *settings, const struct setting *table, size_t count,
                                     struct error *err);
void settings_fini(struct settings *settings);

/* A file that is not there is ERR_NOT_FOUND when `required`, otherwise nothing; its folder of drop-ins may be missing.
 */
MUST_USE enum err_code settings_load(struct settings *settings, const char *path, bool required, struct error *err);
/* One file's text; `name` is for messages. */
MUST_USE enum err_code settings_parse(struct settings *settings, const char *name, struct slice text,
                                      struct error *err);

/* Of a setting in the table; any other is our own bug. */
const char *settings_text(const struct settings *settings, const char *section, const char *name);
int64_t settings_number(const struct settings *settings, const char *section, const char *name);
bool settings_bool(const struct settings *settings, const char *section, const char *name);
bool settings_given(const struct settings *settings, const char *section, const char *name);

/* Every row with its help and default, as a file to begin from. */
MUST_USE enum err_code settings_describe(const struct settings *settings, struct buf *out, struct error *err);

#endif
