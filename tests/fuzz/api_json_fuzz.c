/*
 * The local API's calls against a real replica. Input: a first line `METHOD PATH?QUERY`, then the body. Whatever comes,
 * the answer is one with a status, JSON unless it is a spreadsheet, and what was recorded before still verifies at the
 * end.
 */
#include <string.h>

#include "tests/fuzz/api_site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[API_SITE_LINE_MAX] = "";
    const char *query = "";
    const uint8_t *end = memchr(data, '\n', size < API_SITE_LINE_MAX ? size : API_SITE_LINE_MAX - 1);
    if (size == 0 || end == NULL) {
        return 0;
    }
    memcpy(line, data, (size_t)(end - data));
    char *path = strchr(line, ' ');
    if (path == NULL) {
        return 0;
    }
    *path++ = '\0';
    char *mark = strchr(path, '?');
    if (mark != NULL) {
        *mark++ = '\0';
        query = mark;
    }
    size_t used = (size_t)(end - data) + 1;
    api_site_ready();
    json_decref(api_site_call(line, path, query, slice_of(data + used, size - used)));
    return 0;
}
