/* subject-access: a person's own copy of everything that is held about them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/document.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/outfile.h"
#include "agent/cli/text.h"

#define PAGE_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct access_input {
    const char *participant;
    const char *output;
};

static error_t parse_access(int key, char *arg, struct argp_state *state)
{
    struct access_input *input = state->input;
    switch (key) {
    case 'o':
        input->output = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (input->participant != NULL) {
            argument_surplus(state, arg);
        }
        input->participant = argument_text(state, "PARTICIPANT", arg);
        return 0;
    case ARGP_KEY_END:
        if (input->participant == NULL || (input->output == NULL && state->arg_num == 0)) {
            argp_error(state, "name the person, and where to write: subject-access PARTICIPANT -o FILE");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "output", 'o', "FILE", 0, "write to FILE.html, FILE.pdf or FILE.json, readable by its owner only", 0 },
    { 0 },
};

const struct argp subject_access_argp = {
    .options = options,
    .parser = parse_access,
    .args_doc = "PARTICIPANT -o FILE",
    .doc = "Writes a person's own copy of everything that is held about them here: every version of every record, who "
           "wrote "
           "it and when, the flags that were raised, who read what is for few to read, and what was erased."
           "\vThe copy holds personal data: give it to the person and to nobody else. That it was made is in the audit "
           "log.",
};

static const int record_weights[] = { 3, 3, 3, 8, 0 };
static const int flag_weights[] = { 2, 3, 2, 8, 2, 0 };
static const int volunteer_weights[] = { 3, 3, 3, 8, 2, 2, 0 };
static const int review_weights[] = { 3, 3, 3, 6, 6, 2, 0 };
static const int reader_weights[] = { 3, 3, 3, 6, 0 };

/* "outcome: attended; minutes: 300" */
static char *fields_text(const json_t *entry)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = must_have(open_memstream(&text, &size));
    const char *name;
    json_t *value;
    const char *between = "";
    json_object_foreach(answer_member(entry, "fields"), name, value)
    {
        char *said = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        const json_t *label = answer_member(answer_member(entry, "labels"), name);
        (void)fprintf(out, "%s%s: %s", between, name, said != NULL ? said : json_string_value(value));
        if (label != NULL) { /* in both languages, as the person may read either */
            (void)fprintf(out, " (%s / %s)", answer_text(label, "label"), answer_text(label, "label_cy"));
        }
        between = "; ";
        free(said);
    }
    if (answer_true(entry, "erased")) {
        (void)fputs("(erased)", out);
    }
    (void)fclose(out);
    return must_have(text);
}

static void add_records(struct document *page, const json_t *copy)
{
    static const char *const titles[] = { "Recorded", "By", "What", "It says", NULL };
    size_t index;
    const json_t *entry;
    document_add(page, BLOCK_HEADING, "Everything recorded, every version");
    document_table(page, titles, record_weights);
    json_array_foreach(answer_member(copy, "records"), index, entry)
    {
        char what[160];
        char *fields = fields_text(entry);
        (void)snprintf(what, sizeof(what), "%.40s %.100s", answer_text(entry, "kind"),
                       answer_text(entry, "subject_name"));
        const char *cells[] = { answer_text(entry, "recorded_at"), answer_text(entry, "actor"), what, fields, NULL };
        document_row(page, cells);
        free(fields);
    }
}

static void add_row(struct document *page, const json_t *row, const char *const *names)
{
    const char *cells[DOCUMENT_COLUMNS_MAX] = { NULL };
    char numbers[DOCUMENT_COLUMNS_MAX][24];
    for (size_t i = 0; names[i] != NULL && i + 1 < ARRAY_LEN(cells); i++) {
        (void)snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)answer_int(row, names[i]));
        cells[i] = json_is_integer(answer_member(row, names[i])) ? numbers[i] : answer_text(row, names[i]);
    }
    document_row(page, cells);
}

static void add_list(struct document *page, const json_t *rows, const char *title, const char *const *titles,
                     const int *weights, const char *const *names)
{
    size_t index;
    const json_t *row;
    document_add(page, BLOCK_HEADING, "%s", title);
    if (json_array_size(rows) == 0) {
        document_add(page, BLOCK_PARAGRAPH, "None.");
        return;
    }
    document_table(page, titles, weights);
    json_array_foreach(rows, index, row)
    {
        add_row(page, row, names);
    }
}

