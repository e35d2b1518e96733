/* The files of an enrolment without a network: what another hand wrote from PROTOCOL.md is read, and nothing that was
 * changed is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/enrolment_file.h"

enum { VALUES_MAX = 16, VALUE_BYTES_MAX = 2048 };

static struct {
    char name[16];
    uint8_t bytes[VALUE_BYTES_MAX];
    size_t len;
} values[VALUES_MAX];
static size_t value_count;
static int64_t made_at_ms;
static struct device_key *key;

static struct slice value_of(const char *name)
{
    for (size_t i = 0; i < value_count; i++) {
        if (strcmp(values[i].name, name) == 0) {
            return slice_of(values[i].bytes, values[i].len);
        }
    }
    cr_assert_fail("no value '%s'", name);
    return slice_of(NULL, 0);
}

static void begin(void)
{
    static char line[2 * VALUE_BYTES_MAX + 64];
    char path[512];
    const char *folder = getenv("VECTORS_DIR");
    (void)snprintf(path, sizeof(path), "%s/enrolment_file.txt", folder != NULL ? folder : "tests/vectors");
    FILE *in = fopen(path, "re");
    cr_assert_not_null(in, "%s", path);
    while (fgets(line, sizeof(line), in) != NULL) {
        char *value = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        cr_assert(value != NULL && value_count < VALUES_MAX);
        *value++ = '\0';
        if (strcmp(line, "made_at") == 0) {
            made_at_ms = strtoll(value, NULL, 10);
            continue;
        }
        size_t len = strlen(value) / 2;
        cr_assert(len <= VALUE_BYTES_MAX && hex_decode(value, values[value_count].bytes, len));
        values[value_count].len = len;
        (void)snprintf(values[value_count++].name, sizeof(values[0].name), "%.15s", line);
    }
    (void)fclose(in);
    cr_assert_eq(secret_init(NULL), ERR_OK);
    cr_assert_eq(device_key_load(value_of("key"), &key, NULL), ERR_OK);
}

static void end(void)
{
    device_key_free(key);
}

TestSuite(enrolment_file, .init = begin, .fini = end);

static void hash_of_code(uint8_t out[SHA256_BYTES])
{
    enrolment_code_hash(value_of("secret").data, out);
}

Test(enrolment_file, requests_that_another_hand_wrote_are_read_and_proved)
{
    struct enrolment_request request;
    struct error err;
    uint8_t code[SHA256_BYTES];
    hash_of_code(code);
    cr_assert_eq(enrolment_request_read(value_of("by_code"), &request, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(request.made_at_ms, made_at_ms);
    cr_assert(slice_equal(request.pkcs10, value_of("pkcs10")));
    cr_assert(enrolment_request_proves_code(&request, code));
    code[0] ^= 1;
    cr_assert(!enrolment_request_proves_code(&request, code));
    cr_assert_eq(enrolment_request_read(value_of("by_key"), &request, &err), ERR_OK, "%s", err.message);
    cr_assert(slice_equal(request.certificate, value_of("certificate")));
    cr_assert_eq(enrolment_request_check_key(&request, &err), ERR_OK, "%s", err.message);
    code[0] ^= 1;
    cr_assert(!enrolment_request_proves_code(&request, code));
}

Test(enrolment_file, an_answer_that_another_hand_wrote_opens)
{
    struct enrolment_opened opened;
    struct error err;
    cr_assert_eq(enrolment_answer_open(value_of("answer"), key, &opened, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(opened.answer.made_at_ms, made_at_ms + 60000);
    cr_assert(slice_equal(opened.answer.certificate, value_of("certificate")));
    cr_assert(slice_equal(opened.answer.authorities, value_of("authorities")));
    cr_assert(slice_equal(opened.answer.site, value_of("site")));
    cr_assert_eq(enrolment_answer_check(&opened, value_of("centre"), &err), ERR_OK, "%s", err.message);
    struct certificate device;
    cr_assert_eq(certificate_parse(value_of("certificate"), &device, &err), ERR_OK);
    cr_assert_eq(enrolment_answer_check(&opened, slice_of(device.public_key, device.public_key_len), &err),
                 ERR_HISTORY);
    enrolment_opened_fini(&opened);
}

static bool is_taken(struct slice file)
{
    struct enrolment_request request;
    struct enrolment_opened opened;
    uint8_t code[SHA256_BYTES];
    hash_of_code(code);
    if (enrolment_request_read(file, &request, NULL) == ERR_OK) {
        return request.certificate.len > 0 ? enrolment_request_check_key(&request, NULL) == ERR_OK
                                           : enrolment_request_proves_code(&request, code);
    }
    if (enrolment_answer_open(file, key, &opened, NULL) == ERR_OK) {
        enrolment_opened_fini(&opened);
        return true;
    }
    return false;
}

Test(enrolment_file, no_byte_can_be_changed_or_left_out_or_added)
{
    static const char *const names[] = { "by_code", "by_key", "answer" };
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        uint8_t bytes[VALUE_BYTES_MAX + 1] = { 0 };
        struct slice file = value_of(names[n]);
        memcpy(bytes, file.data, file.len);
        cr_assert(is_taken(slice_of(bytes, file.len)), "%s", names[n]);
        cr_assert(!is_taken(slice_of(bytes, file.len + 1)), "%s", names[n]);
        for (size_t i = 0; i < file.len; i++) {
            bytes[i] ^= 1;
            cr_assert(!is_taken(slice_of(bytes, file.len)), "%s changed at %zu", names[n], i);
            bytes[i] ^= 1;
            cr_assert(!is_taken(slice_of(bytes, i)), "%s cut after %zu", names[n], i);
        }
    }
}

Test(enrolment_file, a_file_for_something_else_is_named)
{
    struct enrolment_request request;
    struct enrolment_opened opened;
    struct error err;
    struct device_key *other;
    static const char bundle[] = "HFBUNDLE and so on";
    cr_assert_eq(enrolment_request_read(value_of("answer"), &request, &err), ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "a centre's answer"), "%s", err.message);
    cr_assert_eq(enrolment_answer_open(value_of("by_code"), key, &opened, &err), ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "a device's request"), "%s", err.message);
    cr_assert_eq(enrolment_answer_open(slice_of_text(bundle), key, &opened, &err), ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "a bundle"), "%s", err.message);
    cr_assert_eq(device_key_generate(&other, NULL), ERR_OK);
    cr_assert_eq(enrolment_answer_open(value_of("answer"), other, &opened, &err), ERR_REFUSED);
    device_key_free(other);
}

Test(enrolment_file, what_is_written_here_is_read_here)
{
    struct enrolment_answer answer = { .made_at_ms = 7,
                                       .certificate = value_of("certificate"),
                                       .authorities = value_of("authorities"),
                                       .site = value_of("site") };
    struct enrolment_request request = { .made_at_ms = 5, .pkcs10 = value_of("pkcs10") };
    struct buf file;
    uint8_t code[SHA256_BYTES];
    hash_of_code(code);
    buf_init(&file, ENROLMENT_FILE_MAX);
    cr_assert_eq(enrolment_request_by_code(&request, code, &file, NULL), ERR_OK);
    cr_assert(is_taken(buf_slice(&file)));
    buf_clear(&file);
    request.certificate = value_of("certificate");
    cr_assert_eq(enrolment_request_by_key(&request, key, &file, NULL), ERR_OK);
    cr_assert(is_taken(buf_slice(&file)));
    buf_clear(&file);
    cr_assert_eq(enrolment_answer_write(&answer, key, &file, NULL), ERR_OK);
    cr_assert(is_taken(buf_slice(&file)));
    buf_fini(&file);
}
