#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/replica.h"
#include "sync/endpoint/core/private.h"
#include "tests/sim/world.h"

static void digest(const struct subject *subject, struct slice body, uint8_t out[SHA256_BYTES])
{
    uint8_t number[4];
    put_be32(number, subject->kind);
    const struct slice parts[] = { slice_of(number, sizeof(number)), slice_of(subject->id, subject->id_len), body };
    sha256(parts, ARRAY_LEN(parts), out);
}

void said_fill(struct said *said, const struct subject *subject, struct slice body)
{
    digest(subject, body, said->what);
    digest(subject, (struct slice){ 0 }, said->about);
}

void ledger_add(struct ledger *ledger, const struct said *said)
{
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity > 0 ? 2 * ledger->capacity : 64;
        ledger->rows = realloc(ledger->rows, ledger->capacity * sizeof(*ledger->rows));
        CHECK(ledger->rows != NULL);
    }
    ledger->rows[ledger->count++] = *said;
}

static bool same(const struct said *a, const struct said *b)
{
    return a->site == b->site && memcmp(a->what, b->what, SHA256_BYTES) == 0;
}

bool ledger_knows(const struct ledger *ledger, const uint8_t what[SHA256_BYTES])
{
    for (size_t i = 0; i < ledger->count; i++) {
        if (memcmp(ledger->rows[i].what, what, SHA256_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

void ledger_fini(struct ledger *ledger)
{
    free(ledger->rows);
    held_fini(&ledger->erased_aside);
    *ledger = (struct ledger){ 0 };
}

/* ---- what a log holds ---- */

static int by_what(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_BYTES);
}

static void sort(struct held_list *list)
{
    if (list->count > 0) {
        qsort(list->rows, list->count, sizeof(struct held), by_what);
    }
}

void held_fini(struct held_list *list)
{
    free(list->rows);
    *list = (struct held_list){ 0 };
}

const struct held *held_find(const struct held_list *list, const uint8_t what[SHA256_BYTES], size_t *ret_count)
{
    size_t low = 0;
    size_t high = list->count;
    *ret_count = 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memcmp(list->rows[middle].what, what, SHA256_BYTES) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t i = low; i < list->count && memcmp(list->rows[i].what, what, SHA256_BYTES) == 0; i++) {
        ++*ret_count;
    }
    return *ret_count > 0 ? &list->rows[low] : NULL;
}

/* One statement under two numbers is there once, and whose it is by either. */
static void leave_repeats_out(struct held_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; list->rows[i].repeats && k < list->count; k++) {
            bool same = memcmp(list->rows[k].what, list->rows[i].what, SHA256_BYTES) == 0;
            list->rows[k].own |= same && list->rows[i].own;
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!list->rows[i].repeats) {
            list->rows[kept++] = list->rows[i];
        }
    }
    if (kept < list->count) {
        tell("%zu statements stand under two numbers", list->count - kept);
    }
    list->count = kept;
}

void held_by_agent(struct agent *agent, struct held_list *ret_list)
{
    struct log_list log;
    agent->disk.aside = true;
    MUST(query_log(agent->store, NULL, 0, false, QUERY_LIMIT_MAX, &log, must));
    agent->disk.aside = false;
    *ret_list = (struct held_list){ .rows = calloc(log.count + 1, sizeof(struct held)), .count = log.count };
    for (size_t i = 0; i < log.count; i++) {
        const struct log_row *row = &log.rows[i];
        struct held *held = &ret_list->rows[i];
        const struct subject subject = { row->kind, row->subject, row->subject_len };
        digest(&subject, row->body, held->what);
        digest(&subject, (struct slice){ 0 }, held->about);
        held->erased = row->erased;
        held->apart = row->quarantine[0] != '\0';
        held->own = row->own;
        held->repeats = row->repeats;
    }
    log_list_fini(&log);
    sort(ret_list);
    leave_repeats_out(ret_list);
}

/* All of a header but its number, its salted hash and what it supersedes: sync/PROTOCOL.md, 3.6. */
static void digest_moment(const struct op *op, uint8_t out[SHA256_BYTES])
{
    uint8_t numbers[4 + 4 * 8];
    put_be32(numbers, op->kind);
    put_be64(numbers + 4, (uint64_t)op->recorded_at_ms);
    put_be64(numbers + 12, (uint64_t)op->offset_ms);
    put_be64(numbers + 20, op->hlc);
    put_be64(numbers + 28, (uint64_t)op->happened_at_ms);
    const struct slice parts[] = { slice_of(numbers, sizeof(numbers)), slice_of(op->stream, STREAM_ID_BYTES),
                                   slice_of(op->id.device, DEVICE_ID_BYTES), slice_of(op->subject, op->subject_len),
                                   op->actor };
    sha256(parts, ARRAY_LEN(parts), out);
}

