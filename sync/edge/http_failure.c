#include "sync/edge/http_failure.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define NAME_AND_PORT_SIZE 512

static enum err_code certificate_refused(CURL *easy, struct error *err)
{
    long verdict = X509_V_OK;
    (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    char today[DATE_TEXT_SIZE];
    date_format(clock_today(clock_wall_ms()), today);
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return FAIL(err, TLS,
                    "trust the centre: its certificate has run out; this computer's date is %s: if that is wrong, set "
                    "the clock, else tell the centre's operator",
                    today);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FAIL(err, TLS,
                    "trust the centre: its certificate is not valid yet; this computer's date is %s: if that is wrong, "
                    "set the clock, else tell the centre's operator",
                    today);
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* libcurl leaves this when the chain was never the question */
        return FAIL(err, TLS,
                    "trust the centre: its certificate is for another name; check the address in the settings, or let "
                    "the centre's operator add this name");
    case X509_V_ERR_INVALID_PURPOSE:
        return FAIL(err, TLS,
                    "trust the centre: the certificate that answered is a device's, not a server's; check the address "
                    "in the settings, and tell the centre's operator");
    default:
        return FAIL(err, INTERCEPTED,
                    "trust the centre: somebody else's certificate answered (%s); a sign-in page of the network or a "
                    "filter may stand in between: open a web page to sign in, or ask who runs the network to let this "
                    "address through; if the centre has a new authority, `holdfast enrol --again` with a new code",
                    X509_verify_cert_error_string(verdict));
    }
}

