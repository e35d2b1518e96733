/* What a person types for an enrolment code: a code that is read is written and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "crypto/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct enrolment_code code;
    struct enrolment_code again;
    char text[ENROLMENT_CODE_SIZE];
    char *typed = malloc(size + 1);
    CHECK(typed != NULL);
    if (size > 0) {
        memcpy(typed, data, size);
    }
    typed[size] = '\0';
    if (enrolment_code_parse(typed, &code, &err) == ERR_OK) {
        enrolment_code_format(&code, text);
        CHECK(strlen(text) == ENROLMENT_CODE_SIZE - 1);
        CHECK(enrolment_code_parse(text, &again, &err) == ERR_OK);
        CHECK(memcmp(&code, &again, sizeof(code)) == 0);
    }
    free(typed);
    return 0;
}
