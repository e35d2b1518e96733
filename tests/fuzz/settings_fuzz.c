/* Settings of any bytes: read or refused, and never anything but what the table allows. */
#include <stdlib.h>
#include <string.h>

#include "sync/edge/settings.h"

static const struct setting table[] = {
    { "a", "text", SETTING_TEXT, "x", 1, 20, "A text." },
    { "a", "number", SETTING_NUMBER, "5", -10, 10, "A number." },
    { "b", "bool", SETTING_BOOL, "no", 0, 0, "A choice." },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    struct error err;
    if (settings_init(&settings, table, ARRAY_LEN(table), &err) != ERR_OK) {
        return 0;
    }
    enum err_code rc = settings_parse(&settings, "input", slice_of(data, size), &err);
    size_t len = strlen(settings_text(&settings, "a", "text"));
    int64_t number = settings_number(&settings, "a", "number");
    if (len < 1 || len > 20 || number < -10 || number > 10 ||
        (rc != ERR_OK && rc != ERR_CONFIG && rc != ERR_NO_MEMORY)) {
        abort();
    }
    settings_fini(&settings);
    return 0;
}
