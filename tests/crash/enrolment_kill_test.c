/*
 * Killed while a device enrols: it is enrolled afterwards, wholly, or not at all and can be enrolled.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "chance.h"
#include "job.h"
#include "tests/support/wait.h"

enum { ROUNDS = 30 };

static struct chance chance;
static struct world world;
static struct laptop *laptop;
static char url[64];
static uint32_t usual_us; /* what an enrolment takes when nobody is killed; as the machine is at the moment */

static void new_code(char out[96])
{
    json_t *answer = centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL);
    (void)snprintf(out, 96, "%s", text_at(answer, "code"));
}

static void enrol_start(struct job *job, const char *code, char body[256])
{
    int len = snprintf(body, 256, "{\"endpoint\":\"%s\",\"code\":\"%s\"}", url, code);
    job_start(job, laptop, "/v1/enrol", slice_of(body, (size_t)len));
}

static enum err_code enrol(const char *code)
{
    struct job job;
    char body[256];
    int64_t began_ms = clock_monotonic_ms();
    enrol_start(&job, code, body);
    job_join(&job);
    job_fini(&job);
    if (job.rc == ERR_OK) {
        usual_us = (uint32_t)(clock_monotonic_ms() - began_ms + 1) * 1000;
    }
    return job.rc;
}

/* The same laptop as it came out of its box. */
static void start_anew(void)
{
    laptop_kill(laptop);
    folder_remove(laptop->dir);
    (void)unlink(laptop->key_file);
    laptop_start(laptop);
}

static void start(void)
{
    char code[96];
    chance = chance_begin("crash_enrolment");
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Green Spaces", "Garden");
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", world.centre.port);
    laptop = laptop_make(&world, "a", true);
    new_code(code);
    cr_assert_eq(enrol(code), ERR_OK);
}

static void stop(void)
{
    world_fini(&world);
}

TestSuite(enrolment_kill, .init = start, .fini = stop);

static bool is_enrolled(void)
{
    json_t *status = laptop_status(laptop);
    bool enrolled = true_at(status, "enrolled");
    cr_assert_eq(enrolled, json_is_object(json_at(status, "device")), "half an identity was kept");
    cr_assert_eq(enrolled, json_is_object(json_at(status, "site")), "half an identity was kept");
    return enrolled;
}

/* It can record, and the centre takes it. */
static void check_works(void)
{
    (void)laptop_ask(
        laptop, "ok", "POST", "/v1/records",
        json_pack("{s:s,s:{s:s,s:s}}", "kind", "participant", "fields", "ref", "P-1", "name", "Test Alder"));
    (void)laptop_ask(laptop, "ok", "POST", "/v1/sync", json_pack("{s:b}", "wait", 1));
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
    cr_assert_gt(number_at(laptop_status(laptop), "acked_seq"), 0);
}

/* 0: the agent, 1: the centre, 2: both. */
static void kill_in_the_middle(struct job *job, uint32_t whom)
{
    pause_us(chance_below(&chance, usual_us * 3 / 2));
    if (whom != 1) {
        laptop_kill(laptop);
    }
    if (whom != 0) {
        centre_kill(&world.centre);
    }
    job_join(job);
    if (whom != 0) {
        centre_start(&world.centre);
    }
    if (whom != 1) {
        laptop_start(laptop);
    }
}

Test(enrolment_kill, leaves_a_device_enrolled_or_ready_to_be_enrolled)
{
    unsigned enrolled = 0;
    unsigned same_code = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct job job;
        char code[96];
        char body[256];
        start_anew();
        new_code(code);
        enrol_start(&job, code, body);
        kill_in_the_middle(&job, chance_below(&chance, 3));
        bool said_so = job.rc == ERR_OK;
        job_fini(&job);
        if (is_enrolled()) {
            enrolled++;
        } else {
            cr_assert(!said_so, "the agent said that it was enrolled, and is not");
            enum err_code again = enrol(code);
            cr_assert_eq(again, ERR_OK, "a second try with the code ended with '%s'", err_code_name(again));
            same_code++;
            cr_assert(is_enrolled());
        }
        check_works();
    }
    (void)fprintf(stderr, "crash_enrolment: %d kills within about %u ms: %u enrolled, %u with the same code\n", ROUNDS,
                  usual_us / 1000, enrolled, same_code);
    cr_assert_gt(same_code, 0, "no enrolment was cut short");
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}
