#include "tests/bench/common/week.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

enum { FRIDAY = 5, WORKDAYS = 5, WEEKDAYS = 7 };

static const char *const phrases[] = {
    "Phoned in before the start, cold and sore throat, back tomorrow we hope.",
    "Did not come in and nobody picked up when we rang at half past ten.",
    "Good day, finished the raised beds with the Thursday group.",
    "Late because the 42 was cancelled, stayed on to make it up.",
    "Went at one for the dentist, had told us on Monday.",
    "Shop shut for the stock count, everybody sent home with thanks.",
    "Did the deliveries with Graham, no problems at all.",
    "Needs lighter work for a few days because of the knee.",
    "Asked about references, will talk it over at the review.",
    "Kitchen in the morning, front desk after lunch.",
    "Son off school, came in at eleven and worked through.",
    "Van broke down, group could not get out to the site.",
    "Nothing to note, usual round and usual people.",
    "Food hygiene certificate passed, very pleased.",
    "Text at 08:50 to say running behind, here by ten.",
    "Was upset about the letter, we sat down together for a while.",
    "Heavy rain, sorted seed trays in the polytunnel instead.",
    "Covered the till alone for the first time and did it well.",
    "Slept badly, was quiet, still did the whole day.",
    "Left early with our agreement, hours to be made up on Friday.",
    "Appointment card shown, at the surgery until noon.",
    "First aider had to look at a cut thumb, entered in the accident book.",
    "Helped two new people find their way round.",
    "Waiting on the bus pass, we paid the fare from the float.",
};

static const char *const words[] = {
    "he",        "she",        "was",       "the",       "with",       "for",         "and",      "rang",
    "came",      "bus",        "late",      "again",     "today",      "till",        "worked",   "hard",
    "group",     "told",       "us",        "about",     "new",        "boots",       "mower",    "broke",
    "shed",      "lock",       "key",       "lost",      "found",      "letter",      "worried",  "over",
    "rent",      "flat",       "moving",    "brother",   "daughter",   "nursery",     "closed",   "strike",
    "train",     "snow",       "flood",     "path",      "gravel",     "wheelbarrow", "digging",  "potatoes",
    "onions",    "harvest",    "stall",     "fete",      "cake",       "sale",        "counted",  "change",
    "float",     "short",      "five",      "pounds",    "apologised", "laughed",     "argument", "settled",
    "calm",      "afterwards", "tea",       "break",     "shared",     "sandwich",    "forgot",   "lunch",
    "hungry",    "food",       "bank",      "voucher",   "given",      "thanks",      "cheerful", "poorly",
    "cough",     "chest",      "inhaler",   "ambulance", "checked",    "fine",        "home",     "taxi",
    "paid",      "receipt",    "filed",     "folder",    "typing",     "spreadsheet", "learning", "quickly",
    "shows",     "others",     "patient",   "leader",    "sorting",    "jumpers",     "coats",    "rail",
    "window",    "display",    "christmas", "lights",    "ladder",     "steady",      "careful",  "goggles",
    "gloves",    "paint",      "brush",     "cleaned",   "floor",      "mop",         "bucket",   "bins",
    "collected", "council",    "skip",      "recycling", "glass",      "cardboard",   "heavy",    "lifting",
    "trained",   "signed",     "off",       "badge",     "photo",      "vest",        "size",     "large",
    "ordered",   "arrived",    "tuesday",   "second",    "interview",  "warehouse",   "nights",   "fingers",
    "crossed",   "result",     "soon",      "reference", "posted",     "stamp",       "library",  "computer",
    "password",  "reset",      "course",    "maths",     "level",      "two",         "exam",     "spring",
};

const char *week_style_name(enum week_style style)
{
    return style == WEEK_REPEATED ? "repeated" : "free";
}

bool week_style_parse(const char *name, enum week_style *ret_style)
{
    for (int style = WEEK_REPEATED; style <= WEEK_FREE; style++) {
        if (strcmp(name, week_style_name((enum week_style)style)) == 0) {
            *ret_style = (enum week_style)style;
            return true;
        }
    }
    return false;
}

/* splitmix64's step (Steele, Lea, Flood 2014): any seed will do, and every machine draws the same. */
static uint32_t below(struct week *week, uint32_t limit)
{
    week->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = week->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (uint32_t)((z >> 32) * limit >> 32);
}

static void free_note(struct week *week, char out[WEEK_NOTE_SIZE])
{
    size_t len = 0;
    uint32_t count = 6 + below(week, 5);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t draw = below(week, 1000); /* squared: the words at the beginning come often */
        const char *word = words[(size_t)draw * draw * ARRAY_LEN(words) / 1000000];
        len += (size_t)snprintf(out + len, WEEK_NOTE_SIZE - len, "%s%s", i > 0 ? " " : "", word);
    }
    if (below(week, 3) == 0) {
        (void)snprintf(out + len, WEEK_NOTE_SIZE - len, " at %02u:%02u", 8 + below(week, 9), below(week, 12) * 5);
    }
}

