/*
 * What people erase, by right or because its time is over, and what has to be gone in the end: every op that an
 * erasure covers, in every log of its site, and no other. That is judged anew, by sync/PROTOCOL.md 1.4, from the
 * headers of each log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/replica.h"
#include "store/retention.h"
#include "sync/endpoint/core/private.h"
#include "tests/sim/acts.h"

/* ---- what is erased ---- */

bool erase_may(uint32_t kind)
{
    return ((kind >= KIND_PARTICIPANT && kind <= KIND_CAPACITY_STATEMENT) || kind == KIND_REDRESS) &&
           kind != KIND_REFERRAL_EVENT;
}

static struct log_list log_of(struct agent *agent)
{
    struct log_list log;
    agent->disk.aside = true;
    MUST(query_log(agent->store, NULL, 0, false, QUERY_LIMIT_MAX, &log, must));
    agent->disk.aside = false;
    return log;
}

/* Something of the machine's log: a person, all of one record, or one op. False: it has nothing. */
static bool draw_target(struct agent *agent, struct store_erase *ret_erase)
{
    struct chance *chance = &agent->world->chance;
    bool found = false;
    struct log_list log = log_of(agent);
    size_t from = log.count > 0 ? chance_below(chance, (uint32_t)log.count) : 0;
    for (size_t i = 0; i < log.count && !found; i++) {
        const struct log_row *row = &log.rows[(from + i) % log.count];
        found = erase_may(row->kind) && !row->erased;
        if (found) {
            *ret_erase =
                (struct store_erase){ .kind = row->kind, .subject_len = row->subject_len, .one = false, .op = row->op };
            memcpy(ret_erase->subject, row->subject, row->subject_len);
            ret_erase->one = chance_percent(chance, 30);
        }
    }
    log_list_fini(&log);
    return found;
}

static bool was_there(const struct log_list *log, const struct op_id *op)
{
    for (size_t i = 0; i < log->count; i++) {
        if (op_id_compare(&log->rows[i].op, op) == 0) {
            return true;
        }
    }
    return false;
}

/* What a machine held before somebody erased at it. */
struct before {
    struct log_list log;
    struct challenged challenged;
};

static void look_before(struct agent *agent, struct before *ret)
{
    ret->log = log_of(agent);
    challenged_find(agent, &ret->challenged);
}

static void check_not_challenged(const struct agent *agent, const struct log_row *row, const struct before *before)
{
    struct record record;
    MUST(record_decode(kind_by_number(KIND_ERASURE), row->body, &record, must));
    bool retention = slice_equal(record_value(&record, "ground")->text, slice_of_text("retention"));
    if (retention && challenged_has(&before->challenged, row->subject)) {
        sim_fail("agent %u erases by retention what an open challenge holds (kind %lld)", agent->number,
                 (long long)record_value(&record, "kind")->number);
    }
}

/* The erasures that this machine holds and did not before. */
static void note_erasures(struct agent *agent, const struct before *before)
{
    struct log_list log = log_of(agent);
    for (size_t i = 0; i < log.count; i++) {
        const struct log_row *row = &log.rows[i];
        if (row->kind == KIND_ERASURE && !was_there(&before->log, &row->op)) {
            const struct subject subject = { row->kind, row->subject, row->subject_len };
            struct said said = { .site = agent->site->number, .author = agent->number, .surety = SURE, .erases = true };
            said_fill(&said, &subject, row->body);
            ledger_add(&agent->world->ledger, &said);
            check_not_challenged(agent, row, before);
        }
    }
    log_list_fini(&log);
}

static void failed(struct agent *agent, const struct error *err)
{
    if (!disk_troubled(&agent->disk)) {
        sim_fail("agent %u does not erase with a healthy disk: %s", agent->number, err->message);
    }
    agent->world->unsure_erasures = true; /* it may turn up all the same */
    tell("agent %u does not erase: %s", agent->number, err->message);
}

/* Other things may hold it; a challenge only while it is open. */
static void check_refused(struct agent *agent, const struct store_erase *erase, const struct before *before)
{
    struct store_erasable erasable;
    agent->disk.aside = true;
    MUST(store_erase_look(agent->store, erase, clock_today(agent_wall_ms(agent)), &erasable, must));
    agent->disk.aside = false;
    if (erasable_held_by(&erasable, HOLD_CHALLENGE) && !challenged_has(&before->challenged, erase->subject)) {
        sim_fail("agent %u holds back what nobody challenges any more", agent->number);
    }
}

