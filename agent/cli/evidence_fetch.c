/* Page by page from the agent: the records, then the headers that lead to what their devices signed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/evidence_pack.h"
#include "agent/cli/memory.h"
#include "crypto/identity.h"

enum { PIECE_MAX = 65536, NUMBER_SIZE = 24 };

struct fetch {
    struct cli *cli;
    struct evidence_pack *pack;
    size_t headers; /* of all runs */
};

/* False for what is not BASE64 there. */
static bool bytes_of(const json_t *object, const char *name, struct buf *out)
{
    buf_init(out, PIECE_MAX);
    return base64_decode(slice_of_text(answer_text(object, name)), out, NULL) == ERR_OK;
}

static enum exit_code not_understood(struct cli *cli)
{
    struct error err;
    (void)FAIL(&err, PROTOCOL, "read the agent's answer: this program and the agent are of different versions");
    return call_refused(cli, &err);
}

static enum exit_code too_much(struct cli *cli)
{
    struct error err;
    (void)FAIL(&err, LIMIT, "make a pack of more than %d records or %d headers: name a session instead",
               EVIDENCE_RECORDS_MAX, EVIDENCE_HEADERS_MAX);
    return call_refused(cli, &err);
}

static void show_progress(const struct fetch *fetch)
{
    if (fetch->cli->notes.width > 0) {
        screen_print(&fetch->cli->notes, "\rreading: %zu records, %zu headers ", fetch->pack->record_count,
                     fetch->headers);
    }
}

/* ---- records ---- */

static bool take_record(struct evidence_pack *pack, json_t *json)
{
    pack->records = must_have(reallocarray(pack->records, pack->record_count + 1, sizeof(*pack->records)));
    struct evidence_record *record = &pack->records[pack->record_count++];
    *record = (struct evidence_record){ .json = json_incref(json),
                                        .erased = answer_true(json, "erased"),
                                        .seq = (uint64_t)answer_int(answer_member(json, "op"), "seq"),
                                        .chain = EVIDENCE_NO_CHAIN,
                                        .receipt = EVIDENCE_NO_RECEIPT };
    bool header = bytes_of(json, "header", &record->header);
    bool body = bytes_of(json, "body", &record->body);
    bool salt = bytes_of(json, "salt", &record->salt);
    bool proof = bytes_of(json, "proof", &record->proof);
    record->position = (uint64_t)answer_int(json, "position");
    return header && body && salt && proof && record->header.len > 0;
}

static enum exit_code fetch_records(struct fetch *fetch, const char *subject)
{
    char after[NUMBER_SIZE] = "0";
    char tree[NUMBER_SIZE];
    (void)snprintf(tree, sizeof(tree), "%" PRId64, answer_int(answer_member(fetch->pack->about, "checkpoint"), "size"));
    for (bool more = true; more;) {
        char *path = path_of("/v1/evidence/records");
        path_add(&path, "subject", subject);
        path_add(&path, "after", after);
        path_add(&path, "size", tree);
        path_add(&path, "limit", "500"); /* the agent reads all headers once for a page with proofs */
        SCOPED(answer_free) json_t *answer = NULL;
        enum exit_code code = call(fetch->cli, "GET", path, NULL, CALL_NO_TIMEOUT, &answer);
        if (code != EXIT_DONE) {
            return code;
        }
        size_t index;
        json_t *record;
        json_array_foreach(answer_member(answer, "records"), index, record)
        {
            if (fetch->pack->record_count == EVIDENCE_RECORDS_MAX) {
                return too_much(fetch->cli);
            }
            if (!take_record(fetch->pack, record)) {
                return not_understood(fetch->cli);
            }
            (void)snprintf(after, sizeof(after), "%s", answer_text(record, "place"));
        }
        more = answer_true(answer, "more") && index > 0;
        show_progress(fetch);
    }
    return EXIT_DONE;
}

