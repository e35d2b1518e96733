#include <string.h>

#include "crypto/openssl_glue.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

enum { PEM_LINE_BYTES = 48 }; /* 64 characters */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum err_code base64_encode(struct slice data, struct buf *out, struct error *err)
{
    if (data.len > out->max) {
        return FAIL(err, LIMIT, "encode %zu bytes into at most %zu", data.len, out->max);
    }
    TRY(buf_reserve(out, (data.len + 2) / 3 * 4, err));
    for (size_t at = 0; at < data.len; at += 3) {
        size_t left = data.len - at;
        uint32_t group = (uint32_t)data.data[at] << 16;
        group |= left > 1 ? (uint32_t)data.data[at + 1] << 8 : 0;
        group |= left > 2 ? data.data[at + 2] : 0;
        uint8_t *to = out->data + out->len;
        to[0] = (uint8_t)alphabet[group >> 18];
        to[1] = (uint8_t)alphabet[group >> 12 & 63];
        to[2] = left > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        to[3] = left > 2 ? (uint8_t)alphabet[group & 63] : '=';
        out->len += 4;
    }
    return ERR_OK;
}

static int sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters at a time; `pads` of the last four are '='. */
struct decoder {
    uint8_t *to;
    size_t used;
    uint32_t group;
    int have;
    int pads;
};

static bool decoder_step(struct decoder *decoder, uint8_t c)
{
    int value = sextet(c);
    if (c == '=' && decoder->have >= 2) {
        decoder->pads++;
        value = 0;
    } else if (value < 0 || decoder->pads > 0) {
        return false;
    }
    decoder->group = decoder->group << 6 | (uint32_t)value;
    if (++decoder->have < 4) {
        return true;
    }
    uint32_t group = decoder->group & 0xffffff;
    uint32_t left_over = decoder->pads == 2 ? group & 0xffff : decoder->pads == 1 ? group & 0xff : 0;
    for (int i = 0; i < 3 - decoder->pads; i++) {
        decoder->to[decoder->used++] = (uint8_t)(group >> (16 - 8 * i));
    }
    decoder->have = 0;
    return left_over == 0;
}

enum err_code base64_decode(struct slice text, struct buf *out, struct error *err)
{
    TRY(buf_reserve(out, text.len / 4 * 3, err));
    /* a text too short for a byte leaves an empty buffer without memory */
    struct decoder decoder = { .to = out->data == NULL ? NULL : out->data + out->len };
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '\n' || c == '\r') {
            continue;
        }
        bool after_the_end = decoder.pads > 0 && decoder.have == 0;
        if (after_the_end || !decoder_step(&decoder, c)) {
            return FAIL(err, INVALID, "decode base64: character %zu is out of place", i + 1);
        }
    }
    if (decoder.have != 0) {
        return FAIL(err, INVALID, "decode base64: it is cut short");
    }
    out->len += decoder.used;
    return ERR_OK;
}

enum err_code certificate_to_pem(struct slice der, struct buf *out, struct error *err)
{
    size_t before = out->len;
    enum err_code rc = buf_append_text(out, PEM_BEGIN "\n", err);
    for (size_t at = 0; rc == ERR_OK && at < der.len; at += PEM_LINE_BYTES) {
        size_t len = der.len - at < PEM_LINE_BYTES ? der.len - at : PEM_LINE_BYTES;
        rc = base64_encode(slice_of(der.data + at, len), out, err);
        rc = rc == ERR_OK ? buf_append_text(out, "\n", err) : rc;
    }
    rc = rc == ERR_OK ? buf_append_text(out, PEM_END "\n", err) : rc;
    out->len = rc == ERR_OK ? out->len : before;
    return rc;
}

enum err_code certificate_from_pem(struct slice pem, struct buf *out_der, struct error *err)
{
    const uint8_t *begin = pem.len == 0 ? NULL : memmem(pem.data, pem.len, PEM_BEGIN, strlen(PEM_BEGIN));
    if (begin == NULL) {
        return FAIL(err, INVALID, "read a certificate: '" PEM_BEGIN "' is missing");
    }
    begin += strlen(PEM_BEGIN);
    size_t left = pem.len - (size_t)(begin - pem.data);
    const uint8_t *end = memmem(begin, left, PEM_END, strlen(PEM_END));
    if (end == NULL) {
        return FAIL(err, INVALID, "read a certificate: '" PEM_END "' is missing");
    }
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(base64_decode(slice_of(begin, (size_t)(end - begin)), &der, err));
    SCOPED(scoped_x509) X509 *certificate = NULL;
    TRY(x509_decode(buf_slice(&der), &certificate, err));
    return buf_append(out_der, der.data, der.len, err);
}