/* The centre's log names none: the rule is applied here once more. */
static void find_repeats(struct held_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < list->count && !list->rows[i].repeats; k++) {
            const struct held *one = &list->rows[i];
            const struct held *other = &list->rows[k];
            bool moment = i != k && !other->repeats && memcmp(one->moment, other->moment, SHA256_BYTES) == 0;
            bool said = memcmp(one->what, other->what, SHA256_BYTES) == 0 || (one->erased && !other->erased);
            list->rows[i].repeats = moment && said;
        }
    }
}

struct collecting {
    struct held_list *list;
    size_t capacity;
};

static enum err_code collect(void *context, const struct centre_log_row *row, struct error *err)
{
    (void)err;
    struct collecting *collecting = context;
    struct held_list *list = collecting->list;
    if (list->count == collecting->capacity) {
        collecting->capacity = 2 * collecting->capacity + 64;
        list->rows = realloc(list->rows, collecting->capacity * sizeof(struct held));
        CHECK(list->rows != NULL);
    }
    struct held *held = &list->rows[list->count++];
    *held = (struct held){ .apart = row->quarantine != NULL,
                           .erased = row->op->erased,
                           .by_centre = row->writer == WRITER_CENTRE };
    const struct subject subject = { row->op->kind, row->op->subject, row->op->subject_len };
    digest(&subject, row->op->body, held->what);
    digest(&subject, (struct slice){ 0 }, held->about);
    digest_moment(row->op, held->moment);
    return ERR_OK;
}

void held_by_centre(struct world *world, unsigned site, struct held_list *ret_list)
{
    struct host *host = &world->host;
    struct centre_site at;
    struct collecting collecting = { .list = ret_list };
    *ret_list = (struct held_list){ 0 };
    host->disk.aside = true;
    MUST(centre_site_find(host->centre->store, world->sites[site].name, &at, must));
    struct centre_log_request request = { .site = &at, .limit = QUERY_LIMIT_MAX };
    MUST(centre_log(host->centre->store, &request, collect, &collecting, must));
    host->disk.aside = false;
    sort(ret_list);
    find_repeats(ret_list);
    leave_repeats_out(ret_list);
}

/* ---- what was lost with files ---- */

static bool holds_own(const struct held_list *list, const uint8_t what[SHA256_BYTES])
{
    size_t count;
    bool own = false;
    const struct held *held = held_find(list, what, &count);
    for (size_t i = 0; i < count; i++) {
        own |= held[i].own;
    }
    return own;
}

/* As often as people were told so. */
static bool centre_holds(const struct ledger *ledger, const struct held_list *list, const struct said *said)
{
    size_t count;
    size_t sure = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        sure += ledger->rows[i].surety == SURE && same(&ledger->rows[i], said);
    }
    (void)held_find(list, said->what, &count);
    return count >= sure;
}

/* As often as others than the holder were told so: what two people said alike is held twice. */
static bool holds_others(const struct ledger *ledger, const struct held_list *list, unsigned holder,
                         const struct said *said)
{
    size_t count;
    size_t others = 0;
    size_t sure = 0;
    const struct held *held = held_find(list, said->what, &count);
    for (size_t i = 0; i < count; i++) {
        others += !held[i].own;
    }
    for (size_t i = 0; i < ledger->count; i++) {
        const struct said *row = &ledger->rows[i];
        sure += row->surety == SURE && row->author != holder && same(row, said);
    }
    return others > 0 && others >= sure;
}

/* Another machine of the site gives it back to the centre. */
static bool others_hold(const struct world *world, const struct held_list *agents, const struct said *said)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        if (world->agents[i].site->number == said->site && world->agents[i].store != NULL &&
            holds_others(&world->ledger, &agents[i], (unsigned)i, said)) {
            return true;
        }
    }
    return false;
}

void ledger_reassess(struct world *world)
{
    struct held_list agents[AGENTS_MAX] = { 0 };
    struct held_list sites[SITES];
    for (size_t i = 0; i < world->agent_count; i++) {
        if (world->agents[i].store != NULL) {
            held_by_agent(&world->agents[i], &agents[i]);
        }
    }
    for (unsigned site = 0; site < SITES; site++) {
        held_by_centre(world, site, &sites[site]);
    }
    for (size_t i = 0; i < world->ledger.count; i++) {
        struct said *said = &world->ledger.rows[i];
        /* what is on the disk of one that is off nobody knows, unless it was not there when it ran last */
        bool off = said->author < AGENTS_MAX && world->agents[said->author].store == NULL && !said->lost;
        bool here = said->author < AGENTS_MAX && holds_own(&agents[said->author], said->what);
        if (!off && !here && !centre_holds(&world->ledger, &sites[said->site], said) &&
            !others_hold(world, agents, said)) {
            said->surety = MAYBE;
        }
        said->lost |= said->author < AGENTS_MAX && !off && !here;
        said->sent &= centre_holds(&world->ledger, &sites[said->site], said);
    }
    for (size_t i = 0; i < world->agent_count; i++) {
        held_fini(&agents[i]);
    }
    for (unsigned site = 0; site < SITES; site++) {
        held_fini(&sites[site]);
    }
}

