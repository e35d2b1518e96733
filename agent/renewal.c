#include "agent/renewal.h"

#include "agent/agent_parts.h"
#include "base/clock.h"
#include "base/log.h"

#define DAY_MS (24 * 3600 * 1000)

int64_t renewal_due_ms(const struct certificate *certificate)
{
    int64_t life_ms = certificate->not_after_ms - certificate->not_before_ms;
    int64_t spread_ms = life_ms / 24 * (certificate->device[0] << 8 | certificate->device[1]) / 65536;
    return certificate->not_before_ms + life_ms / 3 * 2 + spread_ms;
}

bool renewal_clocks_agree(int64_t centre_now_ms, int64_t wall_ms)
{
    return centre_now_ms - wall_ms <= DAY_MS;
}

void renewal_read(struct renewal *renewal, struct slice certificate_der)
{
    *renewal = (struct renewal){ 0 };
    renewal->known = certificate_parse(certificate_der, &renewal->certificate, NULL) == ERR_OK;
}

static void on_renewed(void *context, enum err_code rc, const struct error *err, const struct enrolled *result)
{
    struct agent *agent = context;
    struct renewal *renewal = &agent->renewal;
    (void)result;
    if (rc == ERR_OK) {
        agent_restart_exchange(agent);
    } else {
        int64_t again_ms = (int64_t)RENEWAL_AGAIN_MS << (renewal->failures < 8 ? renewal->failures : 8);
        renewal->not_before_ms = clock_monotonic_ms() + (again_ms < DAY_MS ? again_ms : DAY_MS);
        renewal->failures++;
        renewal->trouble = *err;
        renewal->trouble.code = rc;
    }
    agent_step(agent);
}

/* Said with the end of the certificate, when that is near. */
static bool clocks_agree(struct renewal *renewal, const struct client_status *status)
{
    int64_t wall_ms = clock_wall_ms();
    bool agree = renewal_clocks_agree(status->centre_now_ms, wall_ms);
    if (!agree && renewal->trouble.code == ERR_OK) {
        renewal->trouble.code =
            FAIL(&renewal->trouble, REFUSED,
                 "renew the certificate: the centre's clock is %lld days ahead of this machine's; set the one that is "
                 "wrong",
                 (long long)((status->centre_now_ms - wall_ms) / DAY_MS));
        log_error("renewal_waits", &renewal->trouble);
    }
    return agree;
}

/* A new authority is followed even if the rest of the answer could not be taken: perhaps for want of it. */
static bool is_time(struct agent *agent, const struct client_status *status)
{
    struct renewal *renewal = &agent->renewal;
    if (status->centre_now_ms == OP_TIME_NONE || clock_monotonic_ms() < renewal->not_before_ms) {
        return false;
    }
    bool due = renewal->known && status->centre_now_ms >= renewal_due_ms(&renewal->certificate);
    return (status->authority_changed || (due && status->last.result == ERR_OK)) && clocks_agree(renewal, status);
}

void renewal_look(struct agent *agent)
{
    struct client_status status;
    if (agent->state != AGENT_OPEN || agent->driver == NULL || enrolment_running(&agent->enrolment)) {
        return;
    }
    exchange_driver_status(agent->driver, &status);
    if (!is_time(agent, &status)) {
        return;
    }
    struct error err;
    int64_t offset_ms = clock_wall_ms() - status.centre_now_ms;
    enum err_code rc = enrolment_renew(&agent->enrolment, agent->store, offset_ms, on_renewed, agent, &err);
    if (rc != ERR_OK) {
        log_error("renewal_failed", &err);
        agent->renewal.trouble = err;
        agent->renewal.not_before_ms = clock_monotonic_ms() + RENEWAL_AGAIN_MS;
    }
}
