#include "agent/import/export_xlsx.h"
#include "support.h"

/* The linker sends the library's allocations here (see CMakeLists.txt). While armed, the n-th one fails. */
static int allocations_until_failure = -1;

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool fails_now(void)
{
    return allocations_until_failure > 0 && --allocations_until_failure == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails_now() ? NULL : __real_realloc(memory, size);
}

static const char file[] = "placement,date,outcome,reason,extra\n"
                           "P-1,01/06/2026,P,,\n"
                           "P-2,01/06/2026,sick,Caring,\n"
                           "P-3,soon,maybe,,x\n"
                           "P-2,01/06/2026,A,,\n";

Test(import, every_failed_allocation_is_an_error_without_a_result)
{
    struct import_options options = partial();
    options.programme = programme_default(); /* read before, when there is memory */
    struct error err = { 0 };
    enum err_code rc = ERR_NO_MEMORY;
    int failures = 0;
    for (; rc == ERR_NO_MEMORY; failures++) {
        struct import_result *result = NULL;
        allocations_until_failure = failures + 1;
        rc = import_parse(IMPORT_REGISTER, slice_of_text(file), &options, &result, &err);
        allocations_until_failure = -1;
        cr_expect_eq(result == NULL, rc != ERR_OK);
        import_free(result);
    }
    cr_expect_eq(rc, ERR_OK, "%s", err.message);
    cr_expect_gt(failures, 10, "only %d allocations were seen", failures);
}

Test(xlsx, every_failed_allocation_is_an_error_without_a_workbook)
{
    static const char *const names[] = { "ref" };
    static const enum xlsx_type types[] = { XLSX_TEXT };
    enum err_code rc = ERR_NO_MEMORY;
    int failures = 0;
    for (; rc == ERR_NO_MEMORY; failures++) {
        struct error err = { 0 };
        struct xlsx *xlsx = NULL;
        struct buf out;
        buf_init(&out, 1 << 20);
        allocations_until_failure = failures + 1;
        rc = xlsx_new(&out, names, types, 1, &xlsx, &err);
        allocations_until_failure = -1;
        cr_expect_eq(xlsx == NULL, rc != ERR_OK);
        xlsx_free(xlsx);
        buf_fini(&out);
    }
    cr_expect_eq(rc, ERR_OK);
    cr_expect_geq(failures, 3);
}