static bool holds_any(const char *detail, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasestr(detail, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* libcurl tells a cut during the handshake apart from a refusal only in its text; "errno" is of a call of the system.
 */
static bool says_cut(const char *detail)
{
    static const char *const words[] = { "SSL_ERROR_SYSCALL", "unexpected eof", "reset by peer",
                                         "timed out",         "Broken pipe",    "errno" };
    return holds_any(detail, words, ARRAY_LEN(words));
}

/* OpenSSL's reasons for a handshake that no other side would write. */
static bool says_garbled(const char *detail)
{
    static const char *const words[] = { "bad extension", "bad key share", "bad length",     "bad record",
                                         "bad digest",    "mismatch",      "decrypt",        "unexpected message",
                                         "decode error",  "bad cipher",    "unknown cipher", "wrong cipher" };
    return holds_any(detail, words, ARRAY_LEN(words));
}

static enum err_code handshake_failed(const char *detail, struct error *err)
{
    if (says_cut(detail)) {
        return FAIL(err, NETWORK, "connect to the centre: the connection was cut (%s)", detail);
    }
    if (strcasestr(detail, "wrong version number") != NULL || strcasestr(detail, "http request") != NULL) {
        return FAIL(
            err, TLS,
            "connect to the centre: what answered does not speak TLS; where it worked before, a sign-in page of "
            "the network may stand in between: open a web page to sign in; else check the address and the port "
            "in the settings");
    }
    if (says_garbled(detail)) {
        return FAIL(err, NETWORK, "connect to the centre: what came was garbled on the way (%s)", detail);
    }
    return FAIL(err, TLS, "agree with the centre on TLS 1.3: %s", detail);
}

static enum err_code transfer_cut(const char *detail, struct error *err)
{
    /* With TLS 1.3 the server's refusal of our certificate comes as an alert after the handshake. */
    if (strcasestr(detail, "alert") != NULL) {
        return FAIL(err, TLS, "be accepted by the centre: it refused this device's certificate (%s)", detail);
    }
    return FAIL(err, NETWORK, "talk to the centre: the connection was cut (%s)", detail);
}

/* What a proxy says to our wish to go through it (RFC 9110, 9.3.6); 0: there is none, or it let us through. */
static long proxy_refusal(CURL *easy)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status >= 300 ? status : 0;
}

static enum err_code proxy_refused(long status, struct error *err)
{
    if (status == 407) {
        return FAIL(err, PROXY,
                    "go through this network's proxy: it asks for a name and a password; ask who runs the network, and "
                    "put http://NAME:PASSWORD@HOST:PORT into setting 'link.proxy'");
    }
    if (status >= 500) {
        return FAIL(err, NETWORK, "reach the centre: this network's proxy does not reach it (status %ld)", status);
    }
    return FAIL(
        err, PROXY,
        "go through this network's proxy: it refuses the centre's address (status %ld); ask who runs the network "
        "to let it through",
        status);
}

/* libcurl names whom it could not connect to in its text only: the centre, or a proxy. */
static bool tried_a_proxy(CURL *easy, const char *detail)
{
    static const char tried[] = "Failed to connect to ";
    char centre[NAME_AND_PORT_SIZE] = "";
    char *url = NULL;
    char *host = NULL;
    char *port = NULL;
    CURLU *parts = curl_url();
    if (strncmp(detail, tried, strlen(tried)) == 0 &&
        curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK &&
        curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        bool brackets = host[0] == '['; /* around an IPv6 address, which the text leaves out */
        (void)snprintf(centre, sizeof(centre), "%.*s port %s ", (int)(strlen(host) - (brackets ? 2 : 0)),
                       host + brackets, port);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return centre[0] != '\0' && strncmp(detail + strlen(tried), centre, strlen(centre)) != 0;
}

static enum err_code not_connected(CURL *easy, const char *detail, struct error *err)
{
    if (tried_a_proxy(easy, detail)) {
        return FAIL(err, NETWORK, "reach this network's proxy: %s; check setting 'link.proxy' and the environment",
                    detail);
    }
    return FAIL(err, NETWORK, "reach the centre: %s", detail);
}

static enum err_code name_not_found(const char *detail, struct error *err)
{
    return FAIL(err, DNS,
                "find the centre's address: %s; if other addresses do not open either, this network's name service is "
                "out of order, else check the address in 'holdfast status'",
                detail);
}

/* libcurl 7.88 gives no time of connection before the handshake is over, only this text. */
static bool handshake_stalled(const char *detail)
{
    return strstr(detail, "SSL connection timeout") != NULL;
}

bool http_failure_is_stall(CURL *easy, CURLcode code, const char *detail)
{
    curl_off_t connected_us = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    return code == CURLE_OPERATION_TIMEDOUT && (connected_us > 0 || handshake_stalled(detail));
}

/* Also over a connection that was kept, which has no time of its making. */
static bool request_began(CURL *easy)
{
    curl_off_t began_us = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &began_us);
    return began_us > 0;
}

static enum err_code timed_out(const char *detail, bool began, struct error *err)
{
    if (strncmp(detail, "Resolving", strlen("Resolving")) == 0) {
        return name_not_found("nobody answered who knows names", err);
    }
    if (handshake_stalled(detail)) {
        return FAIL(err, SILENT,
                    "reach the centre: nothing came for too long after the connection was made (%s); large packets may "
                    "get lost on this network, smaller ones are tried next",
                    detail);
    }
    if (began) {
        return FAIL(
            err, SILENT,
            "talk to the centre: the connection was there, but nothing came for too long (%s); a router between "
            "may have forgotten it: if this comes back again and again, restart the router or use another "
            "network",
            detail);
    }
    return FAIL(err, NETWORK, "reach the centre: nothing came for too long (%s)", detail);
}

enum err_code http_failure_classify(CURL *easy, CURLcode code, const char *detail, struct error *err)
{
    if (detail[0] == '\0') {
        detail = curl_easy_strerror(code);
    }
    long refusal = code != CURLE_OK ? proxy_refusal(easy) : 0;
    if (refusal != 0) {
        return proxy_refused(refusal, err);
    }
    switch ((unsigned)code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_COULDNT_RESOLVE_PROXY:
        return FAIL(err, PROXY, "find this network's proxy: %s; check setting 'link.proxy' and the environment",
                    detail);
    case CURLE_COULDNT_RESOLVE_HOST:
        return name_not_found(detail, err);
    case CURLE_COULDNT_CONNECT:
        return not_connected(easy, detail, err);
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out(detail, request_began(easy), err);
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_refused(easy, err);
    case CURLE_SSL_CONNECT_ERROR:
        return handshake_failed(detail, err);
    case CURLE_SSL_CERTPROBLEM:
        return FAIL(err, TLS, "use this device's certificate and key: %s", detail);
    case CURLE_SSL_CACERT_BADFILE:
        return FAIL(err, TLS, "use the centre's authority as kept at enrolment: %s", detail);
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return transfer_cut(detail, err);
    case CURLE_WRITE_ERROR:
        return FAIL(err, LIMIT, "take the answer: it is larger than allowed");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return FAIL(err, CONFIG, "use the centre's address: it has to begin with https://");
    case CURLE_OUT_OF_MEMORY:
        return FAIL(err, NO_MEMORY, "talk to the centre");
    default:
        return FAIL(err, NETWORK, "talk to the centre: %s", detail);
    }
}

enum err_code http_failure_of_answer(long status, const char *content_type, struct error *err)
{
    bool html = strncasecmp(content_type, "text/html", strlen("text/html")) == 0;
    bool of_a_gateway = status >= 500 && status != 511; /* a proxy in front of the centre answers so in HTML */
    if (status == 511 || (status >= 300 && status < 400) || (html && !of_a_gateway)) {
        return FAIL(err, CAPTIVE_PORTAL,
                    "talk to the centre: a page of the network answered instead (status %ld); open a web page to sign "
                    "in to the network",
                    status);
    }
    return ERR_OK;
}