/* RFC 3339 in UTC sorts as text. */
static int by_time(const void *left, const void *right)
{
    const struct evidence_record *a = left;
    const struct evidence_record *b = right;
    int order = strcmp(answer_text(a->json, "recorded_at"), answer_text(b->json, "recorded_at"));
    if (order == 0) {
        order = strcmp(answer_text(answer_member(a->json, "op"), "device"),
                       answer_text(answer_member(b->json, "op"), "device"));
    }
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

/* ---- runs ---- */

/* Records under the same signature share a run. */
static void assign_run(struct evidence_pack *pack, struct evidence_record *record)
{
    const json_t *op = answer_member(record->json, "op");
    const char *device = answer_text(op, "device");
    uint32_t incarnation = (uint32_t)answer_int(op, "incarnation");
    uint64_t signed_seq = (uint64_t)answer_int(record->json, "signed_seq");
    if (signed_seq == 0) {
        return;
    }
    for (size_t i = 0; i < pack->run_count; i++) {
        struct evidence_run *run = &pack->runs[i];
        if (run->signed_seq == signed_seq && run->incarnation == incarnation && strcmp(run->device, device) == 0) {
            run->first_seq = record->seq < run->first_seq ? record->seq : run->first_seq;
            record->chain = i;
            return;
        }
    }
    pack->runs = must_have(reallocarray(pack->runs, pack->run_count + 1, sizeof(*pack->runs)));
    struct evidence_run *run = &pack->runs[pack->run_count];
    *run = (struct evidence_run){ .incarnation = incarnation, .first_seq = record->seq, .signed_seq = signed_seq };
    (void)snprintf(run->device, sizeof(run->device), "%.32s", device);
    record->chain = pack->run_count++;
}

static char *chain_path(const char *what, const struct evidence_run *run, const char *name, uint64_t seq)
{
    char number[NUMBER_SIZE];
    char *path = path_of("/v1/evidence/%s", what);
    path_add(&path, "device", run->device);
    (void)snprintf(number, sizeof(number), "%" PRIu32, run->incarnation);
    path_add(&path, "incarnation", number);
    (void)snprintf(number, sizeof(number), "%" PRIu64, seq);
    path_add(&path, name, number);
    return path;
}

static enum exit_code fetch_page(struct fetch *fetch, const struct evidence_run *run, uint64_t from,
                                 json_t **ret_answer)
{
    char number[NUMBER_SIZE];
    char *path = chain_path("chain", run, "from", from);
    (void)snprintf(number, sizeof(number), "%" PRIu64, run->signed_seq);
    path_add(&path, "to", number);
    return call(fetch->cli, "GET", path, NULL, CALL_NO_TIMEOUT, ret_answer);
}

static bool take_page(struct fetch *fetch, struct evidence_run *run, const json_t *answer)
{
    const json_t *headers = answer_member(answer, "headers");
    size_t count = json_array_size(headers);
    run->headers = must_have(reallocarray(run->headers, run->header_count + count + 1, sizeof(*run->headers)));
    for (size_t i = 0; i < count; i++) {
        if (!bytes_of(json_array_get(headers, i), "header", &run->headers[run->header_count++])) {
            return false;
        }
    }
    fetch->headers += count;
    if (run->certificate != NULL) {
        return count > 0;
    }
    run->certificate = must_have(strdup(answer_text(answer, "certificate")));
    bool before = bytes_of(answer, "before", &run->before);
    bool signature = bytes_of(answer, "signature", &run->signature);
    return before && signature && count > 0;
}

static enum exit_code fetch_run(struct fetch *fetch, struct evidence_run *run)
{
    uint64_t count = run->signed_seq - run->first_seq + 1;
    if (count > EVIDENCE_HEADERS_MAX || fetch->headers + count > EVIDENCE_HEADERS_MAX) {
        return too_much(fetch->cli);
    }
    while (run->header_count < count) {
        SCOPED(answer_free) json_t *answer = NULL;
        enum exit_code code = fetch_page(fetch, run, run->first_seq + run->header_count, &answer);
        if (code != EXIT_DONE) {
            return code;
        }
        if (!take_page(fetch, run, answer)) {
            return not_understood(fetch->cli);
        }
        show_progress(fetch);
    }
    return EXIT_DONE;
}

/* ---- receipts ---- */

static enum exit_code fetch_receipt(struct fetch *fetch, size_t chain, uint64_t seq)
{
    struct evidence_pack *pack = fetch->pack;
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code =
        call(fetch->cli, "GET", chain_path("receipt", &pack->runs[chain], "seq", seq), NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    pack->receipts = must_have(reallocarray(pack->receipts, pack->receipt_count + 1, sizeof(*pack->receipts)));
    struct evidence_receipt_file *receipt = &pack->receipts[pack->receipt_count++];
    *receipt = (struct evidence_receipt_file){ .chain = chain,
                                               .seq = seq,
                                               .certificate = must_have(strdup(answer_text(answer, "certificate"))) };
    bool signed_bytes = bytes_of(answer, "signed", &receipt->signed_bytes);
    bool signature = bytes_of(answer, "signature", &receipt->signature);
    return signed_bytes && signature ? EXIT_DONE : not_understood(fetch->cli);
}

/* Records that one receipt covers share it. */
static enum exit_code fetch_receipt_of(struct fetch *fetch, struct evidence_record *record)
{
    const struct evidence_pack *pack = fetch->pack;
    uint64_t seq = (uint64_t)answer_int(record->json, "receipt_seq");
    if (seq == 0 || record->chain == EVIDENCE_NO_CHAIN) {
        return EXIT_DONE;
    }
    for (record->receipt = 0; record->receipt < pack->receipt_count; record->receipt++) {
        const struct evidence_receipt_file *held = &pack->receipts[record->receipt];
        if (held->chain == record->chain && held->seq == seq) {
            return EXIT_DONE;
        }
    }
    return fetch_receipt(fetch, record->chain, seq);
}

/* ---- all ---- */

static enum exit_code fetch_all(struct fetch *fetch, const char *subject)
{
    struct evidence_pack *pack = fetch->pack;
    enum exit_code code = call(fetch->cli, "POST", path_of("/v1/evidence"), json_pack("{s:s}", "subject", subject),
                               CALL_NO_TIMEOUT, &pack->about);
    if (code == EXIT_DONE) {
        code = fetch_records(fetch, subject);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    for (size_t i = 0; i < pack->record_count; i++) {
        assign_run(pack, &pack->records[i]);
    }
    if (pack->record_count > 0) {
        qsort(pack->records, pack->record_count, sizeof(*pack->records), by_time);
    }
    for (size_t i = 0; i < pack->run_count && code == EXIT_DONE; i++) {
        code = fetch_run(fetch, &pack->runs[i]);
    }
    for (size_t i = 0; i < pack->record_count && code == EXIT_DONE; i++) {
        code = fetch_receipt_of(fetch, &pack->records[i]);
    }
    return code;
}

enum exit_code evidence_fetch(struct cli *cli, const char *subject, struct evidence_pack *ret_pack)
{
    struct evidence_pack pack = { 0 };
    struct fetch fetch = { .cli = cli, .pack = &pack };
    enum exit_code code = fetch_all(&fetch, subject);
    if (cli->notes.width > 0 && pack.record_count > 0) {
        screen_print(&cli->notes, "\n");
    }
    if (code != EXIT_DONE) {
        evidence_pack_free(&pack);
        return code;
    }
    *ret_pack = pack;
    return EXIT_DONE;
}

void evidence_pack_free(struct evidence_pack *pack)
{
    for (size_t i = 0; i < pack->record_count; i++) {
        json_decref(pack->records[i].json);
        buf_fini(&pack->records[i].header);
        buf_fini(&pack->records[i].body);
        buf_fini(&pack->records[i].salt);
        buf_fini(&pack->records[i].proof);
    }
    for (size_t i = 0; i < pack->run_count; i++) {
        for (size_t h = 0; h < pack->runs[i].header_count; h++) {
            buf_fini(&pack->runs[i].headers[h]);
        }
        free(pack->runs[i].headers);
        free(pack->runs[i].certificate);
        buf_fini(&pack->runs[i].before);
        buf_fini(&pack->runs[i].signature);
    }
    for (size_t i = 0; i < pack->receipt_count; i++) {
        buf_fini(&pack->receipts[i].signed_bytes);
        buf_fini(&pack->receipts[i].signature);
        free(pack->receipts[i].certificate);
    }
    free(pack->receipts);
    free(pack->records);
    free(pack->runs);
    answer_free(&pack->about);
}
