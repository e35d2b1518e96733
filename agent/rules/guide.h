/*
 * agent/rules/guide - for each kind of flag: what would clear it, and what to ask before anything else is done.
 *
 * Questions are support first. None of them has to be answered by the person; a flag stays a reason to look.
 */
#ifndef AGENT_RULES_GUIDE_H
#define AGENT_RULES_GUIDE_H

#include <stddef.h>

#define GUIDE_QUESTIONS_MAX 6

struct flag_guide {
    const char *code;
    const char *clears;
    const char *questions[GUIDE_QUESTIONS_MAX + 1]; /* NULL at the end; none where only the host or JCP is asked */
};

/* By a flag's key, or how it begins, which is the code for all but `called_volunteering`. NULL for one of a newer
 * version. */
const struct flag_guide *flag_guide_find(const char *key);

/* The n-th, for listing; NULL past the end. */
const struct flag_guide *flag_guide_at(size_t index);

#endif
