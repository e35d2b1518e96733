/* The linker sends allocations here (see CMakeLists.txt). While armed, the n-th one fails. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "run_maker.h"

static int allocations_until_failure = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool fails_now(void)
{
    return allocations_until_failure > 0 && --allocations_until_failure == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails_now() ? NULL : __real_realloc(memory, size);
}

/* A batch without memory says that it is full, so a failed allocation is either. */
static bool is_refusal(enum err_code rc)
{
    return rc == ERR_NO_MEMORY || rc == ERR_LIMIT;
}

static void make(struct made_run *run)
{
    struct run_maker maker = { .state = 77, .strange = true, .count = 60, .first_seq = 250, .erased_percent = 10 };
    run_make(&maker, run);
}

Test(segment, every_failed_allocation_of_the_encoder_is_an_error_and_leaves_the_output_alone)
{
    struct error err;
    struct made_run run;
    struct segment_signature none = { 0 };
    enum err_code rc = ERR_NO_MEMORY;
    int failures = 0;
    make(&run);
    for (; is_refusal(rc); failures++) {
        struct buf out;
        buf_init(&out, SEGMENT_BYTES_MAX);
        allocations_until_failure = failures + 1;
        rc = segment_encode(&run.ops, run.seeds, run.seed_count, &none, slice_of("", 0), &out, &err);
        allocations_until_failure = -1;
        cr_assert_eq(out.len == 0, rc != ERR_OK);
        buf_fini(&out);
    }
    cr_assert_eq(rc, ERR_OK, "%s", err.message);
    cr_assert_gt(failures, 20, "only %d allocations were seen", failures);
    made_run_fini(&run);
}

Test(segment, every_failed_allocation_of_the_decoder_is_an_error_without_a_result)
{
    struct error err;
    struct made_run run;
    struct segment_signature none = { 0 };
    struct buf out;
    enum err_code rc = ERR_NO_MEMORY;
    int failures = 0;
    make(&run);
    buf_init(&out, SEGMENT_BYTES_MAX);
    cr_assert_eq(segment_encode(&run.ops, run.seeds, run.seed_count, &none, slice_of("", 0), &out, &err), ERR_OK);
    for (; is_refusal(rc); failures++) {
        struct segment segment;
        allocations_until_failure = failures + 1;
        rc = segment_decode(buf_slice(&out), run.ops.ops[0].stream, &segment, &err);
        allocations_until_failure = -1;
        if (rc == ERR_OK) {
            run_assert_equal(&run.ops, &segment.run.ops);
            segment_fini(&segment);
        }
    }
    cr_assert_eq(rc, ERR_OK, "%s", err.message);
    cr_assert_gt(failures, 20, "only %d allocations were seen", failures);
    buf_fini(&out);
    made_run_fini(&run);
}
