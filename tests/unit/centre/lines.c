#include "lines.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void lines_put(struct buf *text, const char *format, ...)
{
    char words[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    cr_assert(len >= 0 && (size_t)len < sizeof(words));
    cr_assert_eq(buf_append(text, words, (size_t)len, NULL), ERR_OK);
}

void lines_put_bytes(struct buf *text, const char *name, struct slice bytes)
{
    lines_put(text, "%s ", name);
    for (size_t i = 0; i < bytes.len; i++) {
        lines_put(text, "%02x", bytes.data[i]);
    }
    lines_put(text, "\n");
}

void lines_put_seqs(struct buf *text, const char *name, struct database *db, const char *sql)
{
    sqlite3_stmt *s;
    bool row;
    struct error err;
    lines_put(text, "%s", name);
    const char *before = " ";
    cr_assert_eq(db_statement(db, sql, &s, &err), ERR_OK, "%s", err.message);
    for (;;) {
        cr_assert_eq(db_step(db, s, &row, &err), ERR_OK, "%s", err.message);
        if (!row) {
            break;
        }
        lines_put(text, "%s%lld", before, (long long)column_int(s, 0));
        before = ",";
    }
    lines_put(text, "%s\n", *before == ' ' ? " -" : "");
}

void lines_judge(const struct buf *text, const struct centre_world *world, const char *name)
{
    char path[512];
    char command[1200];
    const char *folder = getenv("VECTORS_DIR");
    const char *wanted = getenv("VECTORS_TO");
    cr_assert_not_null(folder, "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/%s.txt", wanted != NULL ? wanted : world->folder, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text->data, 1, text->len, file), text->len);
    cr_assert_eq(fclose(file), 0);
    (void)snprintf(command, sizeof(command), "python3 -B '%s/%s.py' < '%s'", folder, name, path);
    cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c): a reader of the test's */
    if (wanted == NULL) {
        (void)remove(path);
    }
}