static struct document *make_page(const json_t *copy)
{
    static const char *const flag_titles[] = { "Since", "Flag", "About", "Facts", "Until", NULL };
    static const char *const flag_names[] = { "since", "code", "subject", "facts", "cleared_at", NULL };
    static const char *const reader_titles[] = { "When", "Who", "Record", "Fields", NULL };
    static const char *const reader_names[] = { "at", "person", "kind", "fields", NULL };
    static const char *const volunteer_titles[] = { "Reference", "Name", "Where", "Note", "Shifts", "Minutes", NULL };
    static const char *const volunteer_names[] = { "ref", "name", "place", "note", "shifts", "worked_minutes", NULL };
    static const char *const review_titles[] = { "When", "Who", "Found", "Answers", "Note", "Look again", NULL };
    static const char *const review_names[] = { "said_at", "said_by",       "outcome", "answers",
                                                "note",    "look_again_on", NULL };
    struct document *page =
        document_new("What is held about you", answer_text(copy, "made_by"), answer_text(copy, "made_at"));
    document_fact(page, "Person", answer_text(copy, "participant"));
    document_fact(page, "Made", answer_text(copy, "made_at"));
    document_fact(page, "By", answer_text(copy, "made_by"));
    document_add(
        page, BLOCK_PARAGRAPH,
        "This is everything that is held about you on this machine. A correction adds a record and leaves the one "
        "before as it was; both are here. If something is wrong, say so: it can be corrected, and what you say is "
        "recorded beside it.");
    add_records(page, copy);
    add_list(page, answer_member(copy, "flags"), "Flags: reasons for a person to look, past ones too", flag_titles,
             flag_weights, flag_names);
    add_list(page, answer_member(copy, "volunteer"), "As a volunteer: kept by the charity alone", volunteer_titles,
             volunteer_weights, volunteer_names);
    add_list(page, answer_member(copy, "kept_reviews"),
             "What was found about your volunteering: kept by the charity alone", review_titles, review_weights,
             review_names);
    add_list(page, answer_member(copy, "read_by"), "Who read what is for few to read", reader_titles, reader_weights,
             reader_names);
    document_add(page, BLOCK_HEADING, "What is not here");
    document_add(page, BLOCK_PARAGRAPH, "Records whose contents were erased: %d. %s",
                 (int)answer_int(answer_member(copy, "withheld"), "erased_records"),
                 answer_text(answer_member(copy, "withheld"), "why"));
    return page;
}

static bool ends_in(const char *path, const char *end)
{
    size_t len = strlen(path);
    return len > strlen(end) && strcasecmp(path + len - strlen(end), end) == 0;
}

static enum err_code render(const json_t *copy, const char *path, struct buf *out, struct error *err)
{
    if (ends_in(path, ".json")) {
        SCOPED(scoped_free) char *text = must_have(json_dumps(copy, JSON_INDENT(2)));
        return buf_append(out, text, strlen(text), err);
    }
    struct document *page = make_page(copy);
    enum err_code rc = ends_in(path, ".html")  ? document_html(page, out, err)
                       : ends_in(path, ".pdf") ? document_pdf(page, out, err)
                                               : FAIL(err, INVALID,
                                                      "write the copy: expected a name that ends in "
                                                      ".html, .pdf or .json");
    document_free(page);
    return rc;
}

enum exit_code subject_access_run(struct cli *cli, int argc, char **argv)
{
    struct access_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    SCOPED(answer_free) json_t *copy = NULL;
    enum exit_code code =
        call(cli, "GET", path_of("/v1/subject-access/%s", input.participant), NULL, CALL_NO_TIMEOUT, &copy);
    if (code != EXIT_DONE) {
        return code;
    }
    if (input.output == NULL) {
        struct error err;
        bool printed = call_printed(cli, copy);
        (void)FAIL(&err, INVALID, "write the copy: say where with -o FILE.html, FILE.pdf or FILE.json");
        return printed ? EXIT_DONE : call_refused(cli, &err);
    }
    SCOPED(buf_fini) struct buf out;
    struct error err = { .code = ERR_OK };
    buf_init(&out, PAGE_BYTES_MAX);
    if (render(copy, input.output, &out, &err) != ERR_OK ||
        outfile_write(input.output, buf_slice(&out), &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    struct human size = human_bytes(out.len);
    screen_print(&cli->notes, "wrote %s; it is for the person and for nobody else\n", size.text);
    return EXIT_DONE;
}
