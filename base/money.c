#include "base/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PENCE_A_POUND = 100, GROUP_DIGITS = 3 };

void pounds_format(int64_t pence, char out[POUNDS_TEXT_SIZE])
{
    uint64_t all = pence < 0 ? 0 - (uint64_t)pence : (uint64_t)pence;
    uint64_t pounds = all / PENCE_A_POUND;
    char digits[POUNDS_TEXT_SIZE];
    int count = snprintf(digits, sizeof(digits), "%" PRIu64, pounds);
    size_t at = (size_t)snprintf(out, POUNDS_TEXT_SIZE, "%s£", pence < 0 ? "-" : "");
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % GROUP_DIGITS == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    (void)snprintf(out + at, POUNDS_TEXT_SIZE - at, ".%02d", (int)(all % PENCE_A_POUND));
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, in groups of three once a comma came; how many characters, 0 if they are none or wrongly grouped. */
static size_t read_pounds(const char *text, int64_t max, int64_t *ret_pounds)
{
    int64_t pounds = 0;
    size_t at = 0;
    size_t since_comma = 0;
    bool grouped = false;
    for (; digit(text[at]) || (text[at] == ',' && at > 0); at++) {
        if (text[at] == ',') {
            if (grouped ? since_comma != GROUP_DIGITS : since_comma > GROUP_DIGITS) {
                return 0;
            }
            grouped = true;
            since_comma = 0;
            continue;
        }
        pounds = pounds * 10 + (text[at] - '0');
        since_comma++;
        if (pounds > max) {
            return 0;
        }
    }
    if (grouped && since_comma != GROUP_DIGITS) {
        return 0;
    }
    *ret_pounds = pounds;
    return at;
}

bool pounds_parse(const char *text, int64_t max_pence, int64_t *ret_pence)
{
    static const char sign[] = "£";
    if (strncmp(text, sign, sizeof(sign) - 1) == 0) {
        text += sizeof(sign) - 1;
    }
    int64_t pounds;
    size_t len = read_pounds(text, max_pence / PENCE_A_POUND, &pounds);
    if (len == 0) {
        return false;
    }
    int64_t pence = 0;
    const char *rest = text + len;
    if (rest[0] == '.' && digit(rest[1])) {
        pence = (rest[1] - '0') * (int64_t)10;
        rest += 2;
        if (digit(*rest)) {
            pence += *rest++ - '0';
        }
    }
    if (*rest != '\0' || pounds * PENCE_A_POUND + pence > max_pence) {
        return false;
    }
    *ret_pence = pounds * PENCE_A_POUND + pence;
    return true;
}
