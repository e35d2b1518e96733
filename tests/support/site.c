#include "tests/support/site.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/digest.h"

#define NOTE_BYTES 50

/* The day on which the test began, also where midnight passes in it: a name is of one session. */
static int32_t first_day(void)
{
    static int32_t day = DATE_MIN - 1;
    if (day < DATE_MIN) {
        day = clock_today(clock_wall_ms());
    }
    return day;
}

void day_ago(int days_ago, char ret_day[SITE_TEXT_SIZE])
{
    char text[DATE_TEXT_SIZE];
    date_format(first_day() - days_ago, text);
    (void)snprintf(ret_day, SITE_TEXT_SIZE, "%s", text);
}

void session_name(const char *prefix, int placement, int days_ago, char ret_name[SITE_TEXT_SIZE])
{
    char day[SITE_TEXT_SIZE];
    day_ago(days_ago, day);
    (void)snprintf(ret_name, SITE_TEXT_SIZE, "%.8s-P%03d@%.10s", prefix, placement, day);
}

static json_t *import_file(struct laptop *laptop, const char *kind, const char *path)
{
    json_t *answer = laptop_do(laptop, EXIT_DONE, "import", "--kind", kind, path, NULL);
    cr_assert(!true_at(answer, "refused"), "the import of %s was refused", kind);
    return answer;
}

void site_import_people(struct laptop *laptop, const char *prefix, int count)
{
    char first[SITE_TEXT_SIZE];
    char last[SITE_TEXT_SIZE];
    char path[FOLDER_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    day_ago(SITE_PAST_DAYS, first);
    day_ago(-60, last);
    (void)fprintf(out, "ref,participant,name,basis,starts_on,ends_on,pattern,hours\n");
    for (int i = 1; i <= count; i++) {
        (void)fprintf(out, "%s-P%03d,%s-%03d,Example Person %d,mandatory,%s,%s,Mon-Sun 09:30-13:30,28\n", prefix, i,
                      prefix, i, i, first, last);
    }
    cr_assert_eq(fclose(out), 0);
    (void)world_file(laptop->world, "placements.csv", text, path);
    free(text);
    (void)import_file(laptop, "placements", path);
}

/* Hexadecimal digits of a hash: nothing a compressor can make much of. */
static void put_note(FILE *out, int placement, int day)
{
    int numbers[] = { placement, day };
    struct slice part = slice_of(numbers, sizeof(numbers));
    uint8_t hash[2 * SHA256_BYTES];
    char hex[2 * NOTE_BYTES + 1];
    sha256(&part, 1, hash);
    part = slice_of(hash, SHA256_BYTES);
    sha256(&part, 1, hash + SHA256_BYTES);
    hex_encode(hash, NOTE_BYTES, hex);
    (void)fputs(hex, out);
}

void site_register_file(struct laptop *laptop, const struct site_register *what, char ret_path[FOLDER_PATH_SIZE])
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    (void)fprintf(out, "placement,date,outcome,minutes,note\n");
    for (int day = what->from_days_ago; day > what->from_days_ago - what->days; day--) {
        char date[SITE_TEXT_SIZE];
        day_ago(day, date);
        for (int i = 1; i <= what->placements; i++) {
            (void)fprintf(out, "%s-P%03d,%s,attended,240,", what->prefix, i, date);
            if (what->long_notes) {
                put_note(out, i, day);
            }
            (void)fputc('\n', out);
        }
    }
    cr_assert_eq(fclose(out), 0);
    (void)world_file(laptop->world, "register.csv", text, ret_path);
    free(text);
}

json_t *site_import_register(struct laptop *laptop, const struct site_register *what)
{
    char path[FOLDER_PATH_SIZE];
    site_register_file(laptop, what, path);
    return import_file(laptop, "register", path);
}

struct laptop *site_begin(struct world *world, const struct site_register *what)
{
    world_init(world);
    centre_make(world);
    centre_add_site(&world->centre, "Greenfield Trust", "Garden");
    struct laptop *laptop = laptop_make(world, "laptop", true);
    laptop_enrol(laptop, "Garden", world->centre.port);
    site_import_people(laptop, what->prefix, what->placements);
    (void)site_import_register(laptop, what);
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
    return laptop;
}

void site_attend(struct laptop *laptop, const char *session, const char *outcome, const char *note)
{
    json_t *answer = note == NULL ? laptop_do(laptop, EXIT_DONE, "attend", session, outcome, NULL)
                                  : laptop_do(laptop, EXIT_DONE, "attend", session, outcome, "--note", note, NULL);
    cr_assert_eq(number_at(answer, "added"), 1, "'%s' was not recorded", session);
}

json_t *site_session(struct laptop *laptop, const char *session)
{
    json_t *answer = laptop_do(laptop, EXIT_DONE, "session", session, NULL);
    json_t *found = json_at(answer, "session");
    cr_assert_not_null(found, "there is no session '%s'", session);
    return found;
}

json_t *site_flag(struct laptop *laptop, const char *code, const char *session)
{
    json_t *flags = json_at(laptop_do(laptop, EXIT_DONE, "flags", NULL), "flags");
    size_t index;
    json_t *flag;
    json_array_foreach(flags, index, flag)
    {
        if (strcmp(text_at(flag, "code"), code) == 0 && strcmp(text_at(flag, "subject_ref"), session) == 0) {
            return flag;
        }
    }
    return NULL;
}
