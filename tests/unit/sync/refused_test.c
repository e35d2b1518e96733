/* What is said of refused ops, and errors, as the document says: refused.py and lifted.py judge the same lines. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sync/exchange.h"

#define WORDS_MAX 5
#define TOLD_MAX 256
#define REFUSED_MAX 512

/* Those from `from` to `last` of a list of ascending numbers, so many at most. */
static size_t read_seqs(const char *text, uint64_t from, uint64_t last, uint64_t *seqs, size_t max)
{
    size_t count = 0;
    while (*text >= '0' && *text <= '9' && count < max) {
        char *end;
        uint64_t seq = strtoull(text, &end, 10);
        if (seq >= from && seq <= last) {
            seqs[count++] = seq;
        }
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void judge_request(struct slice bytes, const char *refused, char told[TOLD_MAX])
{
    struct error err;
    struct exchange_request request;
    uint64_t seqs[EXCHANGE_REFUSALS_MAX];
    uint8_t hash[EXCHANGE_REFUSED_HASH_BYTES];
    cr_assert_eq(exchange_request_decode(bytes, &request, &err), ERR_OK, "%s", err.message);
    exchange_refused_hash(
        seqs, read_seqs(refused, request.refused.from, request.acked_seq, seqs, EXCHANGE_REFUSALS_MAX), hash);
    bool same = memcmp(hash, request.refused.hash, sizeof(hash)) == 0;
    (void)snprintf(told, TOLD_MAX, "%s", request.refused.from == 0 ? "none" : same ? "same" : "other");
}

static void judge_answer(struct slice bytes, char told[TOLD_MAX])
{
    static struct exchange_response answer;
    struct error err;
    cr_assert_eq(exchange_response_decode(bytes, &answer, &err), ERR_OK, "%s", err.message);
    int len = answer.refused_from == 0
                  ? snprintf(told, TOLD_MAX, "after:")
                  : snprintf(told, TOLD_MAX, "from:%llu:", (unsigned long long)answer.refused_from);
    for (size_t i = 0; i < answer.refusal_count; i++) {
        len += snprintf(told + len, TOLD_MAX - (size_t)len, "%s%llu", i == 0 ? "" : ",",
                        (unsigned long long)answer.refusals[i].seq);
    }
    if (answer.refusal_count == 0) {
        (void)snprintf(told + len, TOLD_MAX - (size_t)len, "-");
    }
}

static void judge_error(struct slice bytes, char told[TOLD_MAX])
{
    struct error err;
    struct exchange_error said;
    bool read = exchange_error_decode(bytes, &said, &err) == ERR_OK;
    (void)snprintf(told, TOLD_MAX, "%s", read ? err_code_name(said.code) : "unreadable");
}

/* Of hexadecimal digits; the caller's to free. */
static uint8_t *bytes_of(const char *digits, size_t *ret_len)
{
    *ret_len = strlen(digits) / 2;
    uint8_t *bytes = malloc(*ret_len + 1);
    cr_assert(bytes != NULL && hex_decode(digits, bytes, *ret_len));
    return bytes;
}

/* Its words are: what it is, a name, the bytes; of a request what is refused; what holds. */
static void take_line(void *context, char *line)
{
    char *words[WORDS_MAX] = { NULL };
    char *rest = NULL;
    char told[TOLD_MAX] = "";
    size_t count = 0;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        cr_assert(count < WORDS_MAX);
        words[count++] = word;
    }
    cr_assert(count >= 4);
    size_t len;
    uint8_t *bytes = bytes_of(words[2], &len);
    if (strcmp(words[0], "request") == 0) {
        judge_request(slice_of(bytes, len), words[3], told);
    } else if (strcmp(words[0], "answer") == 0) {
        judge_answer(slice_of(bytes, len), told);
    } else {
        judge_error(slice_of(bytes, len), told);
    }
    cr_expect_str_eq(told, words[count - 1], "%s: %s", words[1], told);
    free(bytes);
    (*(size_t *)context)++;
}

/* A device and its centre, line by line. */
struct talk {
    struct exchange_refused named;
    uint64_t acked_seq;
    uint64_t refused[REFUSED_MAX]; /* by the centre, when it answers */
    size_t refused_count;
    size_t answers;
    size_t lifted; /* answers that tell all anew */
};

static size_t seqs_from(const struct talk *talk, uint64_t from, uint64_t last, uint64_t seqs[EXCHANGE_REFUSALS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < talk->refused_count && count < EXCHANGE_REFUSALS_MAX; i++) {
        if (talk->refused[i] >= from && talk->refused[i] <= last) {
            seqs[count++] = talk->refused[i];
        }
    }
    return count;
}

static void take_answer(struct talk *talk, struct slice bytes)
{
    static struct exchange_response answer;
    struct error err;
    uint64_t seqs[EXCHANGE_REFUSALS_MAX];
    uint8_t hash[EXCHANGE_REFUSED_HASH_BYTES];
    cr_assert_eq(exchange_response_decode(bytes, &answer, &err), ERR_OK, "%s", err.message);
    exchange_refused_hash(seqs, seqs_from(talk, talk->named.from, talk->acked_seq, seqs), hash);
    bool anew = talk->named.from > 0 && memcmp(hash, talk->named.hash, sizeof(hash)) != 0;
    cr_expect_eq(answer.refused_from, anew ? talk->named.from : 0);
    size_t count = seqs_from(talk, anew ? talk->named.from : talk->acked_seq + 1, UINT64_MAX, seqs);
    cr_assert_eq(answer.refusal_count, count, "answer %zu: %zu", talk->answers, answer.refusal_count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(answer.refusals[i].seq, seqs[i]);
    }
    talk->answers++;
    talk->lifted += anew;
}

static void take_said(struct talk *talk, const char *name, struct slice bytes)
{
    struct error err;
    struct exchange_request request;
    if (strcmp(name, "request") == 0) {
        cr_assert_eq(exchange_request_decode(bytes, &request, &err), ERR_OK, "%s", err.message);
        talk->named = request.refused;
        talk->acked_seq = request.acked_seq;
    } else {
        take_answer(talk, bytes);
    }
}

/* What the device holds is told of device and centre at work, in tests/unit/centre. */
static void take_talk(void *context, char *line)
{
    struct talk *talk = context;
    char *value = strchr(line, ' ');
    cr_assert_not_null(value);
    *value++ = '\0';
    if (strcmp(line, "refuses") == 0) {
        talk->refused_count = read_seqs(value, 1, UINT64_MAX, talk->refused, REFUSED_MAX);
    } else if (strcmp(line, "request") == 0 || strcmp(line, "answer") == 0) {
        size_t len;
        uint8_t *bytes = bytes_of(value, &len);
        take_said(talk, line, slice_of(bytes, len));
        free(bytes);
    }
}

static void each_line(const char *name, void (*take)(void *context, char *line), void *context)
{
    struct buf text;
    char path[512];
    char *rest = NULL;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/%s", getenv("VECTORS_DIR"), name);
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, NULL), ERR_OK);
    cr_assert_eq(buf_append(&text, "", 1, NULL), ERR_OK);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        take(context, line);
    }
    buf_fini(&text);
}

Test(refused, is_told_as_the_document_says)
{
    size_t lines = 0;
    each_line("refused.txt", take_line, &lines);
    cr_assert_geq(lines, 30);
}

Test(refused, is_told_anew_by_the_centre_when_it_refuses_other_ones)
{
    static struct talk talk;
    each_line("lifted.txt", take_talk, &talk);
    cr_assert_geq(talk.answers, 12);
    cr_assert_geq(talk.lifted, 4);
}
