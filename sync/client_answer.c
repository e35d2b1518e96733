#include "sync/client_parts.h"

#include <string.h>

enum {
    RETRY_AFTER_MAX_S = 24 * 3600,
    REACHED_BYTES = 64, /* less than any handshake; the kernel counts one byte for a connection that was only made */
};

/* ---- answers that are not an exchange ---- */

/* The type without its parameters (RFC 9110 section 8.3.1). */
static bool content_is(const struct client_answer *answer, const char *type)
{
    size_t len = strcspn(answer->content_type, "; \t");
    return len == strlen(type) && strncasecmp(answer->content_type, type, len) == 0;
}

/* What the centre says is wrong; its words are kept to printable ones. */
static enum err_code centres_words(const struct client_answer *answer, enum err_code otherwise, struct error *err)
{
    struct exchange_error said;
    if (!content_is(answer, EXCHANGE_ERROR_CONTENT_TYPE) ||
        exchange_error_decode(answer->body, &said, NULL) != ERR_OK) {
        return error_set(err, otherwise, "exchange with the centre: it answers with status %ld", answer->http_status);
    }
    char text[EXCHANGE_ERROR_TEXT_MAX + 1] = "";
    for (size_t i = 0; i < said.message.len; i++) {
        text[i] = said.message.data[i] < ' ' || said.message.data[i] == 0x7f ? ' ' : (char)said.message.data[i];
    }
    return error_set(err, said.code, "the centre says: %s", text);
}

/* Of a refusal to talk to this device only these stand; anything else the centre names means that it is refused. */
static enum err_code shut_out(const struct client_answer *answer, struct error *err)
{
    enum err_code otherwise = answer->http_status == 401 ? ERR_REVOKED : ERR_REFUSED;
    enum err_code rc = centres_words(answer, otherwise, err);
    if (rc != ERR_REVOKED && rc != ERR_REFUSED && rc != ERR_NOT_ENROLLED && rc != ERR_TLS) {
        rc = err->code = otherwise;
    }
    return rc;
}

static enum err_code other_status(struct client *c, const struct client_answer *answer, struct error *err)
{
    long status = answer->http_status;
    if ((status >= 300 && status < 400) || status == 511) {
        return FAIL(err, CAPTIVE_PORTAL,
                    "reach the centre: this network answers in its place (status %ld); sign in to "
                    "the network with a browser",
                    status);
    }
    if (status == 401 || status == 403) {
        return shut_out(answer, err);
    }
    if (status == 413) {
        client_line_broke(c);
        client_line_cuts(c, true); /* until it takes a segment whole */
        return FAIL(err, BUSY, "exchange with the centre: it takes smaller requests only");
    }
    if (status == 429 || status >= 500) {
        /* whatever is wrong over there, nobody here can mend it */
        (void)centres_words(answer, ERR_BUSY, err);
        return err->code = ERR_BUSY;
    }
    return centres_words(answer, ERR_PROTOCOL, err);
}

/* A centre that was not reached at all says nothing of what the line carries, and has nothing of a segment. */
static bool broke_on_the_way(const struct client *c, const struct client_answer *answer)
{
    bool silent = answer->outcome == ERR_NETWORK || answer->outcome == ERR_SILENT;
    return silent && c->sent.wait_s == 0 && answer->bytes_sent + answer->bytes_received >= REACHED_BYTES;
}

static enum err_code check_answer(struct client *c, const struct client_answer *answer, struct error *err)
{
    if (answer->outcome != ERR_OK) {
        if (broke_on_the_way(c, answer)) {
            client_line_broke(c);
            client_cut_note(c);
        }
        *err = answer->error;
        err->code = answer->outcome;
        return answer->outcome;
    }
    if (answer->http_status != 200) {
        return other_status(c, answer, err);
    }
    if (content_is(answer, "text/html")) {
        return FAIL(err, CAPTIVE_PORTAL,
                    "reach the centre: this network answers with a page of its own; sign in to it with a browser");
    }
    if (!content_is(answer, EXCHANGE_CONTENT_TYPE)) {
        return FAIL(err, PROTOCOL, "exchange with the centre: its answer is of another type; is the address right?");
    }
    return ERR_OK;
}

/*
 * A run that the centre cannot join to what it holds may be on another branch than the one it holds: it and this copy
 * were both put back. What it holds is heard first, and compared; only then a person is called.
 */
static bool compare_first(struct client *c, enum err_code rc)
{
    bool first = rc == ERR_HISTORY && c->sent.first_seq > 0 && !c->offered_in_vain;
    c->offered_in_vain |= first;
    c->offers_nothing |= first;
    return first;
}

struct client_verdict client_judge(struct client *c, const struct client_answer *answer)
{
    struct client_verdict verdict = { 0 };
    int64_t retry_after_s = answer->retry_after_s < RETRY_AFTER_MAX_S ? answer->retry_after_s : RETRY_AFTER_MAX_S;
    verdict.rc = check_answer(c, answer, &verdict.error);
    if (compare_first(c, verdict.rc)) {
        verdict = (struct client_verdict){ .again = true };
    } else if (verdict.rc == ERR_OK) {
        verdict.rc = client_take(c, answer, &verdict);
    }
    if (retry_after_s * 1000 > verdict.retry_after_ms) {
        verdict.retry_after_ms = retry_after_s * 1000;
    }
    return verdict;
}
