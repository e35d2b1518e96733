/* capacity weeks, capacity waiting: what each opportunity has room for, and who waits for a place. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/call.h"
#include "agent/cli/capacity.h"
#include "agent/cli/human.h"
#include "agent/cli/sheet.h"
#include "base/clock.h"

#define NUMBER_SIZE 24
#define DAY_SIZE 48

static void say_number(const json_t *object, const char *name, char out[NUMBER_SIZE])
{
    out[0] = '\0';
    if (answer_has(object, name)) {
        (void)snprintf(out, NUMBER_SIZE, "%" PRId64, answer_int(object, name));
    }
}

/* ---- weeks ---- */

static const struct sheet_column load_columns[] = {
    { .title = "OPPORTUNITY", .flexible = true },
    { .title = "HOST", .flexible = true },
    { .title = "DAY" },
    { .title = "PLACES", .right = true },
    { .title = "TAKEN", .right = true },
    { .title = "AGREED", .right = true },
    { .title = "FREE", .right = true, .marked = true },
    { .title = "SUPERVISION NEEDED", .right = true },
    { .title = "HAD", .right = true },
    { 0 },
};

/* The first is today, and after it come as many as were asked for: "2026-11-27, in 1 week". */
static void say_day(const json_t *week, size_t index, char out[DAY_SIZE])
{
    const char *on = answer_text(week, "on");
    if (index == 0) {
        (void)snprintf(out, DAY_SIZE, "%.10s, today", on);
    } else {
        (void)snprintf(out, DAY_SIZE, "%.10s, in %zu week%s", on, index, index == 1 ? "" : "s");
    }
}

static void add_week(struct sheet *sheet, const char *name, const json_t *load, size_t index)
{
    const json_t *week = json_array_get(answer_member(load, "weeks"), index);
    char on[DAY_SIZE];
    say_day(week, index, on);
    char places[NUMBER_SIZE];
    char taken[NUMBER_SIZE];
    char agreed[NUMBER_SIZE];
    char left[NUMBER_SIZE];
    say_number(load, "places", places);
    say_number(week, "taken", taken);
    say_number(week, "agreed", agreed);
    say_number(week, "free", left);
    bool supervised = answer_has(load, "supervisor_minutes");
    int64_t needed = answer_int(week, "supervisor_minutes_needed");
    int64_t had = answer_int(load, "supervisor_minutes");
    struct human needs = human_minutes((int)needed);
    struct human has = human_minutes((int)had);
    bool crowded = answer_has(week, "free") && answer_int(week, "free") < 0;
    const char *const cells[] = { name,       answer_text(load, "host"), on, places, taken, agreed, left,
                                  needs.text, supervised ? has.text : "" };
    sheet_add(sheet, crowded || (supervised && needed > had) ? MARK_WARNING : MARK_PLAIN, cells);
}

static void add_load(struct sheet *sheet, const char *name, const json_t *load)
{
    size_t weeks = json_array_size(answer_member(load, "weeks"));
    for (size_t i = 0; i < weeks; i++) {
        add_week(sheet, name, load, i);
    }
}

static bool is_used(const json_t *load)
{
    const json_t *first = json_array_get(answer_member(load, "weeks"), 0);
    return answer_int(first, "taken") > 0 || answer_int(load, "to_come") > 0;
}

/* Those who are accepted are in no week yet: nobody said when they start. */
static void print_accepted(const struct screen *screen, const json_t *answer)
{
    size_t index;
    const json_t *load;
    json_array_foreach(answer_member(answer, "opportunities"), index, load)
    {
        int64_t accepted = answer_int(load, "accepted");
        if (accepted > 0) {
            screen_print(screen, "%s: %" PRId64 " more accepted, without a placement yet.\n", answer_text(load, "ref"),
                         accepted);
        }
    }
}

enum exit_code capacity_weeks(struct cli *cli, int64_t weeks)
{
    char number[NUMBER_SIZE];
    char *path = path_of("/v1/capacity/opportunities");
    (void)snprintf(number, sizeof(number), "%" PRId64, weeks);
    path_add(&path, "weeks", weeks < 0 ? NULL : number);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(load_columns);
    size_t index;
    const json_t *load;
    json_array_foreach(answer_member(answer, "opportunities"), index, load)
    {
        add_load(sheet, answer_text(load, "ref"), load);
    }
    if (is_used(answer_member(answer, "elsewhere"))) {
        add_load(sheet, "(no opportunity)", answer_member(answer, "elsewhere"));
    }
    add_load(sheet, "(the whole site)", answer_member(answer, "site"));
    sheet_close(sheet, &cli->screen, "Nothing recorded.");
    print_accepted(&cli->screen, answer);
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are more opportunities; the whole site counts all.\n");
    }
    return EXIT_DONE;
}

/* ---- waiting ---- */

static const struct sheet_column waiting_columns[] = {
    { .title = "REFERRAL" },
    { .title = "PERSON", .flexible = true },
    { .title = "ROUTE" },
    { .title = "STATUS" },
    { .title = "SINCE" },
    { .title = "ANSWER BY" },
    { .title = "START BY", .marked = true },
    { .title = "OPPORTUNITY", .flexible = true },
    { .title = "STARTS" },
    { 0 },
};

static void add_waiting(struct sheet *sheet, const struct screen *screen, const json_t *waiting)
{
    char since[96] = "";
    int32_t day;
    int32_t due;
    if (answer_day(waiting, "since", &day)) {
        struct human ago = human_day_ago(day, screen->today);
        (void)snprintf(since, sizeof(since), "%s, %s", answer_text(waiting, "since"), ago.text);
    }
    bool late = (answer_day(waiting, "acknowledge_by", &due) && due < screen->today) ||
                (answer_day(waiting, "start_by", &due) && due < screen->today);
    const char *const cells[] = { answer_text(waiting, "ref"),
                                  answer_text(waiting, "participant_ref"),
                                  answer_text(waiting, "route"),
                                  answer_text(waiting, "status"),
                                  since,
                                  answer_text(waiting, "acknowledge_by"),
                                  answer_text(waiting, "start_by"),
                                  answer_text(waiting, "opportunity"),
                                  answer_text(waiting, "starts_on") };
    sheet_add(sheet, late ? MARK_WARNING : MARK_PLAIN, cells);
}

enum exit_code capacity_waiting(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/capacity/waiting"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(waiting_columns);
    size_t index;
    const json_t *waiting;
    json_array_foreach(answer_member(answer, "waiting"), index, waiting)
    {
        add_waiting(sheet, &cli->screen, waiting);
    }
    bool any = sheet_rows(sheet) > 0;
    sheet_close(sheet, &cli->screen, "Nobody waits.");
    if (any) {
        screen_print(&cli->screen, "\n%" PRId64 " without an answer, %" PRId64 " accepted and not started yet.\n",
                     answer_int(answer, "unanswered"), answer_int(answer, "accepted"));
    }
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "There are more; these have waited longest.\n");
    }
    return EXIT_DONE;
}
