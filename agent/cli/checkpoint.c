/* checkpoint: what the centre has signed of this site's history, whether it keeps to it, and comparing it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/outfile.h"
#include "agent/cli/text.h"
#include "base/file.h"

enum { OPTION_VIOLATIONS = 0x9501, OPTION_ACKNOWLEDGE, OPTION_COMPARE, NOTE_MAX = 4096 };

struct checkpoint_input {
    const char *output;
    const char *compare;
    bool violations;
    bool acknowledge;
};

static error_t parse_checkpoint(int key, char *arg, struct argp_state *state)
{
    struct checkpoint_input *input = state->input;
    switch (key) {
    case 'o':
        input->output = arg;
        return 0;
    case OPTION_VIOLATIONS:
        input->violations = true;
        return 0;
    case OPTION_ACKNOWLEDGE:
        input->acknowledge = true;
        return 0;
    case OPTION_COMPARE:
        input->compare = arg;
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->violations + input->acknowledge + (input->compare != NULL) + (input->output != NULL) > 1) {
            argp_error(state, "only one of --output, --violations, --acknowledge and --compare can be given");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "output", 'o', "FILE", 0, "write the note, and nothing else, to FILE", 0 },
    { "compare", OPTION_COMPARE, "FILE", 0, "is the note in FILE, of another device or published, of the same history?",
      0 },
    { "violations", OPTION_VIOLATIONS, NULL, 0, "list what the centre signed and then contradicted", 0 },
    { "acknowledge", OPTION_ACKNOWLEDGE, NULL, 0, "you have seen the violations: end the notice; they stay listed", 0 },
    { 0 },
};

const struct argp checkpoint_argp = {
    .options = options,
    .parser = parse_checkpoint,
    .doc = "Shows the newest checkpoint: the centre's signature over every record of this site up to a number, in the "
           "order in which it took them. It was found to fit the records here. The centre cannot take back, change or "
           "insert a record below it without being found out."
           "\vThe note is a C2SP signed note, which tools for transparency logs check with the verifier key. Carry "
           "notes between devices of the site (-o there, --compare here): a centre that shows two devices different "
           "histories is found out only so. --compare ends with 1 when it did, and keeps both notes as evidence.",
};

/* ---- printing ---- */

/* As it stands, so that it can be copied. Nothing of it was cleaned before. */
static void print_note(const struct screen *screen, const json_t *checkpoint)
{
    SCOPED(scoped_free) char *visible = text_visible(answer_text(checkpoint, "note"), true);
    screen_print(screen, "%s", visible);
}

static void print_text(const struct screen *screen, const char *label, const char *text)
{
    SCOPED(scoped_free) char *visible = text_visible(text, false);
    screen_fact(screen, label, "%s", visible);
}

static void print_when(const struct screen *screen, const char *label, const json_t *object, const char *member)
{
    int64_t at_ms;
    if (answer_instant(object, member, &at_ms)) {
        struct human when = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, label, "%s", when.text);
    }
}

static void print_checkpoint(const struct screen *screen, const json_t *answer)
{
    const json_t *checkpoint = answer_member(answer, "checkpoint");
    int64_t violations = answer_int(answer, "violations");
    if (checkpoint == NULL) {
        screen_print(screen, "The centre has not signed anything yet that was found to fit the records here.\n"
                             "next: 'holdfast sync --wait'\n");
    } else {
        struct human size = human_number((uint64_t)answer_int(checkpoint, "size"));
        print_note(screen, checkpoint);
        screen_print(screen, "\n");
        screen_fact(screen, "Records", "%s", size.text);
        print_text(screen, "Root", answer_text(checkpoint, "root"));
        print_text(screen, "Verifier key", answer_text(checkpoint, "verifier_key"));
        print_when(screen, "Verified", checkpoint, "verified_at");
    }
    if (violations > 0) {
        screen_fact(screen, "Contradicted",
                    "%" PRId64 " time%s, not acknowledged yet; 'holdfast checkpoint --violations' shows it", violations,
                    violations == 1 ? "" : "s");
    }
}

static void print_violation(const struct screen *screen, const json_t *violation)
{
    const json_t *held = answer_member(violation, "held");
    const json_t *told = answer_member(violation, "told");
    screen_print(screen, "%sViolation %" PRId64 "%s\n", screen_mark(screen, MARK_STRONG), answer_int(violation, "id"),
                 screen_unmark(screen));
    print_when(screen, "Noticed", violation, "noticed_at");
    if (answer_has(violation, "acknowledged_at")) {
        print_when(screen, "Acknowledged", violation, "acknowledged_at");
        print_text(screen, "By", answer_text(violation, "acknowledged_by"));
    } else {
        screen_fact(screen, "Acknowledged", "by nobody yet");
    }
    if (held != NULL) {
        screen_print(screen, "\nThe centre signed this, and the records here fitted it:\n\n");
        print_note(screen, held);
        print_when(screen, "Verified", held, "verified_at");
        screen_print(screen, "\nIt also signed this, which is not of the same history%s:\n\n",
                     answer_true(violation, "brought") ? " (brought by a person)" : "");
    } else {
        screen_print(screen, "\nThe centre signed this, and gave other records:\n\n");
    }
    print_note(screen, told);
    print_text(screen, "Verifier key", answer_text(told, "verifier_key"));
    screen_print(screen, "\n");
}

