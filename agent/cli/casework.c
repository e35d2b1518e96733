/* contact, change, break, jobsearch, host, opportunity, placement, participant: the records of the daily work, by the
 * tables of record.h. */
#include "agent/cli/argument.h"
#include "agent/cli/placement_words.h"
#include "agent/cli/record.h"

/* X(key, option, what it takes, what it says, form, field, required) */
#define CONTACT_OPTIONS(X)                                                                                             \
    X('m', "means", "HOW", "phone, text, email, letter, visit or in_person", RECORD_TEXT, "means", true)               \
    X('o', "outcome", "CODE", "reached, message_left, no_answer, wrong_number, ...", RECORD_TEXT, "outcome", true)     \
    X('d', "day", "DAY", "when (yyyy-mm-dd); today when left out", RECORD_TODAY, "day", false)                         \
    X('t', "at", "TIME", "at what time, as hh:mm", RECORD_TEXT, "at_min", false)                                       \
    X('p', "placement", "REF", "about this placement", RECORD_TEXT, "placement", false)                                \
    X('a', "about", "DAY", "about the session of this day", RECORD_DAY, "about_day", false)                            \
    X('n', "note", "TEXT", "what was said", RECORD_TEXT, "note", false)

#define CHANGE_OPTIONS(X)                                                                                              \
    X('w', "what", "CODE", "health, caring, housing, job, or a reason of the programme", RECORD_TEXT, "what", true)    \
    X('f', "from", "DAY", "from this day; today when left out", RECORD_TODAY, "starts_on", false)                      \
    X('t', "to", "DAY", "to this day, if it is known", RECORD_DAY, "ends_on", false)                                   \
    X('p', "placement", "REF", "the placement that it touches", RECORD_TEXT, "placement", false)                       \
    X('j', "told-jcp", "DAY", "when the adviser was told", RECORD_DAY, "told_jcp_on", false)                           \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define BREAK_OPTIONS(X)                                                                                               \
    X('f', "from", "DAY", "first day without the placement; today when left out", RECORD_TODAY, "starts_on", false)    \
    X('t', "to", "DAY", "last day without it", RECORD_DAY, "ends_on", true)                                            \
    X('r', "reason", "CODE", "health, caring, agreed_leave, host_closed, ...", RECORD_TEXT, "reason", true)            \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define JOBSEARCH_OPTIONS(X)                                                                                           \
    X('w', "week", "DAY", "the week's Monday", RECORD_DAY, "week", true)                                               \
    X('h', "hours", "H:MM", "hours of job search in it", RECORD_HOURS, "minutes", true)                                \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define HOST_OPTIONS(X)                                                                                                \
    X('N', "name", "TEXT", "what it is called", RECORD_TEXT, "name", false)                                            \
    X('q', "quota", "N", "people on mandatory placements at a time, at most", RECORD_NUMBER, "quota", false)           \
    X('c', "contact", "TEXT", "whom to call", RECORD_TEXT, "contact", false)                                           \
    X('a', "address", "TEXT", "where it is", RECORD_TEXT, "address", false)                                            \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define OPPORTUNITY_OPTIONS(X)                                                                                         \
    X('H', "host", "REF", "at which host", RECORD_TEXT, "host", false)                                                 \
    X('t', "title", "TEXT", "what there is to do", RECORD_TEXT, "title", false)                                        \
    X('p', "places", "N", "placements at a time", RECORD_NUMBER, "places", false)                                      \
    X('s', "supervision", "H:MM", "hours a week in which somebody supervises", RECORD_HOURS, "supervisor_minutes",     \
      false)                                                                                                           \
    X('m', "people-per-supervisor", "N", "at most", RECORD_NUMBER, "people_per_supervisor", false)                     \
    X('w', "pattern", "TEXT", "the days and times, such as 'Mon-Wed 09:30-15:30'", RECORD_TEXT, "pattern", false)      \
    X('b', "benefit", "TEXT", "who benefits, and how", RECORD_TEXT, "community_benefit", false)                        \
    X('a', "additionality", "TEXT", "why it does not replace paid work", RECORD_TEXT, "additionality", false)          \
    X('B', "assessed-by", "NAME", "who looked into both", RECORD_TEXT, "assessed_by", false)                           \
    X('d', "assessed-on", "DAY", "when", RECORD_DAY, "assessed_on", false)                                             \
    X('v', "volunteers-too", NULL, "volunteers do this as well", RECORD_YES, "volunteers_too", false)                  \
    X('c', "closed", "DAY", "from this day nobody is placed there", RECORD_DAY, "closed_on", false)                    \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define PARTICIPANT_OPTIONS(X)                                                                                         \
    X('N', "name", "TEXT", "what they are called", RECORD_TEXT, "name", false)                                         \
    X('p', "phone", "TEXT", "where to call them", RECORD_TEXT, "phone", false)                                         \
    X('a', "address", "TEXT", "where to write to; a restricted case may have none", RECORD_TEXT, "address", false)     \
    X('r', "restricted", NULL, "address and whereabouts are for those alone who need them", RECORD_YES, "restricted",  \
      false)                                                                                                           \
    X('u', "unrestricted", NULL, "not so any more", RECORD_NO, "restricted", false)                                    \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define PLACEMENT_OPTIONS(X)                                                                                           \
    X('R', "referral", "REF", "the referral that it answers: person, basis and hours", RECORD_TEXT, "referral", false) \
    X('P', "person", "REF", "who is placed", RECORD_TEXT, "participant", false)                                        \
    X('o', "opportunity", "REF", "what there is to do: host, role and pattern", RECORD_TEXT, "opportunity", false)     \
    X('b', "basis", "BASIS", "mandatory or voluntary", RECORD_TEXT, "basis", false)                                    \
    X('f', "from", "DAY", "first day", RECORD_DAY, "starts_on", true)                                                  \
    X('t', "to", "DAY", "last day", RECORD_DAY, "ends_on", false)                                                      \
    X('W', "weeks", "N", "or for how many weeks", RECORD_NUMBER, "weeks", false)                                       \
    X('w', "pattern", "TEXT", "days and times, such as 'Mon-Wed 09:30-15:30'", RECORD_TEXT, "pattern", false)          \
    X('h', "hours", "H:MM", "agreed, a week; those of the pattern when left out", RECORD_HOURS, "weekly_minutes",      \
      false)                                                                                                           \
    X('j', "job-search", "H:MM", "job search beside it, a week", RECORD_HOURS, "job_search_minutes", false)            \
    X('x', "reduced-reason", "TEXT", "why fewer hours than usual", RECORD_TEXT, "reduced_hours_reason", false)         \
    X('c', "calendar", "NAME", "england_wales or scotland", RECORD_TEXT, "calendar", false)                            \
    X('n', "note", "TEXT", "in words", RECORD_TEXT, "note", false)

