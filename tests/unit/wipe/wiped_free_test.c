/* What free() and realloc() leave behind, seen in the heap's pages, which stay mapped. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARK = 'M', LINKS = 16 /* the allocator's own, at the start of a free block */ };

static void *marked(size_t size)
{
    uint8_t *block = malloc(size);
    cr_assert_not_null(block);
    memset(block, MARK, size);
    return block;
}

/* Behind the compiler's back. */
static size_t left_at(uintptr_t at, size_t from, size_t to)
{
    size_t left = 0;
    for (size_t i = from; i < to; i++) {
        left += *(volatile uint8_t *)(at + i) == MARK;
    }
    return left;
}

Test(wiped_free, leaves_nothing_in_blocks_of_any_size)
{
    static const size_t sizes[] = { 24, 40, 129, 1000, 1040, 5000, 60000, 120000 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *block = marked(sizes[i]);
        void *behind = malloc(64); /* so that the heap's end is not given back */
        uintptr_t at = (uintptr_t)block;
        free(block);
        cr_expect_eq(left_at(at, LINKS, sizes[i]), (size_t)0, "%zu bytes", sizes[i]);
        free(behind);
    }
}

Test(wiped_free, realloc_that_moves_leaves_nothing_where_it_was)
{
    void *block = marked(1000);
    void *behind = malloc(64);
    uintptr_t at = (uintptr_t)block;
    uint8_t *moved = realloc(block, 50000);
    cr_assert_neq((uintptr_t)moved, at);
    cr_assert_eq(left_at((uintptr_t)moved, 0, 1000), (size_t)1000, "it has what it had");
    cr_assert_eq(left_at(at, LINKS, 1000), (size_t)0);
    free(moved);
    free(behind);
}

Test(wiped_free, realloc_that_cuts_leaves_nothing_behind_the_cut)
{
    uint8_t *block = marked(9000);
    void *behind = malloc(64);
    uint8_t *cut = realloc(block, 100);
    cr_assert_eq(left_at((uintptr_t)cut, 0, 100), (size_t)100);
    cr_assert_eq(left_at((uintptr_t)cut, 100, 9000), (size_t)0);
    free(cut);
    free(behind);
}

Test(wiped_free, realloc_and_free_have_their_meaning_at_the_edges)
{
    void *block = realloc(NULL, 100);
    cr_assert_not_null(block);
    cr_assert_null(realloc(block, 0));
    free(NULL);
    block = realloc(NULL, 0);
    cr_assert_not_null(block, "as malloc(0)");
    free(block);
}

/* Sizes on both sides of where a block becomes a mapping of its own. */
Test(wiped_free, blocks_that_grow_and_shrink_keep_what_is_in_them)
{
    enum { BLOCKS = 16, STEPS = 4000, SIZE_MAX_HERE = 400000 };
    uint8_t *blocks[BLOCKS] = { NULL };
    size_t sizes[BLOCKS] = { 0 };
    unsigned seed = 7;
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)rand_r(&seed) % BLOCKS;
        size_t size = 1 + (size_t)rand_r(&seed) % (step % 8 == 0 ? SIZE_MAX_HERE : 3000);
        blocks[i] = realloc(blocks[i], size);
        cr_assert_not_null(blocks[i]);
        for (size_t j = 0; j < sizes[i] && j < size; j++) {
            cr_assert_eq(blocks[i][j], (uint8_t)(i * 31 + j), "step %d", step);
        }
        for (size_t j = sizes[i] < size ? sizes[i] : size; j < size; j++) {
            blocks[i][j] = (uint8_t)(i * 31 + j);
        }
        sizes[i] = size;
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}

Test(wiped_free, the_c_librarys_own_blocks_can_be_released)
{
    char *text = NULL;
    char *stream_text = NULL;
    size_t len = 0;
    cr_assert_eq(asprintf(&text, "%0500d", 1), 500);
    free(text);
    free(strdup("copy"));
    FILE *stream = open_memstream(&stream_text, &len);
    for (int i = 0; i < 5000; i++) {
        cr_assert_gt(fprintf(stream, "line %d\n", i), 0);
    }
    cr_assert_eq(fclose(stream), 0);
    cr_assert_eq(strncmp(stream_text, "line 0\nline 1\n", 14), 0);
    free(stream_text);
    void *aligned = NULL;
    cr_assert_eq(posix_memalign(&aligned, 4096, 10000), 0);
    free(aligned);
}
