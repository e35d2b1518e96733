#include <string.h>

#include "crypto/identity.h"

#define HASH_CONTEXT "holdfast/code/v1"

enum {
    SYMBOL_BITS = 5,
    SYMBOL_MASK = 31,
    CODE_BYTES = ENROLMENT_SECRET_BYTES + ENROLMENT_PIN_BYTES,
    DATA_SYMBOLS = CODE_BYTES * 8 / SYMBOL_BITS,
    SYMBOLS = DATA_SYMBOLS + 1,
    GROUP_SYMBOLS = 4,
    TEXT_BYTES_MAX = 256,
};

_Static_assert(DATA_SYMBOLS *SYMBOL_BITS == CODE_BYTES * 8, "no bit is left over");
_Static_assert(ENROLMENT_CODE_SIZE == SYMBOLS + DATA_SYMBOLS / GROUP_SYMBOLS + 1, "symbols, hyphens and the NUL");

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Times x in GF(32) = GF(2)[x] / (x^5 + x^2 + 1). */
static uint8_t times_x(uint8_t value)
{
    return (uint8_t)((value << 1 ^ ((value & 16) != 0 ? 0x25 : 0)) & SYMBOL_MASK);
}

/*
 * Horner's rule for the sum of x^(32 - i) * symbol[i], i from 0 to 31. No weight is zero, so one wrong symbol is always
 * noticed; neighbours (and the last symbol and the check) differ in weight, so two that changed places are too.
 */
static uint8_t check_symbol(const uint8_t symbols[DATA_SYMBOLS])
{
    uint8_t sum = 0;
    for (size_t i = 0; i < DATA_SYMBOLS; i++) {
        sum = times_x(sum ^ symbols[i]);
    }
    return sum;
}

static void symbols_from_bytes(const uint8_t bytes[CODE_BYTES], uint8_t symbols[DATA_SYMBOLS])
{
    for (size_t i = 0; i < DATA_SYMBOLS; i++) {
        size_t bit = i * SYMBOL_BITS;
        uint32_t pair = (uint32_t)bytes[bit / 8] << 8 | (bit / 8 + 1 < CODE_BYTES ? bytes[bit / 8 + 1] : 0);
        symbols[i] = (uint8_t)(pair >> (16 - SYMBOL_BITS - bit % 8) & SYMBOL_MASK);
    }
}

static void bytes_from_symbols(const uint8_t symbols[DATA_SYMBOLS], uint8_t bytes[CODE_BYTES])
{
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < DATA_SYMBOLS; i++) {
        held = held << SYMBOL_BITS | symbols[i];
        bits += SYMBOL_BITS;
        if (bits >= 8) {
            bits -= 8;
            *bytes++ = (uint8_t)(held >> bits);
        }
    }
}

void enrolment_code_format(const struct enrolment_code *code, char out[ENROLMENT_CODE_SIZE])
{
    uint8_t bytes[CODE_BYTES];
    uint8_t symbols[SYMBOLS];
    memcpy(bytes, code->secret, ENROLMENT_SECRET_BYTES);
    memcpy(bytes + ENROLMENT_SECRET_BYTES, code->ca_pin, ENROLMENT_PIN_BYTES);
    symbols_from_bytes(bytes, symbols);
    symbols[DATA_SYMBOLS] = check_symbol(symbols);
    for (size_t i = 0; i < SYMBOLS; i++) {
        if (i > 0 && i % GROUP_SYMBOLS == 0) {
            *out++ = '-';
        }
        *out++ = alphabet[symbols[i]];
    }
    *out = '\0';
    secret_wipe(bytes, sizeof(bytes));
    secret_wipe(symbols, sizeof(symbols));
}

/* -1 for a character that stands for nothing. */
static int symbol_of(char c)
{
    char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    if (upper == 'O') {
        return 0;
    }
    if (upper == 'I' || upper == 'L') {
        return 1;
    }
    const char *found = upper == '\0' ? NULL : strchr(alphabet, upper);
    return found == NULL ? -1 : (int)(found - alphabet);
}

/* Exactly SYMBOLS of them; false otherwise. */
static bool symbols_read(const char *text, uint8_t symbols[SYMBOLS])
{
    size_t count = 0;
    if (strnlen(text, TEXT_BYTES_MAX + 1) > TEXT_BYTES_MAX) {
        return false;
    }
    for (; *text != '\0'; text++) {
        int symbol = symbol_of(*text);
        if (*text == '-' || *text == ' ') {
            continue;
        }
        if (symbol < 0 || count == SYMBOLS) {
            return false;
        }
        symbols[count++] = (uint8_t)symbol;
    }
    return count == SYMBOLS;
}

enum err_code enrolment_code_parse(const char *text, struct enrolment_code *ret_code, struct error *err)
{
    uint8_t symbols[SYMBOLS];
    uint8_t bytes[CODE_BYTES];
    enum err_code rc = ERR_OK;
    if (!symbols_read(text, symbols)) {
        rc = FAIL(err, INVALID, "read an enrolment code: it is not %d letters and digits", SYMBOLS);
    } else if (check_symbol(symbols) != symbols[DATA_SYMBOLS]) {
        rc = FAIL(err, INVALID, "read an enrolment code: a character is wrong or two have changed places");
    } else {
        bytes_from_symbols(symbols, bytes);
        memcpy(ret_code->secret, bytes, ENROLMENT_SECRET_BYTES);
        memcpy(ret_code->ca_pin, bytes + ENROLMENT_SECRET_BYTES, ENROLMENT_PIN_BYTES);
        secret_wipe(bytes, sizeof(bytes));
    }
    secret_wipe(symbols, sizeof(symbols));
    return rc;
}

void enrolment_code_hash(const uint8_t secret[ENROLMENT_SECRET_BYTES], uint8_t ret_hash[SHA256_BYTES])
{
    struct slice parts[] = { slice_of(HASH_CONTEXT, sizeof(HASH_CONTEXT)), slice_of(secret, ENROLMENT_SECRET_BYTES) };
    sha256(parts, ARRAY_LEN(parts), ret_hash);
}
