#include "sync/edge/resume_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/secret.h"
#include "sync/edge/resume.h"

struct kept {
    uint8_t name[RESUME_NAME_BYTES];
    uint8_t *certificate; /* DER; NULL: free */
    size_t certificate_len;
    int64_t proved_at_ms; /* monotonic: the last handshake with the certificate itself */
};

struct resume_server {
    gnutls_psk_server_credentials_t credentials;
    struct secret keys; /* one a row of `kept` */
    size_t next;        /* the oldest, or a free one */
    struct kept kept[RESUME_MAX];
};

static struct kept *find(struct resume_server *resume, const uint8_t *name, size_t len)
{
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; len == RESUME_NAME_BYTES && i < RESUME_MAX; i++) {
        struct kept *kept = &resume->kept[i];
        if (kept->certificate != NULL && memcmp(kept->name, name, len) == 0) {
            return now_ms - kept->proved_at_ms < RESUME_MS ? kept : NULL;
        }
    }
    return NULL;
}

static uint8_t *key_of(struct resume_server *resume, const struct kept *kept)
{
    return resume->keys.bytes + (size_t)(kept - resume->kept) * RESUME_KEY_BYTES;
}

/* A name that is not known ends the handshake; the client then shows its certificate again. */
static int on_name(gnutls_session_t session, const gnutls_datum_t *name, gnutls_datum_t *key)
{
    struct resume_server *resume = gnutls_session_get_ptr(session);
    struct kept *kept = find(resume, name->data, name->size);
    key->data = kept != NULL ? gnutls_malloc(RESUME_KEY_BYTES) : NULL;
    if (key->data == NULL) {
        return -1;
    }
    memcpy(key->data, key_of(resume, kept), RESUME_KEY_BYTES);
    key->size = RESUME_KEY_BYTES;
    return 0;
}

enum err_code resume_server_new(struct resume_server **ret_resume, struct error *err)
{
    struct resume_server *resume = calloc(1, sizeof(*resume));
    if (resume == NULL || secret_new((size_t)RESUME_MAX * RESUME_KEY_BYTES, &resume->keys, err) != ERR_OK ||
        gnutls_psk_allocate_server_credentials(&resume->credentials) != GNUTLS_E_SUCCESS) {
        resume_server_free(resume);
        return FAIL(err, NO_MEMORY, "make room for connections to go on from");
    }
    gnutls_psk_set_server_credentials_function2(resume->credentials, on_name);
    *ret_resume = resume;
    return ERR_OK;
}

void resume_server_free(struct resume_server *resume)
{
    if (resume == NULL) {
        return;
    }
    if (resume->credentials != NULL) {
        gnutls_psk_free_server_credentials(resume->credentials);
    }
    for (size_t i = 0; i < RESUME_MAX; i++) {
        free(resume->kept[i].certificate);
    }
    secret_free(&resume->keys);
    free(resume);
}

void resume_server_begin(struct resume_server *resume, gnutls_session_t session)
{
    gnutls_session_set_ptr(session, resume);
    (void)gnutls_credentials_set(session, GNUTLS_CRD_PSK, resume->credentials); /* without: every handshake is whole */
}

static struct kept *origin(struct resume_server *resume, gnutls_session_t session)
{
    gnutls_datum_t name;
    if (gnutls_psk_server_get_username2(session, &name) != GNUTLS_E_SUCCESS) {
        return NULL;
    }
    return find(resume, name.data, name.size);
}

bool resume_server_resumed(struct resume_server *resume, gnutls_session_t session, struct buf *certificate)
{
    if (gnutls_auth_get_type(session) != GNUTLS_CRD_PSK) {
        return false;
    }
    const struct kept *kept = origin(resume, session);
    if (kept != NULL && buf_append(certificate, kept->certificate, kept->certificate_len, NULL) != ERR_OK) {
        buf_clear(certificate);
    }
    return true;
}

static void put(struct resume_server *resume, const uint8_t *exported, const struct kept *what)
{
    struct kept *row = &resume->kept[resume->next];
    free(row->certificate);
    *row = *what;
    memcpy(row->name, exported, RESUME_NAME_BYTES);
    memcpy(key_of(resume, row), exported + RESUME_NAME_BYTES, RESUME_KEY_BYTES);
    resume->next = (resume->next + 1) % RESUME_MAX;
}

void resume_server_keep(struct resume_server *resume, gnutls_session_t session, struct slice certificate)
{
    uint8_t exported[RESUME_EXPORT_BYTES];
    if (certificate.len == 0 || certificate.len > RESUME_CERTIFICATE_MAX) {
        return;
    }
    if (gnutls_prf_rfc5705(session, strlen(RESUME_LABEL), RESUME_LABEL, 0, NULL, sizeof(exported), (char *)exported) !=
        GNUTLS_E_SUCCESS) {
        return;
    }
    if (find(resume, exported, RESUME_NAME_BYTES) == NULL) {
        const struct kept *from = gnutls_auth_get_type(session) == GNUTLS_CRD_PSK ? origin(resume, session) : NULL;
        struct kept what = { .certificate = malloc(certificate.len),
                             .certificate_len = certificate.len,
                             .proved_at_ms = from != NULL ? from->proved_at_ms : clock_monotonic_ms() };
        if (what.certificate != NULL) {
            memcpy(what.certificate, certificate.data, certificate.len);
            put(resume, exported, &what);
        }
    }
    secret_wipe(exported, sizeof(exported));
}
