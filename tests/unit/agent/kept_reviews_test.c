/* What was found about a flag that rests on volunteers stays on this machine, and the flag is out of the way there. */
#include <stdio.h>
#include <string.h>

#include "store/replica.h"
#include "tests/unit/agent/site.h"

#define FOUND "Birch volunteers at the shop"
#define SHIFT "{\"day\": \"2026-11-18\", \"starts\": \"13:00\", \"ends\": \"16:00\"}"

static struct site site;
static char flag[FLAG_KEY_SIZE];

static void must(const char *path, const char *body)
{
    site_expect(&site, "POST", path, body, 200, NULL);
}

static struct store_counts counts(void)
{
    struct store_counts now;
    struct error err;
    cr_assert_eq(query_counts(site.replica.store, &now, &err), ERR_OK);
    return now;
}

/* GDN-001 is placed at a shop at which they volunteer at the same time. */
static void start(void)
{
    uint8_t id[OP_ENTITY_BYTES];
    char hex[2 * OP_ENTITY_BYTES + 1];
    site_start(&site);
    site_fill(&site);
    entity_id(site.world.stream, "placement", "GDN-P001", id);
    hex_encode(id, sizeof(id), hex);
    (void)snprintf(flag, sizeof(flag), FLAG_OF_VOLUNTEERS "%s", hex);
    must("/v1/records", "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"host\": \"The Shop\"}}");
    must("/v1/volunteers",
         "{\"ref\": \"V-7\", \"name\": \"Test Birch\", \"place\": \"the shop\", \"participant\": \"GDN-001\"}");
    must("/v1/volunteers/V-7/shift", SHIFT);
    site_judge(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(kept_reviews, .init = start, .fini = stop);

static struct reply review(const char *more)
{
    char body[600];
    (void)snprintf(body, sizeof(body),
                   "{\"flag\": \"%s\", \"outcome\": \"host_matter\", \"answers\": [\"They know\", \"On Tuesdays\"], "
                   "\"note\": \"" FOUND "\"%s}",
                   flag, more);
    struct reply reply = site_call(&site, "POST", "/v1/reviews", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    return reply;
}

static void reviewed(void)
{
    struct reply reply = review("");
    reply_fini(&reply);
}

/* The member of the flag, or NULL where there is no such flag. */
static bool flag_is(const char *member, const char *expected)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "/v1/flags/%s", flag);
    struct reply reply = site_call(&site, "GET", path, NULL);
    bool is = false;
    if (reply.status == 200) {
        const json_t *value = reply_at(&reply, member);
        is = strcmp(json_is_true(value)    ? "true"
                    : json_is_false(value) ? "false"
                    : json_is_null(value)  ? "null"
                                           : json_string_value(value),
                    expected) == 0;
    }
    reply_fini(&reply);
    return is;
}

static size_t reviews(const char *query)
{
    struct reply reply = site_call(&site, "GET", query, NULL);
    size_t count = reply_count(&reply, "reviews");
    reply_fini(&reply);
    return count;
}

Test(kept_reviews, one_is_no_record_and_closes_the_flag_here)
{
    struct store_counts before = counts();
    cr_assert(flag_is("flag.open", "true"));
    struct reply reply = review("");
    cr_expect(json_is_true(reply_at(&reply, "kept")));
    cr_expect(json_is_null(reply_at(&reply, "op")));
    reply_fini(&reply);
    struct store_counts after = counts();
    cr_expect_eq(after.ops, before.ops, "nothing was appended");
    cr_expect(flag_is("flag.open", "false"));
    cr_expect(flag_is("flag.reviewed.outcome", "host_matter"));
    char path[200];
    (void)snprintf(path, sizeof(path), "/v1/reviews?flag=%s", flag);
    reply = site_call(&site, "GET", path, NULL);
    cr_assert_eq(reply_count(&reply, "reviews"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "reviews.0.fields.note"), FOUND);
    cr_expect_str_eq(reply_text(&reply, "reviews.0.said_by"), "tester");
    cr_expect(json_is_true(reply_at(&reply, "reviews.0.kept")));
    reply_fini(&reply);
}

Test(kept_reviews, the_newest_counts_and_is_looked_at_again_on_its_day)
{
    reviewed();
    struct reply reply = review(", \"look_again_on\": \"" SITE_TODAY "\"");
    reply_fini(&reply);
    cr_expect(flag_is("flag.open", "true"), "the day has come");
    cr_expect_eq(reviews("/v1/reviews"), 2);
    cr_expect_eq(reviews("/v1/reviews?limit=1"), 1);
    reviewed();
    cr_expect(flag_is("flag.open", "false"));
}

Test(kept_reviews, no_doubt_comes_of_one)
{
    char body[300];
    (void)snprintf(body, sizeof(body), "{\"flag\": \"%s\", \"outcome\": \"doubt\", \"answers\": [\"a\", \"b\"]}", flag);
    site_expect(&site, "POST", "/v1/reviews", body, 409, "refused");
    cr_expect_eq(reviews("/v1/reviews"), 0);
}

Test(kept_reviews, they_survive_a_rebuild_and_a_restart_and_are_not_in_the_tables_digest)
{
    char before[2 * SHA256_BYTES + 1];
    char after[2 * SHA256_BYTES + 1];
    replica_digest(&site.replica, before);
    reviewed();
    must("/v1/rebuild", NULL);
    site_judge(&site);
    replica_digest(&site.replica, after);
    cr_expect_str_eq(before, after);
    cr_expect(flag_is("flag.open", "false"));
    must("/v1/verify", NULL);
    replica_close_files(&site.replica);
    replica_open_files(&site.replica);
    site_judge(&site);
    cr_expect(flag_is("flag.open", "false"), "and a restart");
    cr_expect_eq(reviews("/v1/reviews"), 1);
}

Test(kept_reviews, the_audit_log_says_that_somebody_reviewed_and_not_of_whom)
{
    reviewed();
    struct reply reply = site_call(&site, "GET", "/v1/audit?action=change", NULL);
    size_t index;
    const json_t *entry;
    size_t noted = 0;
    json_array_foreach(reply_at(&reply, "entries"), index, entry)
    {
        const char *call = json_string_value(json_object_get(entry, "call"));
        if (call != NULL && strcmp(call, "POST /v1/reviews") == 0) {
            cr_expect_str_eq(json_string_value(json_object_get(entry, "kind")), "volunteer");
            cr_expect(json_is_null(json_object_get(entry, "subject")));
            noted++;
        }
    }
    cr_expect_eq(noted, 1, "%s", reply.text);
    cr_expect_null(strstr(reply.text, "Birch"));
    cr_expect_null(strstr(reply.text, flag));
    reply_fini(&reply);
}

Test(kept_reviews, one_is_in_the_persons_own_copy_where_they_are_entered_as_the_same)
{
    reviewed();
    struct reply reply = site_call(&site, "GET", "/v1/subject-access/GDN-001", NULL);
    cr_assert_eq(reply_count(&reply, "kept_reviews"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "kept_reviews.0.note"), FOUND);
    cr_expect_str_eq(reply_text(&reply, "kept_reviews.0.outcome"), "host_matter");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/subject-access/GDN-002", NULL);
    cr_expect_eq(reply_count(&reply, "kept_reviews"), 0, "another person's has nothing of it");
    reply_fini(&reply);
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \"Ada Tester\", \"participant\": null}");
    site_judge(&site);
    cr_assert(flag_is("flag.reviewed.outcome", "host_matter"), "by the name");
    reply = site_call(&site, "GET", "/v1/subject-access/GDN-001", NULL);
    cr_expect_eq(reply_count(&reply, "kept_reviews"), 0, "who has the same name is somebody else");
    cr_expect_null(strstr(reply.text, "Birch"));
    cr_expect_null(strstr(reply.text, "conflation"));
    reply_fini(&reply);
}