/* Nobody is absent from a session of today before it begins: yesterday is the last day. */
static int32_t workday(int32_t today, size_t back)
{
    int32_t day = today - 1;
    int weekday = date_weekday(day);
    if (weekday > FRIDAY) {
        day -= weekday - FRIDAY;
        weekday = FRIDAY;
    }
    size_t since_monday = (size_t)weekday - 1;
    if (back <= since_monday) {
        return day - (int32_t)back;
    }
    size_t before = back - since_monday - 1; /* before that Monday, counted from the Friday before it */
    return day - (int32_t)since_monday - 3 - (int32_t)(before / WORKDAYS * WEEKDAYS + before % WORKDAYS);
}

int32_t week_first_day(size_t count, int32_t today)
{
    return workday(today, (count + WEEK_PLACEMENTS - 1) / WEEK_PLACEMENTS - 1);
}

void week_begin(struct week *week, enum week_style style, size_t count, int32_t today)
{
    CHECK(count > 0 && count <= WEEK_RECORDS_MAX);
    *week = (struct week){ .style = style, .state = 20140428, .count = count, .today = today };
}

static void outcome_of(struct week *week, struct week_record *record)
{
    static const char *const reasons[] = { "health", "caring", "childcare", "travel", "jcp_appointment", "other" };
    uint32_t draw = below(week, 100);
    record->outcome = draw < 70   ? OUTCOME_ATTENDED
                      : draw < 78 ? OUTCOME_LATE
                      : draw < 84 ? OUTCOME_LEFT_EARLY
                      : draw < 92 ? OUTCOME_ABSENT_WITH_NOTICE
                      : draw < 98 ? OUTCOME_ABSENT
                                  : OUTCOME_HOST_CLOSED;
    bool worked = record->outcome <= OUTCOME_LEFT_EARLY;
    record->minutes = !worked ? -1 : record->outcome == OUTCOME_ATTENDED ? 360 : 200 + (int)below(week, 28) * 5;
    bool absence = record->outcome == OUTCOME_ABSENT_WITH_NOTICE || record->outcome == OUTCOME_ABSENT;
    record->reason = absence && below(week, 4) > 0 ? reasons[below(week, ARRAY_LEN(reasons))] : NULL;
}

void week_next(struct week *week, struct week_record *ret_record)
{
    size_t days = (week->count + WEEK_PLACEMENTS - 1) / WEEK_PLACEMENTS;
    size_t day = week->made / WEEK_PLACEMENTS;
    CHECK(day < days);
    *ret_record = (struct week_record){ .placement = week->first_placement + (int)(week->made % WEEK_PLACEMENTS),
                                        .day = workday(week->today, days - 1 - day) };
    week->made++;
    outcome_of(week, ret_record);
    if (week->style == WEEK_FREE) {
        free_note(week, ret_record->note);
    } else if (below(week, 10) > 0) {
        (void)snprintf(ret_record->note, WEEK_NOTE_SIZE, "%s", phrases[below(week, ARRAY_LEN(phrases))]);
    }
}

void week_placement_ref(int placement, char out[16])
{
    (void)snprintf(out, 16, "BEN-P%03d", placement);
}

void week_correct(struct week_record *record)
{
    bool late = record->outcome == OUTCOME_LATE;
    record->outcome = late ? OUTCOME_ATTENDED : OUTCOME_LATE;
    record->minutes = late ? 360 : 300;
    record->reason = NULL;
    (void)snprintf(record->note, WEEK_NOTE_SIZE, "corrected with the supervisor's list");
}

size_t week_line(const struct week_record *record, char out[WEEK_LINE_SIZE])
{
    char ref[16];
    char day[DATE_TEXT_SIZE];
    char minutes[16] = "";
    week_placement_ref(record->placement, ref);
    date_format(record->day, day);
    if (record->minutes >= 0) {
        (void)snprintf(minutes, sizeof(minutes), "%d", record->minutes);
    }
    int len = snprintf(out, WEEK_LINE_SIZE, "%s,%s,%s,%s,%s,\"%s\"\n", ref, day, outcome_name(record->outcome), minutes,
                       record->reason != NULL ? record->reason : "", record->note);
    CHECK(len > 0 && len < WEEK_LINE_SIZE);
    return (size_t)len;
}

size_t week_json(const struct week_record *record, char *out, size_t size)
{
    char ref[16];
    char day[DATE_TEXT_SIZE];
    char minutes[16] = "null";
    char reason[ROW_CODE_SIZE + 2] = "null";
    week_placement_ref(record->placement, ref);
    date_format(record->day, day);
    if (record->minutes >= 0) {
        (void)snprintf(minutes, sizeof(minutes), "%d", record->minutes);
    }
    if (record->reason != NULL) {
        (void)snprintf(reason, sizeof(reason), "\"%s\"", record->reason);
    }
    int len =
        snprintf(out, size, "{\"session\":\"%s@%s\",\"outcome\":\"%s\",\"minutes\":%s,\"reason\":%s,\"note\":\"%s\"}",
                 ref, day, outcome_name(record->outcome), minutes, reason, record->note);
    CHECK(len > 0 && (size_t)len < size);
    return (size_t)len;
}