void ledger_note_sent(struct world *world, unsigned author)
{
    struct held_list list;
    unsigned site = world->agents[author].site->number;
    held_by_centre(world, site, &list);
    for (size_t i = 0; i < world->ledger.count; i++) {
        struct said *said = &world->ledger.rows[i];
        bool its = said->author < AGENTS_MAX &&
                   memcmp(world->agents[said->author].device, world->agents[author].device, DEVICE_ID_BYTES) == 0;
        said->sent |= its && centre_holds(&world->ledger, &list, said);
    }
    held_fini(&list);
}

static void set_aside_by(struct agent *agent)
{
    struct log_list log;
    struct ledger *ledger = &agent->world->ledger;
    MUST(query_log_aside(agent->store, QUERY_LIMIT_MAX, &log, must));
    for (size_t i = 0; i < log.count; i++) {
        const struct subject subject = { log.rows[i].kind, log.rows[i].subject, log.rows[i].subject_len };
        uint8_t what[SHA256_BYTES];
        digest(&subject, log.rows[i].body, what);
        for (size_t k = 0; k < ledger->count; k++) {
            struct said *said = &ledger->rows[k];
            if (said->site == agent->site->number && memcmp(said->what, what, SHA256_BYTES) == 0) {
                tell("agent %u has set aside what %u had said", agent->number, said->author);
                said->surety = MAYBE;
            }
            if (said->site == agent->site->number && said->erases) {
                said->apart = APART_MAYBE;
            }
        }
    }
    log_list_fini(&log);
}

/* By its header, once, whichever machines set it aside. */
static void note_header(struct held_list *list, const struct subject *subject, struct slice header)
{
    struct held held = { .erased = true };
    digest(subject, header, held.what);
    digest(subject, (struct slice){ 0 }, held.about);
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->rows[i].what, held.what, SHA256_BYTES) == 0) {
            return;
        }
    }
    list->rows = realloc(list->rows, (list->count + 1) * sizeof(*list->rows));
    CHECK(list->rows != NULL);
    list->rows[list->count++] = held;
}

/* What gave way and has no body: that would say which of what was said it was. */
static void note_erased_aside(struct agent *agent)
{
    sqlite3_stmt *s;
    struct database *db = &agent->store->db;
    bool more = true;
    agent->disk.aside = true;
    MUST(db_statement(db, "SELECT header FROM forked_op WHERE issued_seq IS NULL AND body IS NULL", &s, must));
    while (more) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        MUST(db_step(db, s, &more, must));
        if (more) {
            MUST(op_header_decode(column_slice(s, 0), &op, supersedes, must));
            const struct subject subject = { op.kind, op.subject, op.subject_len };
            note_header(&agent->world->ledger.erased_aside, &subject, column_slice(s, 0));
        }
    }
    agent->disk.aside = false;
}

/* A revoked machine gives nothing back: what only it holds, after older copies were put back, is lost to the others. */
static void shut_in(struct agent *agent)
{
    struct held_list list;
    struct held_list centre;
    struct world *world = agent->world;
    held_by_agent(agent, &list);
    held_by_centre(world, agent->site->number, &centre);
    for (size_t i = 0; i < world->ledger.count; i++) {
        struct said *said = &world->ledger.rows[i];
        size_t here = 0;
        size_t erased = 0;
        if (world->host.put_back && said->site == agent->site->number) {
            (void)held_find(&list, said->what, &here);
            (void)held_find(&list, said->about, &erased);
        }
        if (here + erased > 0 && !centre_holds(&world->ledger, &centre, said)) {
            said->surety = MAYBE;
        }
    }
    held_fini(&list);
    held_fini(&centre);
}

void ledger_set_aside(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        set_aside_by(&world->agents[i]);
        note_erased_aside(&world->agents[i]);
        if (papers_revoked(world, &world->agents[i])) {
            shut_in(&world->agents[i]);
        }
    }
}

/* ---- comparing ---- */

