/*
 * tests/support/site - invented people at a site, and what is recorded about them, in days before the one on which the
 * test began.
 *
 * Placements are PREFIX-P001, PREFIX-P002, ... of PREFIX-001, PREFIX-002, ..., expected every day of the week from 400
 * days ago to 60 days from now.
 */
#ifndef TESTS_SUPPORT_SITE_H
#define TESTS_SUPPORT_SITE_H

#include "tests/support/world.h"

#define SITE_TEXT_SIZE 48
#define SITE_PAST_DAYS 400

struct site_register {
    const char *prefix;
    int placements; /* 1 .. this */
    int from_days_ago;
    int days;
    bool long_notes; /* 100 bytes that do not compress, all different */
};

void day_ago(int days_ago, char ret_day[SITE_TEXT_SIZE]);
/* "GDN-P001@2026-11-21" */
void session_name(const char *prefix, int placement, int days_ago, char ret_name[SITE_TEXT_SIZE]);

/* By import, as a charity would begin. */
void site_import_people(struct laptop *laptop, const char *prefix, int count);
/* The spreadsheet alone, all attended. */
void site_register_file(struct laptop *laptop, const struct site_register *what, char ret_path[FOLDER_PATH_SIZE]);
/* ... and imported; the answer of the import. */
json_t *site_import_register(struct laptop *laptop, const struct site_register *what);
/* How most stories begin: a world with a centre and its site Garden, and the site's laptop (by a key file), whose
 * people and register are at the centre. */
struct laptop *site_begin(struct world *world, const struct site_register *what);
/* `note` may be NULL. Must be taken. */
void site_attend(struct laptop *laptop, const char *session, const char *outcome, const char *note);
/* The session as the agent shows it: standing, outcome, heads, ... */
json_t *site_session(struct laptop *laptop, const char *session);
/* The standing flag of this code about this session, or NULL. */
json_t *site_flag(struct laptop *laptop, const char *code, const char *session);

#endif
