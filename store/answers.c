#include "store/answers.h"

static size_t line_end(struct slice text, size_t at)
{
    while (at < text.len && text.data[at] != '\n') {
        at++;
    }
    return at;
}

static bool is_question(struct slice text, size_t at)
{
    size_t end = line_end(text, at);
    return end > at && text.data[end - 1] == '?';
}

/* Where the next question begins, behind an empty line. */
static size_t next_question(struct slice text, size_t at)
{
    for (; at + 2 < text.len; at++) {
        if (text.data[at] == '\n' && text.data[at + 1] == '\n' && is_question(text, at + 2)) {
            return at + 2;
        }
    }
    return text.len;
}

bool answers_next(struct slice *rest, struct slice *ret_answer)
{
    if (rest->len == 0) {
        return false;
    }
    size_t from = is_question(*rest, 0) ? line_end(*rest, 0) : 0;
    size_t to = next_question(*rest, from);
    *ret_answer = slice_of(rest->data + from, to - from);
    *rest = slice_of(rest->data + to, rest->len - to);
    return true;
}

/* UTF-8. From U+00C0 to U+1FFF are the letters of nearly all alphabets, from U+3040 to U+D7FF those of East Asia;
 * between them stand punctuation and signs. */
static bool begins_letter(uint8_t c, uint8_t next)
{
    bool ascii = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return ascii || (c >= 0xc3 && c <= 0xe1) || (c == 0xe3 && next >= 0x81) || (c >= 0xe4 && c <= 0xed);
}

bool answer_says_something(struct slice answer)
{
    for (size_t i = 0; i < answer.len; i++) {
        if (begins_letter(answer.data[i], i + 1 < answer.len ? answer.data[i + 1] : 0)) {
            return true;
        }
    }
    return false;
}

bool answers_given(struct slice text)
{
    struct slice answer;
    bool given = false;
    while (answers_next(&text, &answer)) {
        if (!answer_says_something(answer)) {
            return false;
        }
        given = true;
    }
    return given;
}
