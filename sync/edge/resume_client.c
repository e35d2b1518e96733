#include "sync/edge/resume_client.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"
#include "sync/edge/resume.h"

enum { RECORD_BYTES = 4096 }; /* what is cut in the middle of a TLS record, the other side never sees */
enum { CUTS_MAX = 2 };        /* a line may break in a handshake; what it offers is not in the way twice */

static const unsigned char AES_128_GCM_SHA256[] = { 0x13, 0x01 };

struct resume_state {
    SSL_SESSION *session; /* the peer's certificate is in it; NULL: none */
    struct secret exported;
};

struct resume_client {
    struct resume_state kept;
    struct resume_state taken; /* of the newest handshake */
    bool offered;              /* in a handshake of the request under way */
    bool shaken;               /* a handshake of it was completed */
    unsigned cuts;             /* of handshakes with an offer, in a row */
};

static int slot = -1; /* of ours in each SSL_CTX */

static void state_clear(struct resume_state *state)
{
    SSL_SESSION_free(state->session);
    state->session = NULL;
}

/* ---- what OpenSSL asks ---- */

static SSL_SESSION *session_of(const struct resume_client *resume, SSL *ssl)
{
    SSL_SESSION *session = SSL_SESSION_dup(resume->kept.session);
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, AES_128_GCM_SHA256);
    if (session != NULL && (cipher == NULL || SSL_SESSION_set_cipher(session, cipher) != 1 ||
                            SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1 ||
                            SSL_SESSION_set1_master_key(session, resume->kept.exported.bytes + RESUME_NAME_BYTES,
                                                        RESUME_KEY_BYTES) != 1)) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

/* `digest` is given when the hash is fixed already (RFC 8446, 4.1.4); ours goes with SHA-256. */
static int use_session(SSL *ssl, const EVP_MD *digest, const unsigned char **ret_name, size_t *ret_len,
                       SSL_SESSION **ret_session)
{
    struct resume_client *resume = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot);
    *ret_session = NULL;
    if (resume->kept.session == NULL || (digest != NULL && !EVP_MD_is_a(digest, "SHA256"))) {
        return 1;
    }
    *ret_session = session_of(resume, ssl);
    *ret_name = resume->kept.exported.bytes;
    *ret_len = RESUME_NAME_BYTES;
    resume->offered = *ret_session != NULL;
    return 1;
}

static void on_info(const SSL *ssl, int where, int value)
{
    (void)value;
    struct resume_client *resume = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot);
    if ((where & SSL_CB_HANDSHAKE_DONE) == 0) {
        return;
    }
    resume->shaken = true;
    state_clear(&resume->taken);
    if (SSL_export_keying_material((SSL *)(uintptr_t)ssl, resume->taken.exported.bytes, RESUME_EXPORT_BYTES,
                                   RESUME_LABEL, strlen(RESUME_LABEL), NULL, 0, 0) == 1) {
        resume->taken.session = SSL_get1_session((SSL *)(uintptr_t)ssl);
    }
}

static CURLcode on_context(CURL *easy, void *context, void *ours)
{
    char groups[] = "X25519:P-256"; /* OpenSSL wants them to be writable */
    char signatures[] = "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA+SHA256";
    (void)easy;
    if (slot < 0 || SSL_CTX_set_ex_data(context, slot, ours) != 1) {
        return CURLE_OK; /* every handshake is whole */
    }
    /* what a centre uses, and for whoever else answers what lets its certificate be looked at; 60 bytes less */
    (void)SSL_CTX_set1_groups_list(context, groups);
    (void)SSL_CTX_set1_sigalgs_list(context, signatures);
    (void)SSL_CTX_set_max_send_fragment(context, RECORD_BYTES);
    SSL_CTX_set_psk_use_session_callback(context, use_session);
    SSL_CTX_set_info_callback(context, on_info);
    return CURLE_OK;
}

/* ---- life ---- */

enum err_code resume_client_new(struct resume_client **ret_resume, struct error *err)
{
    struct resume_client *resume = calloc(1, sizeof(*resume));
    if (slot < 0) {
        slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    }
    if (resume == NULL || secret_new(RESUME_EXPORT_BYTES, &resume->kept.exported, err) != ERR_OK ||
        secret_new(RESUME_EXPORT_BYTES, &resume->taken.exported, err) != ERR_OK) {
        resume_client_free(resume);
        return FAIL(err, NO_MEMORY, "make room for a connection to go on from");
    }
    *ret_resume = resume;
    return ERR_OK;
}

void resume_client_free(struct resume_client *resume)
{
    if (resume == NULL) {
        return;
    }
    state_clear(&resume->kept);
    state_clear(&resume->taken);
    secret_free(&resume->kept.exported);
    secret_free(&resume->taken.exported);
    free(resume);
}

CURLcode resume_client_attach(struct resume_client *resume, CURL *easy)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, resume);
}

void resume_client_begin(struct resume_client *resume)
{
    resume->offered = false;
    resume->shaken = false;
}

void resume_client_worked(struct resume_client *resume)
{
    resume->cuts = 0;
    if (resume->taken.session == NULL) {
        return; /* over the connection before */
    }
    struct resume_state old = resume->kept;
    resume->kept = resume->taken;
    resume->taken = old;
    state_clear(&resume->taken);
}

bool resume_client_failed(struct resume_client *resume, bool told)
{
    bool unfinished = resume->offered && !resume->shaken;
    state_clear(&resume->taken);
    resume->cuts += unfinished;
    if (unfinished && (told || resume->cuts >= CUTS_MAX)) {
        state_clear(&resume->kept);
        resume->cuts = 0;
    }
    return unfinished && told;
}
