/*
 * Programme packs from anywhere: refused with a reason, or loaded whole and usable.
 */
#include <string.h>

#include "store/programme/programme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct programme *programme)
{
    const struct programme_rules *rules = programme_rules_of(programme);
    CHECK(programme_version(programme) >= 1 && programme_id(programme)[0] != '\0');
    CHECK(rules->near_capacity_percent >= 1 && rules->near_capacity_percent <= 100);
    CHECK(rules->forecast_inflow_weeks >= 1 && rules->repeat_gap_days <= rules->repeat_window_days);
    CHECK(programme_rule_source(programme, "repeat_gap_days")[0] != '\0');
    for (int set = 0; set < LABEL_SET_COUNT; set++) {
        const char *code;
        for (size_t i = 0; (code = programme_code_at(programme, (enum label_set)set, i)) != NULL; i++) {
            CHECK(programme_label(programme, (enum label_set)set, code, LANGUAGE_WELSH) != NULL);
        }
    }
    struct payment_trigger trigger;
    int shares = 0;
    for (size_t i = 0; programme_trigger_at(programme, i, &trigger); i++) {
        CHECK(programme_trigger_find(programme, trigger.code) == i && i < TRIGGERS_MAX);
        shares += trigger.share_permille;
    }
    CHECK(shares == 0 || shares == 1000);
    CHECK(programme_person_pence_max(programme) >= 0);
    for (int calendar = 0; calendar < CALENDAR_COUNT; calendar++) {
        int32_t received_on = notice_received_on(programme, (enum calendar)calendar, 16000);
        CHECK(calendar_working_days_between(programme, (enum calendar)calendar, 16000, received_on) ==
              rules->notice_posted_working_days);
    }
}

/* Any bytes as a note: a factor of the pack, or none. */
static void read_as_note(const uint8_t *data, size_t size)
{
    char note[3000];
    size_t len = size < sizeof(note) ? size : sizeof(note) - 1;
    if (len > 0) {
        memcpy(note, data, len);
    }
    note[len] = '\0';
    const char *code = programme_reason_in_words(programme_default(), note);
    CHECK(code == NULL || programme_reason_kind(programme_default(), code) == REASON_GOOD_REASON);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as_note(data, size);
    struct programme *programme = NULL;
    struct error err;
    if (programme_load(slice_of(data, size), &programme, &err) == ERR_OK) {
        use(programme);
        programme_free(programme);
    } else {
        CHECK(programme == NULL && (err.code == ERR_INVALID || err.code == ERR_NO_MEMORY));
    }
    return 0;
}