/* True: it was done. */
static bool erase_at(struct agent *agent, const char *ground, struct store_erase *erase)
{
    char reason[32];
    struct before before;
    struct store_erasable erased;
    struct error err = { 0 };
    bool right = strcmp(ground, "right") == 0;
    (void)snprintf(reason, sizeof(reason), "case %u", ++agent->world->token);
    erase->ground = ground;
    erase->decided_by = "Test Trustee";
    erase->confirmed_by = right ? "Test Second" : NULL;
    erase->reason = reason;
    look_before(agent, &before);
    enum err_code rc = store_erase(agent->store, "trustee", erase, agent_wall_ms(agent), &erased, &err);
    if (rc == ERR_OK) {
        tell("agent %u erases %llu of kind %u", agent->number, (unsigned long long)erased.records, erase->kind);
        note_erasures(agent, &before);
        agent->flags_due = true;
    } else if (rc == ERR_REFUSED && !right) {
        tell("agent %u: %s", agent->number, err.message);
        check_refused(agent, erase, &before);
    } else if (rc != ERR_NOT_FOUND) { /* the centre's own */
        failed(agent, &err);
    }
    log_list_fini(&before.log);
    client_wake(agent->client, CLIENT_WAKE_NEW_OPS);
    agent_look_after(agent);
    return rc == ERR_OK;
}

void work_erase(struct world *world)
{
    struct agent *agent = any_agent(world);
    struct store_erase erase;
    if (agent != NULL && draw_target(agent, &erase)) {
        (void)erase_at(agent, chance_percent(&world->chance, 60) ? "right" : "retention", &erase);
    }
}

void erase_record(struct agent *agent, const struct subject *subject)
{
    struct store_erase erase = { .kind = subject->kind, .subject_len = (uint8_t)subject->id_len };
    memcpy(erase.subject, subject->id, subject->id_len);
    (void)erase_at(agent, "right", &erase);
}

bool erase_person(struct agent *agent, const uint8_t participant[OP_ENTITY_BYTES])
{
    struct store_erase erase = { .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES };
    memcpy(erase.subject, participant, OP_ENTITY_BYTES);
    return erase_at(agent, "retention", &erase);
}

void erase_due(struct agent *agent, const struct store_due *due)
{
    struct store_erase erase = retention_erase(due);
    (void)erase_at(agent, "retention", &erase);
}

void agent_erase_late(struct agent *agent)
{
    uint64_t records = 0;
    bool done;
    struct error err = { 0 };
    if (!agent->store->erasing) {
        return;
    }
    struct before before;
    look_before(agent, &before);
    if (store_erase_late(agent->store, agent_wall_ms(agent), &records, &err) != ERR_OK) {
        failed(agent, &err);
    } else if (records > 0) {
        tell("agent %u erases %llu that came late", agent->number, (unsigned long long)records);
        note_erasures(agent, &before);
        client_wake(agent->client, CLIENT_WAKE_NEW_OPS);
    }
    log_list_fini(&before.log);
    if (store_scrub(agent->store, &done, &err) != ERR_OK && !disk_troubled(&agent->disk)) {
        sim_fail("agent %u does not make its file anew: %s", agent->number, err.message);
    }
}

/* ---- in the end ---- */

static size_t said_times(const struct ledger *ledger, const struct said *about)
{
    size_t times = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        times += ledger->rows[i].site == about->site && memcmp(ledger->rows[i].what, about->what, SHA256_BYTES) == 0;
    }
    return times;
}

static void adopt_from(struct agent *agent)
{
    struct held_list list;
    struct log_list log = log_of(agent);
    struct ledger *ledger = &agent->world->ledger;
    held_by_agent(agent, &list);
    for (size_t i = 0; i < log.count; i++) {
        const struct log_row *row = &log.rows[i];
        const struct subject subject = { row->kind, row->subject, row->subject_len };
        struct said said = { .site = agent->site->number, .author = agent->number, .surety = MAYBE, .erases = true };
        size_t held;
        said_fill(&said, &subject, row->body);
        (void)held_find(&list, said.what, &held);
        while (row->kind == KIND_ERASURE && said_times(ledger, &said) < held) {
            tell("an erasure that failed is there after all");
            ledger_add(ledger, &said);
        }
    }
    held_fini(&list);
    log_list_fini(&log);
}

void erasures_adopt(struct world *world)
{
    for (size_t i = 0; world->unsure_erasures && i < world->agent_count; i++) {
        adopt_from(&world->agents[i]);
    }
}

/* A row of a log: what decides whether it has to be gone. */
struct row {
    struct op_id id;
    uint32_t kind;
    uint8_t subject[OP_SUBJECT_MAX];
    size_t subject_len;
    uint64_t hlc;
    bool by_centre;
    bool erased;
    bool erases; /* it is an erasure, and not refused */
    uint32_t kind_erased;
    bool one;
    struct op_id named;
};

struct rows {
    struct row *rows;
    size_t count;
    size_t capacity;
};

