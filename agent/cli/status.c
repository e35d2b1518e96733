/* status: in plain words what state the agent is in, what waits since when, and what a person should do. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/progress.h"
#include "agent/cli/status.h"

const struct argp status_argp = {
    .doc =
        "Says what state the agent is in, how many records wait to be sent and since when, how the last exchange went, "
        "what is flagged, and what to do next."
        "\vStates: locked, preparing, offline, synchronising, synchronised, attention. "
        "Exits 0 in every state: the question was answered.",
};

static const struct {
    const char *state;
    enum mark mark;
    const char *words;
} states[] = {
    { "locked", MARK_WARNING, "locked: nothing can be read or recorded until the vault is opened" },
    { "preparing", MARK_WARNING, "preparing: the replica is there in a moment" },
    { "offline", MARK_WARNING, "offline: recording works, and everything is kept until the centre can be reached" },
    { "synchronising", MARK_GOOD, "synchronising: an exchange with the centre is running" },
    { "synchronised", MARK_GOOD, "synchronised" },
    { "attention", MARK_BAD, "attention: somebody has to act" },
};

/* A device without a site is offline too, but cannot record yet. */
static enum mark headline(const json_t *status, const char **ret_words)
{
    const char *state = answer_text(status, "state");
    if (strcmp(state, "offline") == 0 && !answer_true(status, "enrolled")) {
        *ret_words = "not enrolled: this device belongs to no site yet";
        return MARK_WARNING;
    }
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].state, state) == 0) {
            *ret_words = states[i].words;
            return states[i].mark;
        }
    }
    *ret_words = state;
    return MARK_PLAIN;
}

static void print_headline(const struct screen *screen, const json_t *status)
{
    const char *words;
    enum mark mark = headline(status, &words);
    const char *site = answer_text(answer_member(status, "site"), "name");
    screen_print(screen, "%s%s%s", screen_mark(screen, MARK_STRONG), site, screen_unmark(screen));
    screen_print(screen, "%s%s%s%s\n", site[0] != '\0' ? " - " : "", screen_mark(screen, mark), words,
                 screen_unmark(screen));
    if (answer_text(status, "message")[0] != '\0') {
        screen_paragraph(screen, 2, answer_text(status, "message"));
    }
}

void status_print_waiting(const struct screen *screen, const json_t *status)
{
    int64_t pending = answer_int(status, "pending_ops");
    if (pending == 0) {
        screen_fact(screen, "Waiting", "nothing: %s",
                    answer_true(status, "enrolled") ? "the centre holds every record made here"
                                                    : "nothing was recorded here yet");
    } else {
        int64_t oldest_ms;
        struct human number = human_number((uint64_t)pending);
        if (answer_instant(status, "oldest_pending_at", &oldest_ms)) {
            struct human since = human_instant(oldest_ms, screen->now_ms);
            screen_fact(screen, "Waiting", "%s record%s to send, the oldest made %s", number.text,
                        pending == 1 ? "" : "s", since.text);
        } else {
            screen_fact(screen, "Waiting", "%s record%s to send", number.text, pending == 1 ? "" : "s");
        }
    }
    int64_t to_fetch = answer_int(status, "to_fetch");
    if (to_fetch > 0) {
        struct human number = human_number((uint64_t)to_fetch);
        screen_fact(screen, "To fetch", "%s record%s still at the centre", number.text, to_fetch == 1 ? "" : "s");
    }
    struct status_pace pace = status_pace(status);
    if (pace.text[0] != '\0') {
        screen_fact(screen, "Progress", "%s", pace.text + strlen(", "));
    }
}

struct status_pace status_pace(const json_t *status)
{
    const json_t *progress = answer_member(status, "progress");
    struct status_pace pace = { "" };
    if (!answer_has(progress, "bytes_per_s")) {
        return pace;
    }
    struct human rate = human_bytes((uint64_t)answer_int(progress, "bytes_per_s"));
    int len = snprintf(pace.text, sizeof(pace.text), ", %s/s", rate.text);
    if (answer_has(progress, "seconds_left")) {
        struct human left = human_duration(answer_int(progress, "seconds_left") * 1000);
        (void)snprintf(pace.text + len, sizeof(pace.text) - (size_t)len, ", about %s left", left.text);
    }
    return pace;
}

