/*
 * The table of commands, and how each answer reads.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sync/endpoint/ctl/command.h"
#include "sync/endpoint/ctl/print.h"

static void print_info(const json_t *answer)
{
    static const struct column pairs[] = { { "devices connect to", "url" },
                                           { "listening on", "listening" },
                                           { "version", "version" },
                                           { "process", "pid" },
                                           { "sites", "sites" },
                                           { "devices", "devices" },
                                           { "records", "ops" },
                                           { "authority", "authority_sha256" },
                                           { "incidents", "incidents" },
                                           { "a device told of more than is held", "put_back_at" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
}

static void print_named(const json_t *answer)
{
    static const struct column pairs[] = { { "added", "name" }, { "id", "id" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
}

static void print_organisations(const json_t *answer)
{
    static const struct column columns[] = { { "ORGANISATION", "name" }, { "SITES", "sites" }, { "ID", "id" } };
    print_table(json_object_get(answer, "organisations"), columns, ARRAY_LEN(columns),
                "no organisations yet: add one with `org add NAME`");
}

static void print_sites(const json_t *answer)
{
    static const struct column columns[] = {
        { "SITE", "name" }, { "ORGANISATION", "organisation" }, { "RECORDS", "ops" }, { "ID", "id" }
    };
    print_table(json_object_get(answer, "sites"), columns, ARRAY_LEN(columns),
                "no sites yet: add one with `site add --org ORG NAME`");
}

static void print_code(const json_t *answer)
{
    SCOPED(scoped_free) char *code = value_text(answer, "code");
    SCOPED(scoped_free) char *site = value_text(answer, "site.name");
    SCOPED(scoped_free) char *until = value_text(answer, "expires_at");
    SCOPED(scoped_free) char *url = value_text(answer, "url");
    if (code == NULL || site == NULL || until == NULL || url == NULL) {
        return;
    }
    (void)printf("%s\n\nEnrols one device for '%s'; valid until %s.\nOn that machine: holdfast enrol --endpoint "
                 "%s\n",
                 code, site, until, url);
}

static void print_devices(const json_t *answer)
{
    static const struct column columns[] = { { "DEVICE", "id" },
                                             { "STATE", "state" },
                                             { "SITE", "site.name" },
                                             { "ORGANISATION", "site.organisation" },
                                             { "RECORDS", "ops" },
                                             { "QUARANTINED", "quarantined" },
                                             { "SEEN ABOUT", "last_seen_at" },
                                             { "LABEL", "label" } };
    print_table(json_object_get(answer, "devices"), columns, ARRAY_LEN(columns),
                "no devices yet: make a code with `code new --site SITE`");
}

static void print_revoked(const json_t *answer)
{
    static const struct column pairs[] = { { "revoked", "id" }, { "site", "site.name" }, { "since", "revoked_at" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    (void)printf(
        "\nIt is refused from its next request on. What it had not synchronised is on that machine only, behind "
        "its vault's\npassphrase, and is lost unless the machine comes back: then `reinstate` takes it in again. "
        "What the centre holds\nof it stays. Enrol another device for the site with `code new`.\n");
}

static void print_reinstated(const json_t *answer)
{
    static const struct column pairs[] = { { "reinstated", "id" }, { "site", "site.name" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
}

static void print_authority(const json_t *answer)
{
    static const struct column pairs[] = { { "authority", "authority_sha256" },
                                           { "the one before", "before_sha256" },
                                           { "accepted until", "before_until" },
                                           { "devices that have still to follow", "devices_to_follow" } };
    static const struct column columns[] = { { "TO FOLLOW", "id" },
                                             { "SITE", "site.name" },
                                             { "SEEN ABOUT", "last_seen_at" },
                                             { "BY FILES", "by_files" },
                                             { "LABEL", "label" } };
    const json_t *following = json_object_get(answer, "following");
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    if (json_array_size(following) > 0) {
        (void)putchar('\n');
        print_table(following, columns, ARRAY_LEN(columns), "");
        (void)printf("By files: a device that sent bundles. Without a network it follows only by `holdfast enrol "
                     "--request`, `enrolment sign` here and `holdfast enrol --answer`; so does each device of its "
                     "site.\n");
    }
}

static void print_written(const json_t *answer)
{
    static const struct column pairs[] = {
        { "recorded", "kind" }, { "site", "site.name" }, { "subject", "subject" }, { "number", "op.seq" }
    };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
}

static void print_doubts(const json_t *answer)
{
    static const struct column columns[] = { { "DOUBT", "id" },           { "SESSION", "session" },
                                             { "PERSON", "participant" }, { "STATUS", "status" },
                                             { "REVIEWER", "reviewer" },  { "EXPOSURE", "exposure_weeks" },
                                             { "RAISED", "raised_at" },   { "LACKS", "lacks" },
                                             { "OUTCOME", "outcome" } };
    print_table(json_object_get(answer, "doubts"), columns, ARRAY_LEN(columns),
                "no doubts stand; --all lists those that lack something, too");
}

static void print_log(const json_t *answer)
{
    static const struct column columns[] = { { "POSITION", "position" }, { "SITE", "site" },
                                             { "KIND", "kind" },         { "RECORDED", "recorded_at" },
                                             { "BY", "actor" },          { "QUARANTINE", "quarantine" },
                                             { "CONTENT", "fields" } };
    print_table(json_object_get(answer, "entries"), columns, ARRAY_LEN(columns), "no records yet");
}

static void print_messages(const json_t *answer)
{
    static const struct column columns[] = { { "SENT", "recorded_at" }, { "SITE", "site" },
                                             { "FROM", "writer" },      { "BY", "actor" },
                                             { "ID", "subject" },       { "MESSAGE", "fields.body" } };
    print_table(json_object_get(answer, "entries"), columns, ARRAY_LEN(columns), "no messages yet");
}

static void print_erased(const json_t *answer)
{
    static const struct column pairs[] = { { "site", "site.name" },
                                           { "records of the centre about the person", "records" },
                                           { "of these", "counts" },
                                           { "records of the site about the person (it erases those itself)",
                                             "of_the_site" },
                                           { "held back by", "holds" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    if (json_is_true(json_object_get(answer, "erased"))) {
        (void)printf("Erased here; every device of the site follows at its next exchange. Backups made before hold it "
                     "until they are replaced.\n");
    } else if (json_array_size(json_object_get(answer, "holds")) > 0) {
        (void)printf("Nothing is erased: it is held back. If the right to erasure outweighs that, a second person has "
                     "to confirm it by name (--confirmed-by, with --yes).\n");
    } else {
        (void)printf("Nothing is erased yet: give the command again with --yes.\n");
    }
}

static void print_quarantine(const json_t *answer)
{
    static const struct column columns[] = { { "ID", "id" },
                                             { "SITE", "site" },
                                             { "POSITION", "position" },
                                             { "KIND", "kind" },
                                             { "RECEIVED", "received_at" },
                                             { "REASON", "reason" } };
    print_table(json_object_get(answer, "quarantine"), columns, ARRAY_LEN(columns), "nothing is kept aside");
}

static void print_judged(const json_t *answer)
{
    static const struct column pairs[] = { { "count from now on", "released" }, { "still kept aside", "still" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
}

static void print_incidents(const json_t *answer)
{
    static const struct column columns[] = {
        { "AT", "at" }, { "SITE", "site" }, { "DEVICE", "op.device" }, { "NUMBER", "op.seq" }, { "WHAT", "what" }
    };
    print_table(json_object_get(answer, "incidents"), columns, ARRAY_LEN(columns), "no incidents");
}

static void print_verified(const json_t *answer)
{
    static const struct column pairs[] = { { "sites", "sites" },
                                           { "devices that wrote", "authors" },
                                           { "records", "ops" },
                                           { "records under a checked signature", "signed_ops" },
                                           { "quarantined", "quarantined" },
                                           { "incidents", "incidents" },
                                           { "a device told of more than is held", "put_back_at" } };
    static const struct column columns[] = {
        { "SITE", "site.name" }, { "ORGANISATION", "site.organisation" }, { "SIZE", "size" }, { "ROOT", "root" }
    };
    (void)printf("every chain, signature, content and tree fits\n");
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    (void)putchar('\n');
    print_table(json_object_get(answer, "trees"), columns, ARRAY_LEN(columns), "no sites");
}

/* The note alone on standard output, so that it can go to a file that tools read. */
static void print_checkpoint(const json_t *answer)
{
    const char *note = json_string_value(json_object_get(answer, "note"));
    SCOPED(scoped_free) char *key = value_text(answer, "verifier_key");
    (void)fputs(note != NULL ? note : "", stdout);
    (void)fflush(stdout);
    (void)fprintf(stderr, "verifier key: %s\n", key != NULL ? key : "?");
}