static void print_violations(const struct screen *screen, const json_t *answer)
{
    size_t index;
    const json_t *violation;
    json_array_foreach(answer_member(answer, "violations"), index, violation)
    {
        print_violation(screen, violation);
    }
    if (index == 0) {
        screen_print(screen, "None: the centre has kept to everything that it signed for this machine.\n");
        return;
    }
    screen_paragraph(screen, 0,
                     "No record here is lost or changed by this. Tell who runs the centre, and keep a copy of the "
                     "notes: 'holdfast checkpoint --violations --json' has them with the keys and certificates that "
                     "prove them. A centre that was put back to an older backup does this too. 'holdfast checkpoint "
                     "--acknowledge' ends the notice.");
}

static void print_comparison(const struct screen *screen, const json_t *answer)
{
    const json_t *held = answer_member(answer, "held");
    struct human told_size = human_number((uint64_t)answer_int(answer_member(answer, "told"), "size"));
    struct human held_size = human_number((uint64_t)answer_int(held, "size"));
    if (answer_true(answer, "consistent")) {
        screen_print(screen, "consistent: the first %s of the %s records here are the history in the note\n",
                     told_size.text, held_size.text);
        return;
    }
    screen_print(screen, "%sDIFFERENT: the centre has shown two histories of this site%s\n",
                 screen_mark(screen, MARK_BAD), screen_unmark(screen));
    screen_paragraph(screen, 2,
                     "It signed the note, and it signed what this machine holds; one does not continue the other. No "
                     "record here is lost. Both are kept: 'holdfast checkpoint --violations' shows them.");
}

/* ---- the command ---- */

static enum exit_code compare(struct cli *cli, const char *path)
{
    struct error err = { .code = ERR_OK };
    SCOPED(buf_fini) struct buf note;
    buf_init(&note, NOTE_MAX);
    if (file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &note, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    if (note.len == 0) {
        (void)FAIL(&err, INVALID, "read the note in '%.200s': it is empty", name);
        return call_refused(cli, &err);
    }
    json_t *text = json_stringn((const char *)note.data, note.len);
    if (text == NULL || memchr(json_string_value(text), '\0', note.len) != NULL) {
        json_decref(text);
        (void)FAIL(&err, INVALID, "read the note in '%.200s': it is not text", name);
        return call_refused(cli, &err);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/checkpoint/compare"),
                               must_have(json_pack("{s:o}", "note", text)), CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    code = answer_true(answer, "consistent") ? EXIT_DONE : EXIT_REFUSED;
    if (!call_printed(cli, answer)) {
        print_comparison(&cli->screen, answer);
    }
    return code;
}

static enum exit_code acknowledge(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code =
        call(cli, "POST", path_of("/v1/checkpoint/acknowledge"), json_object(), CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    int64_t count = answer_int(answer, "acknowledged");
    if (count == 0) {
        screen_print(&cli->screen, "There is nothing to acknowledge.\n");
    } else {
        screen_print(&cli->screen, "Acknowledged: %" PRId64 ". 'holdfast checkpoint --violations' still lists %s.\n",
                     count, count == 1 ? "it" : "them");
    }
    return EXIT_DONE;
}

static enum exit_code write_note(struct cli *cli, const char *path, const json_t *answer)
{
    struct error err = { .code = ERR_OK };
    const char *note = answer_text(answer_member(answer, "checkpoint"), "note");
    if (note[0] == '\0') {
        (void)FAIL(&err, NOT_FOUND, "write the note: there is none yet; synchronise first");
        return call_refused(cli, &err);
    }
    return outfile_write(path, slice_of_text(note), &err) == ERR_OK ? EXIT_DONE : call_refused(cli, &err);
}

enum exit_code checkpoint_run(struct cli *cli, int argc, char **argv)
{
    struct checkpoint_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.compare != NULL) {
        return compare(cli, input.compare);
    }
    if (input.acknowledge) {
        return acknowledge(cli);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of(input.violations ? "/v1/checkpoint/violations" : "/v1/checkpoint"),
                               NULL, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && input.output != NULL) {
        code = write_note(cli, input.output, answer);
    }
    if (code != EXIT_DONE || (cli->json && call_printed(cli, answer)) || input.output != NULL) {
        return code;
    }
    (input.violations ? print_violations : print_checkpoint)(&cli->screen, answer);
    return EXIT_DONE;
}
