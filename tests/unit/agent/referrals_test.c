/* What the centre puts out of force stays so until the centre says otherwise, and nobody is left to believe another
 * thing. */
#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;
static struct voice jcp;
static struct voice laptop; /* another machine of the site, with none of these rules */

static void refer(const char *ref)
{
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"referral\", \"fields\": {\"ref\": \"%s\", \"participant\": \"GDN-001\", \"route\": "
                   "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-10\"}}",
                   ref);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    voice_start(&site.world, &jcp, CERTIFICATE_ROLE_CENTRE);
    voice_start(&site.world, &laptop, CERTIFICATE_ROLE_AGENT);
    refer("R-1");
    site_expect(&site, "POST", "/v1/placements",
                "{\"ref\": \"P-1\", \"referral\": \"R-1\", \"starts_on\": \"2026-11-16\", \"weeks\": 4, "
                "\"pattern\": \"Mon-Fri 17:00-20:00\"}",
                200, NULL);
    site_expect(&site, "POST", "/v1/referrals/R-1/start", "{\"on\": \"2026-11-16\"}", 200, NULL);
}

static void stop(void)
{
    voice_stop(&laptop);
    voice_stop(&jcp);
    site_stop(&site);
}

TestSuite(put_out, .init = start, .fini = stop);

static void tell(struct voice *voice, const char *status, const char *day)
{
    struct store_applied applied;
    struct error err = { 0 };
    struct store_entry entry = { .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_REFERRAL_EVENT));
    entity_id(site.world.stream, "referral", "R-1", entry.subject);
    record_set_text(&entry.record, "status", status);
    record_set_number(&entry.record, "on", day_of(day));
    voice->replica.forged_hlc_ms = site.now_ms += 1000;
    voice_say(voice, &entry);
    cr_assert_eq(voice_reach(voice, voice->count - 1, 1, &site.replica, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

static size_t expected_today(void)
{
    struct reply reply = site_call(&site, "GET", "/v1/roll", NULL);
    size_t count = reply_count(&reply, "sessions");
    reply_fini(&reply);
    return count;
}

static void possible_is(const char *status, const char *words)
{
    char got[200] = "";
    struct reply reply = site_call(&site, "GET", "/v1/referrals/R-1", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "referral.status"), status);
    for (size_t i = 0; i < reply_count(&reply, "possible"); i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "possible.%zu", i);
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", reply_text(&reply, path));
    }
    cr_expect_str_eq(got, words);
    reply_fini(&reply);
}

static void refused(const char *path, const char *body)
{
    struct reply reply = site_call(&site, "POST", path, body);
    cr_expect_eq(reply.status, 409, "%s: %s", path, reply.text);
    cr_assert(json_is_object(json_object_get(reply.json, "error")), "%s: %s", path, reply.text);
    cr_expect_str_eq(reply_text(&reply, "error.code"), "refused");
    cr_expect_not_null(strstr(reply_text(&reply, "error.message"),
                              "the Jobcentre said of this referral that it is withdrawn, since 2026-11-18, and only "
                              "they put it in force again; write to them ('holdfast message send')"),
                       "%s", reply.text);
    reply_fini(&reply);
}

static size_t event_count(void)
{
    struct reply reply = site_call(&site, "GET", "/v1/referrals/R-1", NULL);
    size_t count = reply_count(&reply, "events");
    reply_fini(&reply);
    return count;
}

Test(put_out, what_the_centre_withdrew_is_not_taken_up_here_and_it_is_said_whom_to_write_to)
{
    size_t before = expected_today();
    tell(&jcp, "withdrawn", "2026-11-18");
    size_t said = event_count();
    cr_expect_eq(expected_today(), before - 1);
    possible_is("withdrawn", "");
    refused("/v1/referrals/R-1/resume", "{\"note\": \"they come again\"}");
    refused("/v1/referrals/R-1/resume", "{\"note\": \"they come again\", \"on\": \"2026-11-18\"}");
    refused("/v1/referrals/R-1/start", "{}");
    refused("/v1/referrals/R-1/accept", "{}");
    struct reply reply = site_call(&site, "POST", "/v1/referrals/R-1/complete", "{}");
    cr_expect_eq(reply.status, 409);
    cr_expect_str_eq(reply_text(&reply, "error.message"),
                     "answer the referral with complete: it is withdrawn; possible now: nothing");
    reply_fini(&reply);
    cr_expect_eq(event_count(), said, "nothing was recorded");
    cr_expect_eq(expected_today(), before - 1);
}

Test(put_out, what_happened_before_that_day_can_still_be_recorded)
{
    tell(&jcp, "withdrawn", "2026-11-18");
    tell(&laptop, "accepted", "2026-11-14");
    site_expect(&site, "POST", "/v1/referrals/R-1/start", "{\"on\": \"2026-11-17\"}", 200, NULL);
    refused("/v1/referrals/R-1/start", "{\"on\": \"2026-11-19\"}");
}

Test(put_out, another_machine_that_says_it_goes_on_puts_nothing_in_force)
{
    size_t before = expected_today();
    tell(&jcp, "withdrawn", "2026-11-18");
    tell(&laptop, "accepted", "2026-11-19");
    cr_expect_eq(expected_today(), before - 1);
    possible_is("accepted", "decline did_not_start pause withdraw ");
    refused("/v1/referrals/R-1/start", "{}");
    site_expect(&site, "POST", "/v1/referrals/R-1/accept", "{\"on\": \"2026-11-19\"}", 200, NULL);
    cr_expect_eq(expected_today(), before - 1, "said again it puts nothing in force either");
    site_expect(&site, "POST", "/v1/referrals/R-1/pause", "{}", 200, NULL);
    possible_is("paused", "withdraw ");
    refused("/v1/referrals/R-1/resume", "{}");
    site_expect(&site, "POST", "/v1/referrals/R-1/withdraw", "{}", 200, NULL);
}

Test(put_out, the_centre_itself_puts_it_in_force_again_and_the_site_goes_on_from_there)
{
    size_t before = expected_today();
    tell(&jcp, "withdrawn", "2026-11-18");
    tell(&jcp, "started", "2026-11-19");
    cr_expect_eq(expected_today(), before);
    possible_is("started", "complete end_early pause withdraw ");
    site_expect(&site, "POST", "/v1/referrals/R-1/pause", "{}", 200, NULL);
    site_expect(&site, "POST", "/v1/referrals/R-1/resume", "{}", 200, NULL);
    possible_is("started", "complete end_early pause withdraw ");
    cr_expect_eq(expected_today(), before);
}
