/* What is said of refused ops, and errors, as the document says: tests/vectors/refused.py reads the same lines. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sync/exchange.h"

#define WORDS_MAX 5
#define TOLD_MAX 256

/* Those from `from` to `last` of a list of ascending numbers, so many at most as are counted. */
static size_t read_seqs(const char *text, uint64_t from, uint64_t last, uint64_t seqs[EXCHANGE_REFUSALS_MAX])
{
    size_t count = 0;
    while (*text >= '0' && *text <= '9' && count < EXCHANGE_REFUSALS_MAX) {
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
    exchange_refused_hash(seqs, read_seqs(refused, request.refused.from, request.acked_seq, seqs), hash);
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

/* Its words are: what it is, a name, the bytes; of a request what is refused; what holds. */
static void take_line(char *line)
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
    size_t len = strlen(words[2]) / 2;
    uint8_t *bytes = malloc(len + 1);
    cr_assert(bytes != NULL && hex_decode(words[2], bytes, len));
    if (strcmp(words[0], "request") == 0) {
        judge_request(slice_of(bytes, len), words[3], told);
    } else if (strcmp(words[0], "answer") == 0) {
        judge_answer(slice_of(bytes, len), told);
    } else {
        judge_error(slice_of(bytes, len), told);
    }
    cr_expect_str_eq(told, words[count - 1], "%s: %s", words[1], told);
    free(bytes);
}

Test(refused, is_told_as_the_document_says)
{
    struct buf text;
    char path[512];
    char *rest = NULL;
    size_t lines = 0;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/refused.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, NULL), ERR_OK);
    cr_assert_eq(buf_append(&text, "", 1, NULL), ERR_OK);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        take_line(line);
        lines++;
    }
    cr_assert_geq(lines, 30);
    buf_fini(&text);
}
