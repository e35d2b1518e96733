/* Looking into what the programs answered. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/wait.h"
#include "tests/support/world.h"

#define STEP_MAX 64
#define LOOK_EVERY_MS 100

json_t *json_at(json_t *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        char step[STEP_MAX];
        size_t len = strcspn(path, ".");
        cr_assert_lt(len, sizeof(step));
        (void)snprintf(step, sizeof(step), "%.*s", (int)len, path);
        value = json_is_array(value) ? json_array_get(value, strtoul(step, NULL, 10)) : json_object_get(value, step);
        path += path[len] == '.' ? len + 1 : len;
    }
    return value;
}

const char *text_at(json_t *value, const char *path)
{
    const char *text = json_string_value(json_at(value, path));
    return text != NULL ? text : "";
}

json_int_t number_at(json_t *value, const char *path)
{
    json_t *number = json_at(value, path);
    return json_is_integer(number) ? json_integer_value(number) : -1;
}

bool true_at(json_t *value, const char *path)
{
    return json_is_true(json_at(value, path));
}

bool text_holds(json_t *value, const char *path, const char *part)
{
    return strstr(text_at(value, path), part) != NULL;
}

/* ---- waiting for a status ---- */

struct wish {
    const char *path; /* NULL: synchronised */
    const char *text; /* NULL: the number */
    json_int_t number;
};

static bool granted(json_t *status, const struct wish *wish)
{
    if (wish->path == NULL) {
        return number_at(status, "pending_ops") == 0 && number_at(status, "to_fetch") == 0 &&
               strcmp(text_at(status, "last_exchange.result"), "ok") == 0 &&
               strcmp(text_at(status, "state"), "synchronised") == 0;
    }
    return wish->text != NULL ? strcmp(text_at(status, wish->path), wish->text) == 0
                              : number_at(status, wish->path) == wish->number;
}

static void wait_for(struct laptop *laptop, const struct wish *wish, int timeout_ms)
{
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        json_t *status = laptop_ask(laptop, "ok", "GET", "/v1/status", NULL);
        if (granted(status, wish)) {
            return;
        }
        if (clock_monotonic_ms() > end_ms) {
            char *text = json_dumps(status, JSON_INDENT(2));
            (void)fprintf(stderr, "---- status of '%s' ----\n%s\n", laptop->process.name, text);
            free(text);
            process_show(&laptop->process);
            if (laptop->world->centre.world != NULL) {
                process_show(&laptop->world->centre.process);
            }
            cr_assert_fail("waited %d ms for '%s' to be %s", timeout_ms, wish->path != NULL ? wish->path : "everything",
                           wish->path == NULL   ? "synchronised"
                           : wish->text != NULL ? wish->text
                                                : "as wanted");
        }
        sleep_ms(LOOK_EVERY_MS);
    }
}

void laptop_wait_text(struct laptop *laptop, const char *path, const char *wanted, int timeout_ms)
{
    wait_for(laptop, &(struct wish){ .path = path, .text = wanted }, timeout_ms);
}

void laptop_wait_number(struct laptop *laptop, const char *path, json_int_t wanted, int timeout_ms)
{
    wait_for(laptop, &(struct wish){ .path = path, .number = wanted }, timeout_ms);
}

void laptop_wait_synchronised(struct laptop *laptop, int timeout_ms)
{
    wait_for(laptop, &(struct wish){ 0 }, timeout_ms);
}

/* ---- comparing laptops ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each row as one text, sorted: two replicas may list rows in another order, never other rows. */
static char **sorted_rows(struct laptop *laptop, const char *kind, size_t *ret_count)
{
    json_t *answer = laptop_do(laptop, EXIT_DONE, "export", kind, "--format", "json", NULL);
    json_t *rows = json_object_get(answer, "rows");
    size_t count = json_array_size(rows);
    char **texts = calloc(count + 1, sizeof(*texts));
    cr_assert(json_is_array(rows) && texts != NULL, "export of %s holds no rows", kind);
    for (size_t i = 0; i < count; i++) {
        (void)json_object_del(json_array_get(rows, i), "received_at"); /* each replica's own */
        texts[i] = json_dumps(json_array_get(rows, i), JSON_SORT_KEYS | JSON_COMPACT);
        cr_assert_not_null(texts[i]);
    }
    qsort(texts, count, sizeof(*texts), compare_texts);
    *ret_count = count;
    return texts;
}

static void free_rows(char **texts)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        free(texts[i]);
    }
    free(texts);
}

static bool kind_agrees(struct laptop *a, struct laptop *b, const char *kind)
{
    size_t count_a;
    size_t count_b;
    char **rows_a = sorted_rows(a, kind, &count_a);
    char **rows_b = sorted_rows(b, kind, &count_b);
    bool same = count_a == count_b;
    for (size_t i = 0; same && i < count_a; i++) {
        same = strcmp(rows_a[i], rows_b[i]) == 0;
        if (!same) {
            (void)fprintf(stderr, "%s differ: %s | %s\n", kind, rows_a[i], rows_b[i]);
        }
    }
    free_rows(rows_a);
    free_rows(rows_b);
    return same;
}

bool laptops_agree(struct laptop *a, struct laptop *b)
{
    return kind_agrees(a, b, "attendance") && kind_agrees(a, b, "referrals") && kind_agrees(a, b, "placements");
}