void status_print_exchange(const struct screen *screen, const json_t *status)
{
    const json_t *last = answer_member(status, "last_exchange");
    int64_t at_ms;
    if (last == NULL || !answer_instant(last, "at", &at_ms)) {
        screen_fact(screen, "Last exchange", "none yet");
        return;
    }
    struct human when = human_instant(at_ms, screen->now_ms);
    struct human sent = human_bytes((uint64_t)answer_int(last, "bytes_sent"));
    struct human received = human_bytes((uint64_t)answer_int(last, "bytes_received"));
    struct human took = human_duration(answer_int(last, "duration_ms"));
    if (strcmp(answer_text(last, "result"), "ok") == 0) {
        int64_t ops_sent = answer_int(last, "ops_sent");
        screen_fact(screen, "Last exchange", "%s: %" PRId64 " record%s sent, %" PRId64 " received; %s out, %s in, %s",
                    when.text, ops_sent, ops_sent == 1 ? "" : "s", answer_int(last, "ops_received"), sent.text,
                    received.text, took.text);
        return;
    }
    screen_fact(screen, "Last exchange", "%s: failed (%s): %s; %s out, %s in, %s", when.text,
                answer_text(last, "result"), answer_text(last, "message"), sent.text, received.text, took.text);
    if (answer_instant(status, "last_success_at", &at_ms)) {
        when = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, "Last success", "%s", when.text);
    }
}

/* Of files that went there and came from there, if there ever were any. */
static void print_bundles(const struct screen *screen, const json_t *status)
{
    const json_t *bundles = answer_member(status, "bundles");
    int64_t at_ms;
    int64_t made_ms;
    if (answer_instant(bundles, "written_at", &at_ms)) {
        struct human when = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, "Bundle out", "written %s", when.text);
    }
    if (answer_instant(bundles, "taken_at", &at_ms) && answer_instant(bundles, "made_at", &made_ms)) {
        struct human when = human_instant(at_ms, screen->now_ms);
        struct human made = human_instant(made_ms, screen->now_ms);
        screen_fact(screen, "Bundle in", "taken %s; as of %s at the centre", when.text, made.text);
    }
}

void status_print_centre(const struct screen *screen, const json_t *status)
{
    const char *endpoint = answer_text(status, "endpoint");
    screen_fact(screen, "Centre", "%s", endpoint[0] != '\0' ? endpoint : "by files, over no network");
}

static void print_link(const struct screen *screen, const json_t *status)
{
    status_print_exchange(screen, status);
    print_bundles(screen, status);
    int64_t next_ms;
    if (answer_instant(status, "next_try_at", &next_ms)) {
        struct human next = human_ago(next_ms, screen->now_ms);
        screen_fact(screen, "Next exchange", "%s, or as soon as something is recorded", next.text);
    } else if (answer_true(status, "waiting")) {
        screen_fact(screen, "Next exchange", "as soon as there is something new, here or at the centre");
    }
    if (answer_has(status, "endpoint")) {
        status_print_centre(screen, status);
    }
    if (answer_true(status, "clock_off")) {
        int64_t offset_ms = answer_int(status, "clock_offset_ms");
        struct human offset = human_duration(offset_ms < 0 ? -offset_ms : offset_ms);
        screen_fact(screen, "Clock", "this machine's clock is %s %s the centre's: set it right", offset.text,
                    offset_ms < 0 ? "behind" : "ahead of");
    }
}

/* Of other copies of this replica, if there ever were any. */
static void print_copies(const struct screen *screen, const json_t *status)
{
    const json_t *copies = answer_member(status, "copies");
    int64_t at_ms;
    if (answer_instant(copies, "older_at", &at_ms)) {
        struct human when = human_instant(at_ms, screen->now_ms);
        int64_t back = answer_int(copies, "came_back");
        int64_t again = answer_int(copies, "issued_again");
        screen_fact(screen, "Older copy",
                    "put back, noticed %s: %" PRId64 " record%s came back, %" PRId64 " %s issued again", when.text,
                    back, back == 1 ? "" : "s", again, again == 1 ? "was" : "were");
    }
    if (answer_instant(copies, "twin_at", &at_ms)) {
        struct human when = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, "Twin", "another machine records as this device, last heard of %s: %" PRId64 " records",
                    when.text, answer_int(copies, "twin_records"));
    }
}