/* How often it may be there, at least and at most. */
static void bounds(const struct ledger *ledger, const struct checked *checked, const struct said *about, size_t *low,
                   size_t *high)
{
    *low = 0;
    *high = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        const struct said *said = &ledger->rows[i];
        if (same(said, about)) {
            bool own = said->author == checked->author && !said->lost;
            *low += said->surety == SURE && ((checked->complete && said->elsewhere) || own);
            *high += 1;
        }
    }
}

static bool met_before(const struct ledger *ledger, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (same(&ledger->rows[i], &ledger->rows[at])) {
            return true;
        }
    }
    return false;
}

/* How many of what was said about the same are not there, and of how many only the header is, there or set aside. */
static void count_about(const struct ledger *ledger, const struct checked *checked, const struct said *about,
                        const struct held_list *list, size_t *ret_gone, size_t *ret_erased)
{
    size_t gone = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        const struct said *said = &ledger->rows[i];
        size_t low;
        size_t high;
        size_t count;
        if (said->site == about->site && memcmp(said->about, about->about, SHA256_BYTES) == 0 &&
            !met_before(ledger, i)) {
            bounds(ledger, checked, said, &low, &high);
            (void)held_find(list, said->what, &count);
            gone += low > count ? low - count : 0;
        }
    }
    *ret_gone = gone;
    (void)held_find(list, about->about, ret_erased);
    for (size_t i = 0; i < ledger->erased_aside.count; i++) {
        *ret_erased += memcmp(ledger->erased_aside.rows[i].about, about->about, SHA256_BYTES) == 0;
    }
}

static bool was_erased(const struct ledger *ledger, const struct checked *checked, const struct said *said,
                       const struct held_list *list)
{
    size_t gone;
    size_t erased;
    count_about(ledger, checked, said, list, &gone, &erased);
    return gone <= erased;
}

static size_t check_one(const struct ledger *ledger, const struct checked *checked, const struct said *said,
                        const struct held_list *list)
{
    size_t count;
    size_t low;
    size_t high;
    char name[80];
    char digits[2 * 4 + 1];
    const struct held *held = held_find(list, said->what, &count);
    bounds(ledger, checked, said, &low, &high);
    hex_encode(said->what, 4, digits);
    (void)snprintf(name, sizeof(name), "%s, said by %u", digits, said->author);
    if (count < low && !was_erased(ledger, checked, said, list)) {
        sim_fail("%s has lost what was acknowledged: %s", checked->who, name);
    }
    if (count > high) {
        sim_fail("%s has %zu times what was said %zu times: %s", checked->who, count, high, name);
    }
    bool apart = said->apart == APART_REFUSED || (said->apart == APART_UNKNOWN && checked->author != AUTHOR_CENTRE);
    for (size_t i = 0; i < count; i++) {
        if (held[i].apart != apart && said->apart != APART_MAYBE && !(checked->refused && !apart)) {
            sim_fail("%s %s: %s", checked->who, apart ? "takes what it must keep apart" : "keeps apart what is good",
                     name);
        }
    }
    return count;
}

/* What is there without its body; each was said by somebody, and is not there with it as well. */
static size_t count_erased(const struct ledger *ledger, const struct checked *checked, const struct held_list *list)
{
    size_t erased = 0;
    for (size_t i = 0; i < list->count; i++) {
        size_t said = 0;
        size_t there = 0;
        size_t rows;
        if (!list->rows[i].erased) {
            continue;
        }
        erased++;
        for (size_t k = 0; k < ledger->count; k++) {
            if (ledger->rows[k].site == checked->site &&
                memcmp(ledger->rows[k].about, list->rows[i].what, SHA256_BYTES) == 0) {
                said++;
                size_t count = 0;
                if (!met_before(ledger, k)) {
                    (void)held_find(list, ledger->rows[k].what, &count);
                }
                there += count;
            }
        }
        (void)held_find(list, list->rows[i].what, &rows);
        if (rows + there > said) {
            sim_fail("%s has %zu records, %zu of them erased, about what %zu were made of", checked->who, rows + there,
                     rows, said);
        }
    }
    return erased;
}

void ledger_check(const struct ledger *ledger, const struct checked *checked, const struct held_list *list)
{
    size_t found = count_erased(ledger, checked, list);
    for (size_t i = 0; i < ledger->count; i++) {
        if (ledger->rows[i].site == checked->site && !met_before(ledger, i)) {
            found += check_one(ledger, checked, &ledger->rows[i], list);
        }
    }
    tell("%s site %u: ledger %zu found %zu held %zu complete %d", checked->who, checked->site, ledger->count, found,
         list->count, checked->complete);
    if (found != list->count) {
        sim_fail("%s has %zu records that nobody made", checked->who, list->count - found);
    }
}