static void print_packs(const json_t *answer)
{
    static const struct column columns[] = { { "SITE", "site" },       { "PACK", "name" },
                                             { "VERSION", "version" }, { "IN FORCE FROM", "in_force_from" },
                                             { "STATE", "state" },     { "BY", "actor" },
                                             { "SHA-256", "sha256" } };
    print_table(json_object_get(answer, "packs"), columns, ARRAY_LEN(columns),
                "no programme packs: sites use what is built in; add one with `pack add FILE --in-force-from DATE`");
}

#define SITE                                                                                                           \
    {                                                                                                                  \
        "site", "SITE", "site", OPTION_TEXT, true, "The site, by its name or id"                                       \
    }
#define ID                                                                                                             \
    {                                                                                                                  \
        "id", "ID", "id", OPTION_TEXT, false, "The id that it had at a centre that is gone, 32 hexadecimal digits"     \
    }
#define PARTICIPANT                                                                                                    \
    {                                                                                                                  \
        "participant", "REF", "participant", OPTION_TEXT, true, "The person's reference, as the site writes it"        \
    }
#define NOTE                                                                                                           \
    {                                                                                                                  \
        "note", "TEXT", "note", OPTION_TEXT, false, "A note"                                                           \
    }
#define ACTOR                                                                                                          \
    {                                                                                                                  \
        "actor", "NAME", "actor", OPTION_TEXT, false, "Who says so (default jcp)"                                      \
    }