static void row_add(struct rows *rows, const struct op *op, struct slice body, bool by_centre, bool erased,
                    bool refused)
{
    if (rows->count == rows->capacity) {
        rows->capacity = 2 * rows->capacity + 64;
        rows->rows = realloc(rows->rows, rows->capacity * sizeof(*rows->rows));
        CHECK(rows->rows != NULL);
    }
    struct row *row = &rows->rows[rows->count++];
    *row = (struct row){ .id = op->id,
                         .kind = op->kind,
                         .subject_len = op->subject_len,
                         .hlc = op->hlc,
                         .by_centre = by_centre,
                         .erased = erased,
                         .erases = op->kind == KIND_ERASURE && !refused };
    memcpy(row->subject, op->subject, op->subject_len);
    if (row->erases) {
        struct record record;
        MUST(record_decode(kind_by_number(KIND_ERASURE), body, &record, must));
        row->kind_erased = (uint32_t)record_value(&record, "kind")->number;
        row->one = op->supersedes_count > 0;
        row->named = row->one ? op->supersedes[0] : (struct op_id){ 0 };
    }
}

static void rows_of_agent(struct agent *agent, const char *select, struct rows *rows)
{
    sqlite3_stmt *s;
    bool more = true;
    MUST(db_statement(&agent->store->db, select, &s, must));
    while (more) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        MUST(db_step(&agent->store->db, s, &more, must));
        if (more) {
            MUST(op_header_decode(column_slice(s, 1), &op, supersedes, must));
            row_add(rows, &op, column_slice(s, 2), column_int(s, 0) == WRITER_CENTRE, column_slice(s, 2).data == NULL,
                    column_int(s, 3) != 0);
        }
    }
}

static enum err_code row_of_centre(void *context, const struct centre_log_row *row, struct error *err)
{
    (void)err;
    row_add(context, row->op, row->op->body, row->writer == WRITER_CENTRE, row->op->erased, row->quarantine != NULL);
    return ERR_OK;
}

static bool covers(const struct row *erasure, const struct row *row)
{
    bool kind = row->kind == erasure->kind_erased ||
                (erasure->kind_erased == KIND_REFERRAL && row->kind == KIND_REFERRAL_EVENT) ||
                (erasure->kind_erased == KIND_PLACEMENT && row->kind == KIND_ATTENDANCE);
    return erasure->erases && kind && row->subject_len >= erasure->subject_len &&
           memcmp(row->subject, erasure->subject, erasure->subject_len) == 0 && row->by_centre == erasure->by_centre &&
           row->hlc < erasure->hlc && (!erasure->one || op_id_compare(&erasure->named, &row->id) == 0);
}

static bool any_covers(const struct rows *rows, const struct row *row)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (covers(&rows->rows[i], row)) {
            return true;
        }
    }
    return false;
}

/* What was set aside goes too; who erased it may have been set aside as well. */
static void check_aside(const struct rows *log, const struct rows *aside, const char *who)
{
    for (size_t i = 0; i < aside->count; i++) {
        if (!aside->rows[i].erased && any_covers(log, &aside->rows[i])) {
            sim_fail("%s still holds aside what was erased (record %llu of kind %u)", who,
                     (unsigned long long)aside->rows[i].id.seq, aside->rows[i].kind);
        }
    }
}

static void check_rows(const struct rows *rows, const char *who)
{
    size_t gone = 0;
    for (size_t i = 0; i < rows->count; i++) {
        bool covered = any_covers(rows, &rows->rows[i]);
        gone += covered;
        if (covered != rows->rows[i].erased) {
            sim_fail("%s %s (record %llu of kind %u)", who,
                     covered ? "still holds what was erased" : "lost a body that nobody erased",
                     (unsigned long long)rows->rows[i].id.seq, rows->rows[i].kind);
        }
    }
    tell("%s: %zu of %zu records are erased", who, gone, rows->count);
}

#define ROWS_OF_LOG "SELECT writer, header, body, quarantine IS NOT NULL FROM op"
#define ROWS_ASIDE                                                                                                     \
    "SELECT a.writer, x.header, x.body, x.quarantine IS NOT NULL FROM forked_op x "                                    \
    "JOIN fork f ON f.id = x.fork JOIN author a ON a.id = f.author"

void check_erased(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        char who[32];
        struct rows rows = { 0 };
        struct rows aside = { 0 };
        (void)snprintf(who, sizeof(who), "agent %zu", i);
        rows_of_agent(&world->agents[i], ROWS_OF_LOG, &rows);
        rows_of_agent(&world->agents[i], ROWS_ASIDE, &aside);
        if (!(world->agents[i].marks & MARK_REFUSED)) {
            check_rows(&rows, who);
        }
        check_aside(&rows, &aside, who);
        free(rows.rows);
        free(aside.rows);
    }
    for (unsigned site = 0; site < SITES; site++) {
        struct rows rows = { 0 };
        struct centre_site at;
        struct centre_store *store = world->host.centre->store;
        MUST(centre_site_find(store, world->sites[site].name, &at, must));
        struct centre_log_request request = { .site = &at, .limit = QUERY_LIMIT_MAX };
        MUST(centre_log(store, &request, row_of_centre, &rows, must));
        check_rows(&rows, "the centre");
        free(rows.rows);
    }
}
