/*
 * agent/link_policy - may the connection to the centre be kept open to wait for news? Not on a link where bytes cost
 * money, and not outside of the hours that the settings name.
 *
 * Records are exchanged as they are made and every quarter of an hour either way.
 *
 * Ownership: link_policy_start gives; freed in its last close callback.
 * Threads:   the loop's.
 */
#ifndef AGENT_LINK_POLICY_H
#define AGENT_LINK_POLICY_H

#include "sync/edge/metered.h"

enum link_metered { LINK_METERED_AUTO, LINK_METERED_YES, LINK_METERED_NO };

struct link_options {
    bool wait;
    enum link_metered metered;
    int from_min; /* of the day, local time; from and to the same: all day. To before from: over midnight */
    int to_min;
    char proxy[200]; /* a URL, "none", or "": as the environment says */
};

/* "": all day; else HH:MM-HH:MM. */
MUST_USE enum err_code link_hours_parse(const char *text, struct link_options *options, struct error *err);
bool link_hours_include(const struct link_options *options, int minute);

/* For every connection that this process makes from now on. Once, before any other thread runs. */
MUST_USE enum err_code link_use_proxy(const struct link_options *options, struct error *err);

struct link_policy;

MUST_USE enum err_code link_policy_start(uv_loop_t *loop, const struct link_options *options,
                                         void (*changed)(void *context), void *context, struct link_policy **ret_policy,
                                         struct error *err);
bool link_policy_may_wait(const struct link_policy *policy);
bool link_policy_metered(const struct link_policy *policy);
/* The network or the clock is another one. */
void link_policy_look(struct link_policy *policy);
void link_policy_stop(struct link_policy *policy);

#endif
