/* tests/vectors/enrolment.txt: what another hand made of codes and of the roll-over of an authority, by the document.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define LINE_MAX_BYTES 16384
#define NAMES_MAX 32

static struct {
    char name[32];
    struct buf der;
} certificates[NAMES_MAX];
static size_t certificate_count;

static struct slice named(const char *name)
{
    for (size_t i = 0; i < certificate_count; i++) {
        if (strcmp(certificates[i].name, name) == 0) {
            return buf_slice(&certificates[i].der);
        }
    }
    cr_assert_fail("no certificate '%s'", name);
    return slice_of(NULL, 0);
}

static void take_certificate(const char *name, const char *digits)
{
    uint8_t bytes[CERTIFICATE_DER_MAX];
    size_t len = strlen(digits) / 2;
    cr_assert(certificate_count < NAMES_MAX && len <= sizeof(bytes) && hex_decode(digits, bytes, len));
    (void)snprintf(certificates[certificate_count].name, sizeof(certificates[0].name), "%s", name);
    buf_init(&certificates[certificate_count].der, CERTIFICATE_DER_MAX);
    assert_ok(buf_append(&certificates[certificate_count++].der, bytes, len, err));
}

/* Names with commas between, one behind the other; "-" is nothing. */
static void gather(const char *names, struct buf *out)
{
    char copy[256];
    char *rest = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", names);
    for (char *name = strtok_r(copy, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        struct slice der = strcmp(name, "-") == 0 ? slice_of("", 0) : named(name);
        assert_ok(buf_append(out, der.data, der.len, err));
    }
}

static void check_code(const char *digits, const char *text)
{
    struct enrolment_code code;
    char again[ENROLMENT_CODE_SIZE];
    char read[2 * sizeof(code) + 1];
    assert_ok(enrolment_code_parse(text, &code, err));
    hex_encode(code.secret, ENROLMENT_SECRET_BYTES, read);
    hex_encode(code.ca_pin, ENROLMENT_PIN_BYTES, read + strlen(read));
    cr_assert_str_eq(read, digits);
    enrolment_code_format(&code, again);
    cr_assert_str_eq(again, text);
}

static void check_roll(char *const *words, bool pinned)
{
    SCOPED(buf_fini) struct buf given;
    SCOPED(buf_fini) struct buf known;
    SCOPED(buf_fini) struct buf wanted;
    SCOPED(buf_fini) struct buf got;
    struct error err = { .message = "" };
    uint8_t pin[ENROLMENT_PIN_BYTES];
    int64_t at_ms = strtoll(words[1], NULL, 10);
    bool refused = strcmp(words[4], "refused") == 0;
    buf_init(&given, AUTHORITIES_DER_MAX);
    buf_init(&known, AUTHORITIES_DER_MAX);
    buf_init(&wanted, AUTHORITIES_DER_MAX);
    buf_init(&got, AUTHORITIES_DER_MAX);
    gather(words[2], &given);
    enum err_code rc;
    if (pinned) {
        cr_assert(hex_decode(words[3], pin, sizeof(pin)));
        rc = authorities_pinned(buf_slice(&given), slice_of(pin, sizeof(pin)), at_ms, &got, &err);
    } else {
        gather(words[3], &known);
        rc = authorities_follow(buf_slice(&given), buf_slice(&known), at_ms, &got, &err);
    }
    cr_assert_eq(rc, refused ? ERR_TLS : ERR_OK, "%s %s %s: %s", words[1], words[2], words[3], err.message);
    if (!refused) {
        gather(words[4], &wanted);
        gather(words[5], &wanted);
    }
    cr_assert(slice_equal(buf_slice(&got), buf_slice(&wanted)), "%s %s %s", words[1], words[2], words[3]);
}

static void check_line(char *line)
{
    struct certificate parsed;
    char *words[6] = { 0 };
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < 6; word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    if (strcmp(words[0], "certificate") == 0) {
        take_certificate(words[1], words[2]);
    } else if (strcmp(words[0], "code") == 0) {
        check_code(words[1], words[2]);
    } else if (strcmp(words[0], "issued") == 0) {
        assert_ok(certificate_verify(named(words[1]), named(words[2]), -1, &parsed, err));
    } else {
        check_roll(words, strcmp(words[0], "pinned") == 0);
    }
}

Test(enrolment_vectors, mean_what_another_program_says_they_do)
{
    char path[512];
    static char line[LINE_MAX_BYTES];
    size_t lines = 0;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/enrolment.txt", getenv("VECTORS_DIR"));
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        check_line(line);
        lines++;
    }
    (void)fclose(file);
    for (size_t i = 0; i < certificate_count; i++) {
        buf_fini(&certificates[i].der);
    }
    cr_assert_eq(lines, 35);
}
