/* What a doubt would need and lead to, as it reads before anybody confirms it. */
#include <stdio.h>

#include "agent/cli/answer.h"
#include "agent/cli/doubt.h"
#include "agent/cli/human.h"

void doubt_print_missing(const struct screen *screen, const json_t *missing)
{
    size_t index;
    const json_t *want;
    json_array_foreach(missing, index, want)
    {
        char text[300];
        (void)snprintf(text, sizeof(text), "- %.290s", answer_text(want, "text"));
        screen_paragraph(screen, 4, text);
    }
}

static void print_exposure(const struct screen *screen, const json_t *exposure)
{
    const json_t *decision = answer_member(exposure, "rests_on");
    screen_fact(screen, "Exposure", "%lld weeks", (long long)answer_int(exposure, "weeks"));
    if (decision != NULL) {
        screen_fact(screen, "Rests on", "the Jobcentre's decision of %s about %s (%.8s)",
                    answer_text(decision, "decided_on"), answer_text(decision, "failure_on"),
                    answer_text(decision, "id"));
    }
    screen_fact(screen, "Rule", "%s", answer_text(exposure, "rule"));
}

/* The day that something is about and when it was recorded are two things (guard rail 7). */
static void print_proof(const struct screen *screen, const char *label, const char *what, const json_t *row,
                        const char *at, const char *by)
{
    struct human stamp = { "" };
    int64_t at_ms;
    if (answer_instant(row, at, &at_ms)) {
        stamp = human_stamp(at_ms);
    }
    screen_fact(screen, label, "%s; recorded %s by %s", what, stamp.text, answer_text(row, by));
}

static void print_notice(const struct screen *screen, const json_t *notice)
{
    char what[100];
    (void)snprintf(what, sizeof(what), "served %.20s, received %.20s", answer_text(notice, "served_on"),
                   answer_text(notice, "received_on"));
    print_proof(screen, "Notice", what, notice, "recorded_at", "recorded_by");
}

static void print_proofs(const struct screen *screen, const json_t *preview)
{
    const json_t *notice = answer_member(preview, "notice");
    const json_t *contacts = answer_member(preview, "contacts");
    const json_t *reviews = answer_member(preview, "reviews");
    size_t index;
    const json_t *row;
    if (notice != NULL) {
        print_notice(screen, notice);
    }
    screen_fact(screen, "Contacts", "%zu", json_array_size(contacts));
    json_array_foreach(contacts, index, row)
    {
        char what[140];
        const json_t *fields = answer_member(row, "fields");
        (void)snprintf(what, sizeof(what), "%.20s, %.40s: %.40s", answer_text(fields, "day"),
                       answer_text(fields, "means"), answer_text(fields, "outcome"));
        print_proof(screen, "", what, row, "recorded_at", "recorded_by");
    }
    screen_fact(screen, "Reviews", "%zu", json_array_size(reviews));
    json_array_foreach(reviews, index, row)
    {
        print_proof(screen, "", answer_text(answer_member(row, "fields"), "outcome"), row, "said_at", "said_by");
    }
}

void doubt_print_preview(const struct screen *screen, const json_t *preview)
{
    const json_t *session = answer_member(preview, "session");
    const json_t *missing = answer_member(preview, "missing");
    size_t index;
    const json_t *look;
    screen_print(screen, "%s %s\n", answer_text(session, "session"), answer_person(session).text);
    const char *outcome = answer_true(session, "erased") ? "erased" : answer_text(session, "outcome");
    screen_fact(screen, "Recorded", "%s%s%s", answer_text(session, "standing"), outcome[0] != '\0' ? ", " : "",
                outcome);
    print_exposure(screen, answer_member(preview, "exposure"));
    print_proofs(screen, preview);
    json_array_foreach(answer_member(preview, "second_look"), index, look)
    {
        screen_fact(screen, index == 0 ? "Look again" : "", "%s", json_string_value(look));
    }
    if (json_array_size(missing) == 0) {
        screen_print(screen, "Nothing lacks: a named reviewer may raise a doubt.\n");
    } else {
        screen_print(screen, "%sNo doubt can be raised:%s\n", screen_mark(screen, MARK_WARNING), screen_unmark(screen));
        doubt_print_missing(screen, missing);
    }
}
