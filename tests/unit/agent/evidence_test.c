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

TestSuite(evidence, .init = start, .fini = stop);

#define SESSION "GDN-P001@2026-11-18"

static void attend(const char *session, const char *outcome, const char *note)
{
    char body[300];
    (void)snprintf(body, sizeof(body), "{\"session\": \"%s\", \"outcome\": \"%s\", \"note\": \"%s\"}", session, outcome,
                   note);
    site_expect(&site, "POST", "/v1/attendance", body, 200, NULL);
}

static void bytes_at(const struct reply *reply, const char *path, struct buf *out)
{
    struct error err;
    buf_init(out, 65536);
    cr_assert_eq(base64_decode(slice_of_text(reply_text(reply, path)), out, &err), ERR_OK, "%s", path);
}

Test(evidence, of_a_session_is_what_was_said_of_it_and_whom_and_what_it_is_about)
{
    attend(SESSION, "absent", "");
    attend("GDN-P001@2026-11-16", "attended", "");
    attend("GDN-P002@2026-11-18", "attended", "");
    attend(SESSION, "attended", "came late, was not seen");
    struct reply about = site_call(&site, "POST", "/v1/evidence", "{\"subject\": \"" SESSION "\"}");
    cr_assert_eq(about.status, 200, "%s", about.text);
    cr_expect_str_eq(reply_text(&about, "about.kind"), "session");
    cr_expect_str_eq(reply_text(&about, "participant.ref"), "GDN-001");
    cr_expect_eq(reply_count(&about, "authorities"), 1);
    struct reply reply = site_call(&site, "GET", "/v1/evidence/records?subject=" SESSION, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    size_t attendances = 0;
    for (size_t i = 0; i < reply_count(&reply, "records"); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "records.%zu.kind", i);
        attendances += strcmp(reply_text(&reply, path), "attendance") == 0;
    }
    cr_expect_eq(attendances, 2);
    cr_expect_eq(reply_count(&reply, "records"), 4, "the person, the placement and two assertions: %s", reply.text);
    cr_expect(strstr(reply.text, "Ben Tester") == NULL, "nobody else is in it");
    reply_fini(&reply);
    reply_fini(&about);
}

Test(evidence, of_a_person_has_every_session_and_comes_in_pages_without_gap_or_repetition)
{
    char path[160];
    char after[32] = "0";
    attend(SESSION, "absent", "");
    attend("GDN-P001@2026-11-16", "attended", "");
    attend("GDN-P002@2026-11-18", "attended", "");
    size_t count = 0;
    for (bool more = true; more; count++) {
        (void)snprintf(path, sizeof(path), "/v1/evidence/records?subject=GDN-001&limit=1&after=%s", after);
        struct reply reply = site_call(&site, "GET", path, NULL);
        cr_assert_eq(reply_count(&reply, "records"), 1, "%s", reply.text);
        cr_assert_str_neq(reply_text(&reply, "records.0.place"), after);
        (void)snprintf(after, sizeof(after), "%s", reply_text(&reply, "records.0.place"));
        more = json_is_true(reply_at(&reply, "more"));
        reply_fini(&reply);
    }
    cr_expect_eq(count, 4);
}

Test(evidence, a_chain_leads_from_an_op_to_a_link_that_its_device_signed)
{
    char path[256];
    attend(SESSION, "absent", "");
    attend("GDN-P001@2026-11-16", "attended", "");
    site_expect(&site, "POST", "/v1/evidence", "{\"subject\": \"" SESSION "\"}", 200, NULL);
    struct reply records = site_call(&site, "GET", "/v1/evidence/records?subject=" SESSION, NULL);
    json_int_t first = reply_int(&records, "records.0.op.seq");
    json_int_t last = reply_int(&records, "records.0.signed_seq");
    (void)snprintf(path, sizeof(path), "/v1/evidence/chain?device=%s&incarnation=%d&from=%d&to=%d",
                   reply_text(&records, "records.0.op.device"), (int)reply_int(&records, "records.0.op.incarnation"),
                   (int)first, (int)last);
    struct reply chain = site_call(&site, "GET", path, NULL);
    cr_assert_eq(chain.status, 200, "%s", chain.text);
    cr_assert_eq(reply_count(&chain, "headers"), (size_t)(last - first + 1));
    struct buf link;
    struct buf signature;
    struct buf certificate;
    struct error err;
    struct certificate author;
    bytes_at(&chain, "before", &link);
    bytes_at(&chain, "signature", &signature);
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    for (size_t i = 0; i < reply_count(&chain, "headers"); i++) {
        struct buf header;
        (void)snprintf(path, sizeof(path), "headers.%zu.header", i);
        bytes_at(&chain, path, &header);
        op_link_next(link.data, buf_slice(&header), link.data);
        buf_fini(&header);
    }
    cr_assert_eq(certificate_from_pem(slice_of_text(reply_text(&chain, "certificate")), &certificate, &err), ERR_OK);
    cr_assert_eq(certificate_parse(buf_slice(&certificate), &author, &err), ERR_OK);
    struct op_id signed_op = { .incarnation = (uint32_t)reply_int(&records, "records.0.op.incarnation"),
                               .seq = (uint64_t)last };
    memcpy(signed_op.device, author.device, DEVICE_ID_BYTES);
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(site.world.stream, &signed_op, link.data, message);
    cr_assert_eq(signature_verify(slice_of(author.public_key, author.public_key_len), OP_LINK_CONTEXT,
                                  slice_of(message, sizeof(message)), buf_slice(&signature), &err),
                 ERR_OK, "%s", err.message);
    buf_fini(&link);
    buf_fini(&signature);
    buf_fini(&certificate);
    reply_fini(&chain);
    reply_fini(&records);
}

Test(evidence, what_is_asked_for_wrongly_is_refused_with_the_reason)
{
    site_expect(&site, "POST", "/v1/evidence", "{\"subject\": \"GDN-404\"}", 404, "not_found");
    site_expect(&site, "POST", "/v1/evidence", "{\"subject\": \"GDN-P001\"}", 404, "not_found");
    site_expect(&site, "GET", "/v1/evidence/records", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/evidence/records?subject=GDN-001&after=9223372036854775808", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/evidence/chain?device=00", NULL, 400, "invalid");
    site_expect(&site, "GET",
                "/v1/evidence/chain?device=00112233445566778899aabbccddeeff&incarnation=1&from=1&to=1099511627775",
                NULL, 404, "not_found");
}