/* ---- they go ---- */

static bool file_has(const char *word)
{
    sqlite3_int64 size = 0;
    unsigned char *pages = sqlite3_serialize(site.replica.store->db.handle, "main", &size, 0);
    cr_assert(pages != NULL && size > 0);
    bool found = memmem(pages, (size_t)size, word, strlen(word)) != NULL;
    sqlite3_free(pages);
    return found;
}

Test(kept_reviews, nothing_of_flag_or_review_is_left_when_the_volunteer_is_removed)
{
    reviewed();
    cr_assert(file_has(FOUND), "the search would find it");
    cr_assert(file_has("entered as a volunteer"));
    must("/v1/volunteers/V-7/shift", "{\"day\": \"2026-11-20\", \"starts\": \"13:00\", \"ends\": \"16:00\"}");
    must("/v1/volunteers/V-7/remove", NULL);
    cr_expect_eq(reviews("/v1/reviews"), 0);
    cr_expect_not(flag_is("flag.code", "conflation"), "not even a past flag");
    cr_expect_not(file_has(FOUND));
    cr_expect_not(file_has("entered as a volunteer"));
    site_judge(&site);
    cr_expect_not(file_has("entered as a volunteer"));
}

Test(kept_reviews, the_flag_of_another_volunteer_is_raised_again_and_open)
{
    must("/v1/volunteers", "{\"ref\": \"V-8\", \"name\": \"Ada Tester\", \"place\": \"the shop\"}");
    must("/v1/volunteers/V-8/shift", SHIFT);
    site_judge(&site);
    reviewed();
    must("/v1/volunteers/V-7/remove", NULL);
    site_judge(&site);
    cr_expect(flag_is("flag.open", "true"));
}

Test(kept_reviews, one_goes_when_the_person_is_erased_and_a_later_one_stays_through_a_rebuild)
{
    reviewed();
    must("/v1/erase",
         "{\"what\": \"GDN-001\", \"ground\": \"right\", \"by\": \"A. Decider\", \"reason\": \"letter 7\"}");
    cr_expect_eq(reviews("/v1/reviews"), 0);
    cr_expect_not(file_has(FOUND));
    must("/v1/records", "{\"kind\": \"participant\", \"fields\": {\"ref\": \"GDN-001\", \"name\": \"Ada Tester\"}}");
    must("/v1/records",
         "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"participant\": \"GDN-001\", \"basis\": "
         "\"mandatory\", \"starts_on\": \"2026-09-01\", \"ends_on\": \"2027-02-26\", \"weekly_minutes\": 1080, "
         "\"pattern\": \"Mon Wed Fri 09:30-15:30\", \"host\": \"The Shop\"}}");
    site_judge(&site);
    reviewed();
    must("/v1/rebuild", NULL);
    site_judge(&site);
    cr_expect(flag_is("flag.open", "false"), "what was found after the erasure");
}
