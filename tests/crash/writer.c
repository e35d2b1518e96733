#include "writer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/edge/local_client.h"

#define TRY_AGAIN_US 15000
#define CALL_TIMEOUT_S 60
#define PACE_US 8000

/* ---- what is recorded ---- */

static void add_placement(struct laptop *laptop, int32_t today, const char *ref)
{
    char person[32];
    char starts[DATE_TEXT_SIZE];
    char ends[DATE_TEXT_SIZE];
    (void)snprintf(person, sizeof(person), "%s-person", ref);
    date_format(today - WRITER_DAYS, starts);
    date_format(today + 28, ends);
    (void)laptop_ask(
        laptop, "ok", "POST", "/v1/records",
        json_pack("{s:s,s:{s:s,s:s}}", "kind", "participant", "fields", "ref", person, "name", "Test Alder"));
    (void)laptop_ask(laptop, "ok", "POST", "/v1/records",
                     json_pack("{s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:i}}", "kind", "placement", "fields", "ref", ref,
                               "participant", person, "basis", "voluntary", "starts_on", starts, "ends_on", ends,
                               "pattern", "Mon 10:00-12:00", "weekly_minutes", 120));
}

static void placement_ref(char name, uint32_t index, char out[16])
{
    (void)snprintf(out, 16, "%c-%u", name, index % WRITER_PLACEMENTS);
}

void writer_prepare(struct laptop *laptop, int32_t today, const char *writers)
{
    add_placement(laptop, today, "shared");
    for (; *writers != '\0'; writers++) {
        for (uint32_t i = 0; i < WRITER_PLACEMENTS; i++) {
            char ref[16];
            placement_ref(*writers, i, ref);
            add_placement(laptop, today, ref);
        }
    }
}

static bool is_shared(uint32_t record)
{
    return record % WRITER_SHARED_EVERY == WRITER_SHARED_EVERY - 1;
}

static json_t *request_of(const struct writer *writer, uint32_t record)
{
    char ref[16] = "shared";
    char session[64];
    char day[DATE_TEXT_SIZE];
    char note[32];
    uint32_t back = record / WRITER_SHARED_EVERY % WRITER_SHARED_SESSIONS;
    uint32_t slot = 0;
    if (!is_shared(record)) {
        uint32_t own = record % WRITER_SESSIONS;
        placement_ref(writer->name, own, ref);
        back = own / WRITER_PLACEMENTS % WRITER_DAYS;
        slot = own / WRITER_PLACEMENTS / WRITER_DAYS;
    }
    date_format(writer->today - (int32_t)back, day);
    (void)snprintf(session, sizeof(session), "%s@%s/%u", ref, day, slot + 1);
    (void)snprintf(note, sizeof(note), "%c %u", writer->name, record);
    return json_pack("{s:s,s:s,s:i,s:s}", "session", session, "outcome", "attended", "minutes", (int)(record % 240),
                     "note", note);
}

bool writer_note_parse(const struct writer *writer, const char *note, uint32_t *ret_record)
{
    char *end;
    if (note[0] != writer->name || note[1] != ' ') {
        return false;
    }
    unsigned long record = strtoul(note + 2, &end, 10);
    if (*end != '\0' || record >= WRITER_RECORDS_MAX) {
        return false;
    }
    *ret_record = (uint32_t)record;
    return true;
}

/* ---- the thread: no assertions here ---- */

/* Has the agent answered at all, and if so, with what? */
static bool try_record(struct writer *writer, uint32_t record)
{
    struct error err = { .code = ERR_OK };
    json_t *answer = NULL;
    json_t *body = request_of(writer, record);
    enum err_code rc =
        local_request(writer->laptop->socket, "POST", "/v1/attendance", body, CALL_TIMEOUT_S, &answer, &err);
    json_decref(body);
    if (rc == ERR_OK) {
        writer->records[record].seq = number_at(answer, "added") == 1 ? number_at(answer, "op.seq") : 0;
        writer->records[record].acknowledged = true;
        writer->acknowledged++;
    } else if (rc != ERR_NETWORK && rc != ERR_LOCKED && rc != ERR_BUSY && writer->refusal[0] == '\0') {
        (void)snprintf(writer->refusal, sizeof(writer->refusal), "%s: %.300s", err_code_name(rc), err.message);
    }
    json_decref(answer);
    writer->failures += rc != ERR_OK;
    return rc == ERR_OK;
}

static void *run(void *context)
{
    struct writer *writer = context;
    while (!atomic_load(&writer->stop) && writer->tried < WRITER_RECORDS_MAX) {
        uint32_t record = writer->tried++;
        while (!try_record(writer, record)) {
            pause_us(TRY_AGAIN_US);
            if (is_shared(record) || atomic_load(&writer->stop)) {
                break;
            }
        }
        pause_us(chance_below(&writer->chance, PACE_US));
    }
    return NULL;
}

void writer_start(struct writer *writer, char name, struct laptop *laptop, struct chance chance, int32_t today)
{
    *writer = (struct writer){ .name = name, .laptop = laptop, .chance = chance, .today = today };
    writer->records = calloc(WRITER_RECORDS_MAX, sizeof(*writer->records));
    cr_assert_not_null(writer->records);
    cr_assert_eq(pthread_create(&writer->thread, NULL, run, writer), 0);
    writer->running = true;
}

static void join(struct writer *writer)
{
    if (writer->running) {
        atomic_store(&writer->stop, true);
        (void)pthread_join(writer->thread, NULL);
        writer->running = false;
    }
}

void writer_stop(struct writer *writer)
{
    join(writer);
    cr_assert_str_empty(writer->refusal, "writer %c was answered '%s'", writer->name, writer->refusal);
}

void writer_fini(struct writer *writer)
{
    join(writer);
    free(writer->records);
}
