#include "agent/import/cell.h"

#include <string.h>

#include "base/clock.h"

#define YEAR_FIRST 2000
#define YEAR_LAST 2099
#define SHOWN_CHARACTERS 40

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The next letter or digit in lower case, or 0 at the end. Bytes outside ASCII count as letters. */
static uint8_t next_letter(struct slice text, size_t *at)
{
    while (*at < text.len) {
        uint8_t c = text.data[(*at)++];
        if (c >= 'A' && c <= 'Z') {
            return (uint8_t)(c - 'A' + 'a');
        }
        if (c >= 0x80 || is_digit((char)c) || (c >= 'a' && c <= 'z')) {
            return c;
        }
    }
    return 0;
}

bool words_same(struct slice a, struct slice b)
{
    size_t a_at = 0;
    size_t b_at = 0;
    uint8_t letter = 0;
    bool any = false;
    do {
        letter = next_letter(a, &a_at);
        if (letter != next_letter(b, &b_at)) {
            return false;
        }
        any = any || letter != 0;
    } while (letter != 0);
    return any || slice_equal(a, b);
}

bool words_in_list(struct slice text, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        if (words_same(text, slice_of(list, len))) {
            return true;
        }
        list += len + (list[len] == ',');
    }
    return false;
}

/* 1 to `most` digits at *text, which moves behind them; -1 if there are none. `ret_count` takes their number. */
static int take_number(const char **text, int most, int *ret_count)
{
    int value = 0;
    int count = 0;
    while (count < most && is_digit((*text)[count])) {
        value = value * 10 + ((*text)[count] - '0');
        count++;
    }
    *text += count;
    *ret_count = count;
    return count == 0 ? -1 : value;
}

static bool day_first_date(const char *text, int *ret_year, int *ret_month, int *ret_day_of_month)
{
    int count;
    *ret_day_of_month = take_number(&text, 2, &count);
    char separator = *text;
    if (separator != '/' && separator != '-') {
        return false;
    }
    text++;
    *ret_month = take_number(&text, 2, &count);
    if (*text++ != separator) {
        return false;
    }
    *ret_year = take_number(&text, 4, &count);
    if (*text != '\0' || (count != 4 && !(count == 2 && separator == '/'))) {
        return false;
    }
    *ret_year += count == 2 ? 2000 : 0;
    return true;
}

bool cell_date(const char *text, int32_t *ret_day)
{
    int year;
    int month;
    int day_of_month;
    int32_t day;
    if (date_parse(text, &day)) {
        date_to_civil(day, &year, &month, &day_of_month);
    } else if (!day_first_date(text, &year, &month, &day_of_month) || !date_valid(year, month, day_of_month)) {
        return false;
    }
    if (year < YEAR_FIRST || year > YEAR_LAST) {
        return false;
    }
    *ret_day = date_from_civil(year, month, day_of_month);
    return true;
}

/* Hundredths of an hour as minutes, or -1. `text` is behind the decimal point. */
static int fraction_minutes(const char *text)
{
    int count;
    int hundredths = take_number(&text, 2, &count);
    bool ambiguous = count == 2 && (hundredths == 15 || hundredths == 30 || hundredths == 45);
    if (count == 0 || *text != '\0' || ambiguous) {
        return -1;
    }
    hundredths *= count == 1 ? 10 : 1;
    return (hundredths * 60 + 50) / 100;
}

/* "mm" or "mm:00", or -1. */
static int clock_minutes(const char *text)
{
    int count;
    int minutes = take_number(&text, 2, &count);
    return count == 2 && minutes < 60 && (*text == '\0' || strcmp(text, ":00") == 0) ? minutes : -1;
}

bool cell_hours(const char *text, int64_t *ret_minutes)
{
    int count;
    int hours = take_number(&text, 3, &count);
    int minutes = 0;
    if (*text == '.' || *text == ',') {
        minutes = fraction_minutes(text + 1);
    } else if (*text == ':') {
        minutes = clock_minutes(text + 1);
    } else if (*text != '\0') {
        return false;
    }
    if (hours < 0 || minutes < 0) {
        return false;
    }
    *ret_minutes = (int64_t)hours * 60 + minutes;
    return true;
}

bool cell_integer(const char *text, int64_t *ret_number)
{
    int count;
    int number = take_number(&text, 9, &count);
    if (number < 0 || *text != '\0') {
        return false;
    }
    *ret_number = number;
    return true;
}

bool cell_reason(const char *text, char out[REASON_TEXT_SIZE])
{
    char reason[REASON_TEXT_SIZE];
    size_t len = 0;
    for (; *text != '\0'; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        bool joint = c == ' ' || c == '-' || c == '_';
        if ((!joint && !is_digit(c) && (c < 'a' || c > 'z')) || len == REASON_TEXT_SIZE - 1) {
            return false;
        }
        reason[len] = joint ? '_' : c;
        len += !joint || (len > 0 && reason[len - 1] != '_');
    }
    len -= len > 0 && reason[len - 1] == '_';
    if (len == 0) {
        return false;
    }
    memcpy(out, reason, len);
    out[len] = '\0';
    return true;
}

const struct code_word *cell_code(const struct code_word *words, const char *text)
{
    for (; words->word != NULL; words++) {
        if (words_same(slice_of_text(text), slice_of_text(words->word))) {
            return words;
        }
    }
    return NULL;
}

/* C0 without tab and line feed, DEL, and C1 (C2 80 to C2 9F in UTF-8). */
static bool control_at(const char *text)
{
    uint8_t c = (uint8_t)text[0];
    return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f ||
           (c == 0xc2 && (uint8_t)text[1] >= 0x80 && (uint8_t)text[1] < 0xa0);
}

bool cell_has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (control_at(text)) {
            return true;
        }
    }
    return false;
}

void cell_show(const char *text, char out[IMPORT_FOUND_SIZE])
{
    size_t len = 0;
    for (int shown = 0; *text != '\0'; shown++) {
        if (shown == SHOWN_CHARACTERS) {
            memcpy(out + len, "...", 3);
            len += 3;
            break;
        }
        bool control = control_at(text);
        out[len++] = *text == '\t' || *text == '\n' ? ' ' : control ? '?' : *text;
        while (((uint8_t) * ++text & 0xc0) == 0x80) {
            out[len] = *text;
            len += !control;
        }
    }
    out[len] = '\0';
}