const struct command commands[] = {
    { "init",
      NULL,
      "Make a centre: folder, key, database, certificates",
      NULL,
      NULL,
      NULL,
      { { "host", "NAMES", "hosts", OPTION_TEXT, true, "Names and addresses that devices use, with commas between" },
        { "name", "NAME", "name", OPTION_TEXT, false, "Name in the authority's certificate" } } },
    { "accept",
      NULL,
      "Take the database's files as they lie there for the present ones",
      NULL,
      NULL,
      NULL,
      { { "yes", NULL, "confirmed", OPTION_FLAG, false, "It is meant: without it nothing is changed" } } },
    { "backup",
      NULL,
      "Write all that the centre holds, as of one moment, to one encrypted file, while it runs",
      "file",
      "FILE",
      NULL,
      { { "force", NULL, "force", OPTION_FLAG, false, "Replace FILE if it is there" } } },
    { "restore",
      NULL,
      "Put such a file in use, while the endpoint is stopped",
      "file",
      "FILE",
      NULL,
      { { "check", NULL, "check", OPTION_FLAG, false, "Only look whether it is whole; the endpoint may run" },
        { "replace", NULL, "replace", OPTION_FLAG, false,
          "Where there is a centre already: its files are kept under another name" } } },
    { "serve-info", "info", "Where the endpoint listens and what it holds", NULL, NULL, print_info, { { 0 } } },
    { "org add", "organisation-add", "Add an organisation", "name", "NAME", print_named, { ID } },
    { "orgs", "organisations", "List organisations", NULL, NULL, print_organisations, { { 0 } } },
    { "site add",
      "site-add",
      "Add a site of an organisation",
      "name",
      "NAME",
      print_named,
      { { "org", "ORG", "organisation", OPTION_TEXT, true, "The organisation, by its name or id" }, ID } },
    { "sites", "sites", "List sites", NULL, NULL, print_sites, { { 0 } } },
    { "code new",
      "code-new",
      "Make a one-time code that enrols a device",
      NULL,
      NULL,
      print_code,
      { SITE,
        { "valid", "HOURS", "valid_hours", OPTION_INTEGER, false, "How long it is valid (default 48)" },
        { "label", "TEXT", "label", OPTION_TEXT, false, "What the device will be called in lists" } } },
    { "enrolment sign",
      NULL,
      "Answer the enrolment request of a device that has no network",
      "file",
      "FILE",
      NULL,
      { { "output", "ANSWER", "output", OPTION_TEXT, true, "Where to write the answer: a file, or a folder" },
        { "force", NULL, "force", OPTION_FLAG, false, "Replace ANSWER if it is there" } } },
    { "devices", "devices", "List devices", NULL, NULL, print_devices, { { 0 } } },
    { "revoke", "revoke", "Refuse a device from now on", "device", "DEVICE", print_revoked, { { 0 } } },
    { "reinstate", "reinstate", "Take a revoked device in again", "device", "DEVICE", print_reinstated, { { 0 } } },
    { "ca show", "ca", "Which authority issues, and who has still to follow", NULL, NULL, print_authority, { { 0 } } },
    { "ca roll",
      "ca-roll",
      "Make a new authority; devices with a network follow by themselves",
      NULL,
      NULL,
      print_authority,
      { { "overlap", "DAYS", "overlap_days", OPTION_INTEGER, false,
          "How long the one before is still accepted (default 90)" } } },
    { "ca retire",
      "ca-retire",
      "Accept the authority before no longer",
      NULL,
      NULL,
      print_authority,
      { { "force", NULL, "force", OPTION_FLAG, false, "Also while devices have to follow, which are shut out" } } },
    { "ca former",
      NULL,
      "Vouch for the authority of a centre that is gone, for records of before",
      "file",
      "FILE",
      NULL,
      { { 0 } } },
    { "referral new",
      "referral-new",
      "Refer a person to a site",
      NULL,
      NULL,
      print_written,
      { SITE,
        PARTICIPANT,
        { "name", "NAME", "participant_name", OPTION_TEXT, false, "The person's name" },
        { "ref", "REF", "ref", OPTION_TEXT, true, "The referral's reference" },
        { "route", "ROUTE", "route", OPTION_TEXT, true, "mir, cwp or dwsr" },
        { "basis", "BASIS", "basis", OPTION_TEXT, true, "mandatory or voluntary" },
        { "received", "DATE", "received_on", OPTION_TEXT, false, "yyyy-mm-dd (default today)" },
        { "hours", "HOURS", "weekly_hours", OPTION_NUMBER, false, "Hours a week" },
        { "source", "TEXT", "source", OPTION_TEXT, false, "Who refers" },
        NOTE,
        ACTOR } },
    { "referral mark",
      "referral-event",
      "Say what became of a referral: paused, withdrawn, over, or that it goes on",
      "referral",
      "REF",
      print_written,
      { SITE,
        { "status", "STATUS", "status", OPTION_TEXT, true,
          "paused, withdrawn, ended_early or completed; accepted or started: it goes on" },
        { "on", "DATE", "on", OPTION_TEXT, false, "From which day, yyyy-mm-dd (default today)" },
        { "reason", "CODE", "reason", OPTION_TEXT, false, "Why, as a code" },
        NOTE,
        ACTOR } },
    { "appointment new",
      "appointment-new",
      "Tell a site of a Jobcentre appointment or signing time",
      NULL,
      NULL,
      print_written,
      { SITE,
        PARTICIPANT,
        { "date", "DATE", "date", OPTION_TEXT, true, "yyyy-mm-dd" },
        { "from", "TIME", "from", OPTION_TEXT, true, "hh:mm" },
        { "to", "TIME", "to", OPTION_TEXT, true, "hh:mm" },
        { "purpose", "PURPOSE", "purpose", OPTION_TEXT, true, "jcp_appointment, signing or interview" },
        { "cancel", NULL, "cancelled", OPTION_FLAG, false, "It does not take place" },
        ACTOR } },
    { "decision new",
      "decision-new",
      "Tell a site of a decision about a failure",
      NULL,
      NULL,
      print_written,
      { SITE,
        { "doubt", "ID", "doubt", OPTION_TEXT, false,
          "The site's doubt that it answers, which says whom and which day" },
        { "participant", "REF", "participant", OPTION_TEXT, false, "Without a doubt: the person's reference" },
        { "failure", "DATE", "failure_on", OPTION_TEXT, false, "Without a doubt: the day of the failure, yyyy-mm-dd" },
        { "outcome", "OUTCOME", "outcome", OPTION_TEXT, true, "adverse, non_adverse, reserved or cancelled" },
        { "weeks", "N", "weeks", OPTION_INTEGER, false, "Of the sanction" },
        { "decided", "DATE", "decided_on", OPTION_TEXT, false, "yyyy-mm-dd (default today)" },
        NOTE,
        ACTOR } },
    { "doubts",
      "doubts",
      "List the compliance doubts of a site that stand or were decided",
      NULL,
      NULL,
      print_doubts,
      { SITE, { "all", NULL, "all", OPTION_FLAG, false, "Those that are suspended, withdrawn or returned, too" } } },
    { "doubt mark",
      "doubt-event",
      "Say that a doubt was received, or give it back",
      "doubt",
      "ID",
      print_written,
      { SITE,
        { "status", "STATUS", "status", OPTION_TEXT, true, "received or returned" },
        { "reason", "CODE", "reason", OPTION_TEXT, false, "Why, as a code" },
        NOTE,
        ACTOR } },
    { "message send",
      "message-send",
      "Write to a site",
      "body",
      "TEXT",
      print_written,
      { SITE,
        { "participant", "REF", "participant", OPTION_TEXT, false, "About this person" },
        { "referral", "REF", "referral", OPTION_TEXT, false, "About this referral" },
        { "reply-to", "ID", "reply_to", OPTION_TEXT, false, "The answer to this message, by its whole id" },
        { "about", "CODE", "about", OPTION_TEXT, false, "What it is about, such as capacity" },
        ACTOR } },
    { "message list",
      "message-list",
      "List messages with sites, newest first",
      NULL,
      NULL,
      print_messages,
      { { "site", "SITE", "site", OPTION_TEXT, false, "Only of this site" },
        { "limit", "N", "limit", OPTION_INTEGER, false, "At most this many (default 100)" } } },
    { "bundle export",
      NULL,
      "Write what a device, or each of a site, lacks to a file for a stick",
      "file",
      "FILE",
      NULL,
      { { "device", "DEVICE", "device", OPTION_TEXT, false, "For this device, by the beginning of its id" },
        { "site", "SITE", "site", OPTION_TEXT, false, "A file for each device of this site, in the folder FILE" },
        { "all", NULL, "from_start", OPTION_FLAG, false, "From the beginning, whatever the device said it holds" },
        { "force", NULL, "force", OPTION_FLAG, false, "Replace FILE if it is there" } } },
    { "bundle import", NULL, "Take the file of a device that has no network", "file", "FILE", NULL, { { 0 } } },
    { "pack add",
      NULL,
      "Give a programme pack to a site, or to all and to those to come",
      "file",
      "FILE",
      NULL,
      { { "in-force-from", "DATE", "in_force_from", OPTION_TEXT, true, "The first day on which it counts, yyyy-mm-dd" },
        { "site", "SITE", "site", OPTION_TEXT, false, "To this site alone" },
        { "all", NULL, "all", OPTION_FLAG, false, "To every site, also those that are added later" },
        ACTOR } },
    { "pack list",
      "packs",
      "List the programme packs that sites were given, and which is in force",
      NULL,
      NULL,
      print_packs,
      { { "site", "SITE", "site", OPTION_TEXT, false, "Only of this site" } } },
    { "log",
      "log",
      "List records, newest first, with their content",
      NULL,
      NULL,
      print_log,
      { { "site", "SITE", "site", OPTION_TEXT, false, "Only of this site" },
        { "kind", "KIND", "kind", OPTION_TEXT, false, "Only of this kind (attendance, referral, ...)" },
        { "limit", "N", "limit", OPTION_INTEGER, false, "At most this many (default 100)" } } },
    { "erase",
      "erase",
      "Erase what the centre wrote about a person, here and on the site's devices",
      NULL,
      NULL,
      print_erased,
      { SITE,
        PARTICIPANT,
        { "ground", "GROUND", "ground", OPTION_TEXT, true, "retention or right" },
        { "by", "NAME", "by", OPTION_TEXT, true, "Who decided it" },
        { "reason", "TEXT", "reason", OPTION_TEXT, true, "A reference; not the person's name" },
        { "confirmed-by", "NAME", "confirmed_by", OPTION_TEXT, false,
          "A second person, who confirms a right to erasure in spite of what holds it back" },
        { "yes", NULL, "confirmed", OPTION_FLAG, false, "Do it; without it the command only says what would go" },
        ACTOR } },
    { "quarantine retry", /* before the other one, of which its second word would be the ID */
      "quarantine-retry",
      "Judge records kept aside again, by the rules of this version",
      NULL,
      NULL,
      print_judged,
      { { 0 } } },
    { "quarantine",
      "quarantine",
      "List records kept aside: refused, or of a kind that is not known",
      "id",
      "[ID]",
      print_quarantine,
      { { "site", "SITE", "site", OPTION_TEXT, false, "Only of this site" } } },
    { "incidents", "incidents", "List what did not fit what the centre holds", NULL, NULL, print_incidents, { { 0 } } },
    { "verify", "verify", "Check every chain, signature, content and tree", NULL, NULL, print_verified, { { 0 } } },
    { "checkpoint",
      "checkpoint",
      "Print the signed head of a site's history, to publish and compare",
      "site",
      "SITE",
      print_checkpoint,
      { { 0 } } },
};

const size_t command_count = ARRAY_LEN(commands);