/* Of the centre's word, as long as nobody has acknowledged it. */
static void print_violations(const struct screen *screen, const json_t *status)
{
    int64_t count = answer_int(status, "violations");
    if (count > 0) {
        screen_fact(screen, "Contradicted",
                    "%" PRId64 " time%s by the centre what it had signed; "
                    "'holdfast checkpoint --violations' shows it",
                    count, count == 1 ? "" : "s");
    }
}

static void print_records(const struct screen *screen, const json_t *status)
{
    static const struct {
        const char *name;
        const char *one;
        const char *many;
    } kinds[] = {
        { "participant", "person", "people" },
        { "referral", "referral", "referrals" },
        { "placement", "placement", "placements" },
        { "attendance", "attendance", "attendances" },
        { "notice", "notice", "notices" },
        { "appointment", "JCP appointment", "JCP appointments" },
        { "decision", "JCP decision", "JCP decisions" },
    };
    const json_t *records = answer_member(status, "records");
    char words[320] = "none yet";
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && at < sizeof(words) - 1; i++) {
        int64_t count = answer_int(records, kinds[i].name);
        if (count > 0) {
            struct human number = human_number((uint64_t)count);
            at += (size_t)snprintf(words + at, sizeof(words) - at, "%s%s %s", at > 0 ? ", " : "", number.text,
                                   count == 1 ? kinds[i].one : kinds[i].many);
        }
    }
    screen_fact(screen, "Records", "%s", words);
    if (answer_int(status, "disputed_sessions") > 0) {
        screen_fact(screen, "Disputed", "%" PRId64 " session%s where two devices disagree",
                    answer_int(status, "disputed_sessions"), answer_int(status, "disputed_sessions") == 1 ? "" : "s");
    }
    if (answer_int(status, "quarantined") > 0) {
        screen_fact(screen, "Not accepted", "%" PRId64 " records kept aside; 'holdfast log --quarantined' says why",
                    answer_int(status, "quarantined"));
    }
}

static void print_messages(const struct screen *screen, const json_t *status)
{
    int64_t unread = answer_int(status, "messages_unread");
    if (unread > 0) {
        screen_fact(screen, "Messages", "%" PRId64 " of JCP not yet read; 'holdfast message list --unread'", unread);
    }
}

static void print_flags(const struct screen *screen, const json_t *status)
{
    const json_t *flags = answer_member(status, "flags");
    int64_t act = answer_int(flags, "act");
    int64_t watch = answer_int(flags, "watch");
    int64_t info = answer_int(flags, "info");
    const char *still = answer_true(status, "flags_pending") ? " (the rules are still looking at what changed)" : "";
    if (act + watch + info == 0) {
        screen_fact(screen, "Flags", "none%s", still);
        return;
    }
    screen_fact(screen, "Flags", "%" PRId64 " to act on, %" PRId64 " to watch, %" PRId64 " for information%s", act,
                watch, info, still);
}

static void print_rekey(const struct screen *screen, const json_t *status)
{
    const json_t *rekey = answer_member(status, "rekey");
    if (rekey != NULL) {
        struct human done = human_number((uint64_t)answer_int(rekey, "pages_done"));
        struct human total = human_number((uint64_t)answer_int(rekey, "pages_total"));
        screen_fact(screen, "New key", "%s of %s pages are encrypted with it", done.text, total.text);
    }
}

static void print_size(const struct screen *screen, const json_t *status)
{
    struct human disk = human_bytes((uint64_t)answer_int(status, "replica_bytes"));
    struct human memory = human_bytes((uint64_t)answer_int(status, "memory_bytes"));
    screen_fact(screen, "Size", "%s on disk, %s of memory", disk.text, memory.text);
}

