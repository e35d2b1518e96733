/* Passphrases looked at off the loop: one after another, in order, and each told once. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/passphrase_task.h"

#define JOBS_MAX (PASSPHRASE_WAITING_MAX + 2)

static uv_loop_t loop;
static struct passphrase_task task;
static struct passphrase_job jobs[JOBS_MAX];
static struct {
    size_t job;
    enum err_code rc;
} told[JOBS_MAX];
static size_t told_count;
static size_t changes;
static bool within_add;

static void on_changed(void *context)
{
    (void)context;
    cr_expect_not(passphrase_task_running(&task));
    changes++;
}

static void on_done(struct passphrase_job *job, enum err_code rc, const struct error *err)
{
    (void)err;
    cr_expect_not(within_add);
    cr_assert_lt(told_count, JOBS_MAX);
    told[told_count].job = (size_t)(job - jobs);
    told[told_count].rc = rc;
    told_count++;
    cr_expect(rc != ERR_OK || job->derived.len == KDF_KEY_BYTES);
    cr_expect_null(job->passphrase.bytes, "it is wiped by now");
    secret_free(&job->derived);
}

static enum err_code add(size_t i)
{
    struct error err;
    jobs[i] = (struct passphrase_job){ .done = on_done };
    cr_assert_eq(person_proof_new(&jobs[i].proof, &err), ERR_OK);
    jobs[i].proof.cost.log2n = 10;
    cr_assert_eq(secret_copy(slice_of_text("correct horse"), &jobs[i].passphrase, &err), ERR_OK);
    within_add = true;
    enum err_code rc = passphrase_task_add(&task, &jobs[i], &err);
    within_add = false;
    if (rc != ERR_OK) {
        secret_free(&jobs[i].passphrase);
    }
    return rc;
}

static void start(void)
{
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK);
    cr_assert_eq(uv_loop_init(&loop), 0);
    passphrase_task_init(&task, &loop, on_changed, NULL);
}

static void stop(void)
{
    cr_expect_eq(uv_loop_close(&loop), 0);
    uv_library_shutdown(); /* its threads end before the leak check */
}

TestSuite(passphrase_task, .init = start, .fini = stop);

Test(passphrase_task, answers_in_the_order_of_asking)
{
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(add(i), ERR_OK);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(told_count, 5);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(told[i].job, i);
        cr_expect_eq(told[i].rc, ERR_OK);
    }
    cr_expect_eq(changes, 1, "once, when nothing runs any more");
}

Test(passphrase_task, lets_so_many_wait_and_no_more)
{
    for (size_t i = 0; i < PASSPHRASE_WAITING_MAX + 1; i++) {
        cr_assert_eq(add(i), ERR_OK);
    }
    cr_expect_eq(add(PASSPHRASE_WAITING_MAX + 1), ERR_BUSY);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_expect_eq(told_count, PASSPHRASE_WAITING_MAX + 1);
    cr_expect_eq(add(0), ERR_OK, "and again when there is room");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

Test(passphrase_task, cancelled_tells_everybody_once_that_it_is_locked)
{
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(add(i), ERR_OK);
    }
    passphrase_task_cancel(&task);
    cr_expect_eq(told_count, 2, "those that waited, at once");
    cr_expect(passphrase_task_running(&task));
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(told_count, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(told[i].rc, ERR_LOCKED);
    }
    cr_assert_eq(add(0), ERR_OK, "and goes on when it is open again");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_expect_eq(told[3].rc, ERR_OK);
}
