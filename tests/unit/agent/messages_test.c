#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(messages, .init = start, .fini = stop);

Test(messages, one_that_is_sent_is_listed_with_what_it_names)
{
    struct reply sent = site_call(&site, "POST", "/v1/messages",
                                  "{\"body\": \"Can GDN-001 start on Monday?\", \"participant\": \"GDN-001\", "
                                  "\"about\": \"start\"}");
    cr_assert_eq(sent.status, 200, "%s", sent.text);
    struct reply list = site_call(&site, "GET", "/v1/messages", NULL);
    cr_assert_eq(reply_count(&list, "messages"), 1);
    cr_expect_str_eq(reply_text(&list, "messages.0.id"), reply_text(&sent, "id"));
    cr_expect_str_eq(reply_text(&list, "messages.0.from"), "organisation");
    cr_expect_str_eq(reply_text(&list, "messages.0.by"), "tester");
    cr_expect_str_eq(reply_text(&list, "messages.0.participant_ref"), "GDN-001");
    cr_expect_str_eq(reply_text(&list, "messages.0.sent_on"), SITE_TODAY);
    cr_expect(json_is_false(reply_at(&list, "messages.0.unread")));
    reply_fini(&list);
    char path[60];
    (void)snprintf(path, sizeof(path), "/v1/messages/%.6s", reply_text(&sent, "id"));
    struct reply one = site_call(&site, "GET", path, NULL);
    cr_expect_str_eq(reply_text(&one, "message.about"), "start");
    reply_fini(&one);
    reply_fini(&sent);
    list = site_call(&site, "GET", "/v1/messages?unread=1", NULL);
    cr_expect_eq(reply_count(&list, "messages"), 0);
    reply_fini(&list);
}

Test(messages, what_does_not_fit_is_refused)
{
    site_expect(&site, "POST", "/v1/messages", "{}", 400, "invalid");
    site_expect(&site, "POST", "/v1/messages", "{\"body\": \"\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/messages", "{\"body\": \"x\", \"participant\": \"NOBODY\"}", 404, "not_found");
    site_expect(&site, "POST", "/v1/messages", "{\"body\": \"x\", \"reply_to\": \"0123abcd\"}", 404, "not_found");
    site_expect(&site, "GET", "/v1/messages/12", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/messages/zzzz", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/messages/01234567", NULL, 404, "not_found");
    site_expect(&site, "POST", "/v1/messages/seen", "{}", 400, "invalid");
    site_expect(&site, "POST", "/v1/messages/seen", "{\"all\": true, \"id\": \"01234567\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/messages/seen", "{\"all\": true}", 200, NULL);
    site.enrolled = false;
    site_expect(&site, "POST", "/v1/messages", "{\"body\": \"x\"}", 409, "not_enrolled");
}