#define ID_OPTION { "id", RECORD_OPTION_ID, "ID", 0, "change this earlier entry: only what is given", 0 },
#define NO_ID

/* What argp and the engine need, from the one list of options and the columns before it. */
#define COMMAND(own, printer, name, OPTIONS, ID, kind_name, word, what, args, words)                                   \
    static const struct record_option name##_options[] = { OPTIONS(RECORD_AS_OPTION){ 0 } };                           \
    static const struct record_command name##_command = {                                                              \
        .path = (own),                                                                                                 \
        .once = (own) != NULL,                                                                                         \
        .print = (printer),                                                                                            \
        .kind = (kind_name),                                                                                           \
        .subject = (word),                                                                                             \
        .expected = (what),                                                                                            \
        .options = name##_options,                                                                                     \
        .columns = name##_columns,                                                                                     \
        .cells = name##_cells,                                                                                         \
    };                                                                                                                 \
    static const struct argp_option name##_argp_options[] = { OPTIONS(RECORD_AS_ARGP) ID{ 0 } };                       \
    const struct argp name##_argp = {                                                                                  \
        .options = name##_argp_options, .parser = record_parse, .args_doc = (args), .doc = (words)                     \
    };                                                                                                                 \
    enum exit_code name##_run(struct cli *cli, int argc, char **argv)                                                  \
    {                                                                                                                  \
        return record_run(cli, argc, argv, &name##_command);                                                           \
    }

/* ---- contact ---- */

static const struct sheet_column contact_columns[] = {
    { .title = "DAY" },
    { .title = "PERSON" },
    { .title = "MEANS" },
    { .title = "OUTCOME" },
    { .title = "ABOUT" },
    { .title = "PLACEMENT" },
    { .title = "BY" },
    { .title = "NOTE", .flexible = true },
    { 0 },
};
static const char *const contact_cells[] = { "day",       "participant", "means",   "outcome",
                                             "about_day", "placement",   "said_by", "note" };
COMMAND(NULL, NULL, contact, CONTACT_OPTIONS, ID_OPTION, "contact_attempt", "participant", "the person",
        "add PERSON --means HOW --outcome CODE [--day DAY]\nlist [PERSON]",
        "Records that somebody tried to reach a person, or lists the attempts, the latest first."
        "\vPERSON is the person's reference. Every attempt counts, also one that reached nobody: before anything else "
        "is done about an absence, a reviewer sees this list.")

/* ---- change ---- */

static const struct sheet_column change_columns[] = {
    { .title = "FROM" },      { .title = "TO" },
    { .title = "PERSON" },    { .title = "WHAT" },
    { .title = "PLACEMENT" }, { .title = "JCP TOLD" },
    { .title = "BY" },        { .title = "NOTE", .flexible = true },
    { .title = "ID" },        { 0 },
};
static const char *const change_cells[] = { "starts_on",   "ends_on", "participant", "what", "placement",
                                            "told_jcp_on", "said_by", "note",        "id" };
COMMAND(NULL, NULL, change, CHANGE_OPTIONS, ID_OPTION, "circumstance_change", "participant", "the person",
        "add PERSON --what CODE [--from DAY]\nlist [PERSON]",
        "Records that something changed in a person's life which the placement has to follow, or lists such changes."
        "\vAbsences in its time are then shown as possibly with good reason: support first.")

/* ---- break ---- */

static const struct sheet_column break_columns[] = {
    { .title = "FROM" },      { .title = "TO" },
    { .title = "PLACEMENT" }, { .title = "REASON" },
    { .title = "BY" },        { .title = "NOTE", .flexible = true },
    { .title = "ID" },        { 0 },
};
static const char *const break_cells[] = { "starts_on", "ends_on", "placement", "reason", "said_by", "note", "id" };
COMMAND(NULL, NULL, break, BREAK_OPTIONS, ID_OPTION, "placement_break", "placement", "the placement",
        "add PLACEMENT [--from DAY] --to DAY --reason CODE\nlist [PLACEMENT]",
        "Records days on which nobody is expected at a placement, or lists them."
        "\vNo session is expected in a break, and no length of a placement counts it.")

/* ---- jobsearch ---- */

static const struct sheet_column jobsearch_columns[] = {
    { .title = "WEEK" },
    { .title = "PLACEMENT" },
    { .title = "HOURS" },
    { .title = "BY" },
    { .title = "NOTE", .flexible = true },
    { 0 },
};
static const char *const jobsearch_cells[] = { "week", "placement", "minutes", "said_by", "note" };
COMMAND(NULL, NULL, jobsearch, JOBSEARCH_OPTIONS, NO_ID, "job_search", "placement", "the placement",
        "add PLACEMENT --week DAY --hours H:MM\nlist [PLACEMENT]",
        "Records the hours of job search of a week beside a placement, or lists them. Recorded again, the newer hours "
        "stand.")

/* ---- host ---- */

static const struct sheet_column host_columns[] = {
    { .title = "HOST" },
    { .title = "NAME", .flexible = true },
    { .title = "QUOTA" },
    { .title = "CONTACT", .flexible = true },
    { .title = "ADDRESS", .flexible = true },
    { 0 },
};
static const char *const host_cells[] = { "ref", "name", "quota", "contact", "address" };
COMMAND(NULL, NULL, host, HOST_OPTIONS, NO_ID, "host", "ref", "the host",
        "add REF --name TEXT [OPTION...]\nlist\nshow REF",
        "Records a host where placements are, changes what is said of it, lists hosts or shows one."
        "\vRecorded again under its reference, only what is given changes.")

/* ---- opportunity ---- */

static const struct sheet_column opportunity_columns[] = {
    { .title = "OPPORTUNITY" }, { .title = "HOST" },        { .title = "TITLE", .flexible = true },
    { .title = "PLACES" },      { .title = "SUPERVISION" }, { .title = "PATTERN", .flexible = true },
    { .title = "ASSESSED" },    { .title = "CLOSED" },      { 0 },
};
static const char *const opportunity_cells[] = { "ref",     "host",        "title",    "places", "supervisor_minutes",
                                                 "pattern", "assessed_on", "closed_on" };
COMMAND(NULL, NULL, opportunity, OPPORTUNITY_OPTIONS, NO_ID, "opportunity", "ref", "the opportunity",
        "add REF --host REF [OPTION...]\nlist [HOST]\nshow REF",
        "Records something to do at a host that benefits the community, changes it, lists opportunities or shows one."
        "\vSomebody looks into who benefits and whether it takes anybody's paid work, and says so with --benefit, "
        "--additionality, --assessed-by and --assessed-on. Recorded again, only what is given changes.")

/* ---- placement ---- */

static const struct sheet_column placement_columns[] = { { 0 } };
static const char *const placement_cells[] = { NULL };
COMMAND("/v1/placements", placement_print, placement, PLACEMENT_OPTIONS, NO_ID, "placement", "ref", "the placement",
        "add REF --from DAY --weeks N --referral REF --opportunity REF\nchange REF --to DAY\nshow REF",
        "Places somebody, changes what was agreed, or shows a placement with the others of the person in a row, its "
        "breaks and its job search."
        "\vWhat is not said is taken from the referral and the opportunity. A placement that names a referral "
        "answers it. 'change' says only what changes; one that ends early gets its last day with --to, and nothing is "
        "expected after that.")

/* ---- participant ---- */

static const struct sheet_column participant_columns[] = {
    { .title = "PERSON" },     { .title = "NAME", .flexible = true },    { .title = "PHONE" },
    { .title = "RESTRICTED" }, { .title = "ADDRESS", .flexible = true }, { 0 },
};
static const char *const participant_cells[] = { "ref", "name", "phone", "restricted", "address" };
COMMAND(
    NULL, NULL, participant, PARTICIPANT_OPTIONS, NO_ID, "participant", "ref", "the person",
    "add REF --name TEXT [OPTION...]\nlist\nshow REF",
    "Records a person who takes part, changes what is said of them, lists people or shows one."
    "\vREF is the charity's own reference, never a National Insurance number. Recorded again under it, only what is "
    "given changes. A restricted case may have no address, and where such a person is placed is for few to see.")

/* ---- hosts, participants, opportunities: the lists by themselves ---- */

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return key == ARGP_KEY_ARG ? 0 : ARGP_ERR_UNKNOWN;
}

const struct argp hosts_argp = { .parser = parse_nothing, .doc = "Lists the hosts where placements are." };
const struct argp participants_argp = { .parser = parse_nothing, .doc = "Lists the people who take part." };
const struct argp opportunities_argp = { .parser = parse_nothing, .doc = "Lists what there is to do, and where." };

enum exit_code hosts_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    return record_list(cli, &host_command, NULL);
}

enum exit_code participants_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    return record_list(cli, &participant_command, NULL);
}

enum exit_code opportunities_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    return record_list(cli, &opportunity_command, NULL);
}