static const char *next_step(const json_t *status)
{
    const char *vault = answer_text(status, "vault");
    if (answer_true(status, "unlocking")) {
        return "wait a moment: a passphrase is being tried";
    }
    if (strcmp(answer_text(status, "state"), "preparing") == 0) {
        return "wait a moment; it goes on by itself";
    }
    if (strcmp(vault, "absent") == 0) {
        return "'holdfast unlock --new' makes the vault and asks for its passphrase";
    }
    if (strcmp(answer_text(status, "state"), "locked") == 0) {
        return "'holdfast unlock' asks for the passphrase";
    }
    if (!answer_true(status, "enrolled")) {
        return "'holdfast enrol --endpoint URL' joins this device to its site, so that records can be made";
    }
    if (answer_int(status, "quarantined") > 0) {
        return "'holdfast log --quarantined' shows what was not accepted, and why";
    }
    const json_t *flags = answer_member(status, "flags");
    if (answer_int(flags, "act") + answer_int(flags, "watch") > 0) {
        return "'holdfast flags' shows what somebody should look at";
    }
    return "'holdfast roll' shows today's register";
}

/* By which rules the flags are; a file that stands in for the built-in pack is never left unsaid. */
static void print_programme(const struct screen *screen, const json_t *status)
{
    const json_t *programme = answer_member(status, "programme");
    const json_t *configured = answer_member(programme, "configured");
    const char *source = answer_text(programme, "source");
    bool centre = strcmp(source, "centre") == 0;
    screen_fact(screen, "Programme", "%s version %" PRId64 ", %s%s", answer_text(programme, "id"),
                answer_int(programme, "version"),
                centre                              ? "from the centre, in force from "
                : strcmp(source, "configured") == 0 ? "of a file set with programme.pack: for trials"
                                                    : "built in",
                centre ? answer_text(programme, "since") : "");
    if (centre && configured != NULL) {
        screen_fact(screen, "", "the file set with programme.pack (%s version %" PRId64 ") is not used",
                    answer_text(configured, "id"), answer_int(configured, "version"));
    }
}

/* Since when it is locked and why, or when it will be. */
static void print_lock(const struct screen *screen, const json_t *status)
{
    static const struct {
        const char *reason;
        const char *words;
    } reasons[] = { { "start", "when the agent started" },
                    { "asked", "by 'holdfast lock'" },
                    { "idle", "because nobody asked for anything" } };
    int64_t at_ms;
    if (answer_instant(status, "locked_at", &at_ms)) {
        struct human when = human_instant(at_ms, screen->now_ms);
        for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
            if (strcmp(reasons[i].reason, answer_text(status, "lock_reason")) == 0) {
                screen_fact(screen, "Locked", "%s, %s", when.text, reasons[i].words);
            }
        }
    } else if (answer_instant(status, "locks_at", &at_ms)) {
        struct human when = human_ago(at_ms, screen->now_ms);
        screen_fact(screen, "Locks", "%s, unless somebody asks for something", when.text);
    }
}

static void print_preparing(const struct screen *screen, const json_t *status)
{
    const json_t *preparing = answer_member(status, "preparing");
    if (preparing != NULL) {
        struct human done = human_number((uint64_t)answer_int(preparing, "records_done"));
        struct human total = human_number((uint64_t)answer_int(preparing, "records_total"));
        screen_fact(screen, "Progress", "%s of %s records", done.text, total.text);
    }
}

static void print_verify(const struct screen *screen, const json_t *status)
{
    const json_t *verify = answer_member(status, "verify");
    if (verify != NULL) {
        screen_fact(screen, "Verify", "under way, %" PRId64 "%%", progress_percent(verify));
    }
}

void status_print(const struct screen *screen, const json_t *status)
{
    const char *state = answer_text(status, "state");
    print_headline(screen, status);
    print_preparing(screen, status);
    if (strcmp(state, "locked") != 0 && strcmp(state, "preparing") != 0) {
        screen_print(screen, "\n");
        status_print_waiting(screen, status);
        print_link(screen, status);
        print_copies(screen, status);
        print_violations(screen, status);
        print_records(screen, status);
        print_messages(screen, status);
        print_flags(screen, status);
        print_programme(screen, status);
        print_size(screen, status);
        print_rekey(screen, status);
        print_verify(screen, status);
    }
    print_lock(screen, status);
    if (strstr(answer_text(status, "message"), "holdfast ") == NULL) { /* else the message names the command */
        screen_fact(screen, "Next", "%s", next_step(status));
    }
}

enum exit_code status_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code != EXIT_DONE || call_printed(cli, status)) {
        return code;
    }
    status_print(&cli->screen, status);
    return EXIT_DONE;
}
