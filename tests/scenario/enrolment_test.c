/* A site that never has a network: it is enrolled, renewed and kept up to date by what lies on a stick. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define DAY_S (24L * 3600)

enum { CODE_TEXT_SIZE = 64, WRONG_CODES = 10 };

static struct world world;

static void setup(void)
{
    world_init(&world);
    world.centre.world = &world;
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(enrolment, .init = setup, .fini = teardown, .timeout = 120);

static const char *on_stick(const char *name, char path[FOLDER_PATH_SIZE])
{
    (void)snprintf(path, FOLDER_PATH_SIZE, "%.180s/%s", world.folder, name);
    return path;
}

static void new_code(char code[CODE_TEXT_SIZE])
{
    json_t *answer = centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL);
    (void)snprintf(code, CODE_TEXT_SIZE, "%s", text_at(answer, "code"));
}

static json_t *request(struct laptop *laptop, const char *code, const char *name)
{
    char path[FOLDER_PATH_SIZE];
    return laptop_do(laptop, EXIT_DONE, "enrol", "--force", "--request", on_stick(name, path),
                     code != NULL ? "--code" : NULL, code, NULL);
}

static json_t *sign(int expected, const char *request, const char *answer)
{
    char in[FOLDER_PATH_SIZE];
    char out[FOLDER_PATH_SIZE];
    return centre_do(&world.centre, expected, "enrolment", "sign", "--force", on_stick(request, in), "-o",
                     on_stick(answer, out), NULL);
}

static json_t *take(struct laptop *laptop, int expected, const char *name)
{
    char path[FOLDER_PATH_SIZE];
    return laptop_do(laptop, expected, "enrol", "--answer", on_stick(name, path), NULL);
}

static struct laptop *enrolled(const char *name)
{
    char code[CODE_TEXT_SIZE];
    struct laptop *laptop = laptop_make(&world, name, true);
    new_code(code);
    (void)request(laptop, code, "request");
    (void)sign(EXIT_DONE, "request", "answer");
    cr_assert(true_at(take(laptop, EXIT_DONE, "answer"), "changed"));
    return laptop;
}

/* What the laptop recorded goes to the centre, and what the centre has comes back. */
static void carry(struct laptop *laptop)
{
    char path[FOLDER_PATH_SIZE];
    const char *device = text_at(laptop_status(laptop), "device.id");
    (void)laptop_do(laptop, EXIT_DONE, "bundle", "export", "--force", on_stick("out", path), NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "bundle", "import", path, NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "bundle", "export", "--force", "--device", device, on_stick("in", path),
                    NULL);
    (void)laptop_do(laptop, EXIT_DONE, "bundle", "import", path, NULL);
}

static bool holds(const char *path, const char *text)
{
    char bytes[8192];
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

static bool is_inet(const char *inode)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6" };
    char line[512];
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        FILE *table = fopen(tables[i], "re");
        while (table != NULL && fgets(line, sizeof(line), table) != NULL) {
            found |= strstr(line, inode) != NULL;
        }
        if (table != NULL) {
            (void)fclose(table);
        }
    }
    return found;
}

/* Is any of the agent's descriptors a socket of an internet protocol? */
static bool speaks_to_a_network(const struct laptop *laptop)
{
    char folder[64];
    bool found = false;
    (void)snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)laptop->process.pid);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char target[64];
        char inode[32];
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        unsigned long number;
        if (sscanf(target, "socket:[%lu]", &number) == 1) {
            (void)snprintf(inode, sizeof(inode), " %lu ", number);
            found |= is_inet(inode);
        }
    }
    (void)closedir(dir);
    return found;
}

static bool to_follow(struct laptop *laptop)
{
    json_t *status = laptop_status(laptop);
    return strcmp(text_at(status, "state"), "attention") == 0 &&
           text_holds(status, "message", "the centre has a new authority") &&
           text_holds(status, "message", "enrol --request");
}

/* As a person does who is told: once, and bundles go on. */
static void follow(struct laptop *laptop)
{
    (void)request(laptop, NULL, "renewal");
    (void)sign(EXIT_DONE, "renewal", "renewed");
    cr_assert(true_at(take(laptop, EXIT_DONE, "renewed"), "changed"));
}

Test(enrolment, a_site_without_a_network_is_told_of_a_new_authority_before_that_stops_its_bundles)
{
    char path[FOLDER_PATH_SIZE];
    struct laptop *office = enrolled("office");
    struct laptop *shed = enrolled("shed");
    carry(office);
    carry(shed);
    cr_assert_not(to_follow(office));
    json_t *rolled = centre_do(&world.centre, EXIT_DONE, "ca", "roll", NULL);
    cr_assert(true_at(rolled, "following.0.by_files") && true_at(rolled, "following.1.by_files"));
    carry(office);
    carry(shed);
    cr_assert(to_follow(office));
    laptop_kill(office);
    laptop_start(office);
    cr_assert(to_follow(office), "it is not forgotten");
    struct laptop *late = enrolled("late"); /* certified by the new one */
    site_import_people(late, "GDN", 2);
    carry(late);
    const char *device = text_at(laptop_status(shed), "device.id");
    (void)centre_do(&world.centre, EXIT_DONE, "bundle", "export", "--force", "--device", device, on_stick("in", path),
                    NULL);
    json_t *refused = laptop_do(shed, EXIT_REFUSED, "bundle", "import", path, NULL);
    cr_assert(text_holds(refused, "error.message", "`holdfast enrol --request FILE` first"), "%s",
              text_at(refused, "error.message"));
    follow(office);
    follow(shed);
    cr_assert_not(to_follow(office));
    (void)laptop_do(shed, EXIT_REFUSED, "bundle", "import", path, NULL); /* written before: as a file that is late */
    cr_assert_not(to_follow(shed));
    carry(office);
    carry(shed);
    cr_assert(laptops_agree(office, late));
    cr_assert(laptops_agree(shed, late));
    json_t *authority = centre_do(&world.centre, EXIT_DONE, "ca", "show", NULL);
    cr_assert_eq(number_at(authority, "devices_to_follow"), 0);
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "retire", NULL);
    carry(office);
}

Test(enrolment, a_site_without_any_network_lives_by_files_alone)
{
    char session[SITE_TEXT_SIZE];
    struct laptop *office = enrolled("office");
    struct laptop *shed = enrolled("shed");
    json_t *status = laptop_status(office);
    cr_assert(true_at(status, "enrolled"));
    cr_assert_str_eq(text_at(status, "site.name"), "Garden");
    cr_assert_str_eq(text_at(status, "endpoint"), "");
    cr_assert(text_holds(status, "message", "bundle import"), "%s", text_at(status, "message"));
    carry(office);
    site_import_people(office, "GDN", 3);
    session_name("GDN", 1, 1, session);
    site_attend(office, session, "attended", NULL);
    cr_assert(text_holds(laptop_status(office), "message", "bundle export"));
    carry(office);
    carry(shed);
    session_name("GDN", 2, 1, session);
    site_attend(shed, session, "absent", NULL);
    carry(shed);
    carry(office);
    cr_assert(laptops_agree(office, shed));
    status = laptop_status(office);
    cr_assert_eq(number_at(status, "pending_ops"), 0);
    cr_assert_str_eq(text_at(status, "state"), "synchronised");
    cr_assert(json_is_null(json_at(status, "last_exchange")));
    (void)laptop_do(office, EXIT_REFUSED, "sync", NULL);
    cr_assert(!speaks_to_a_network(office) && !speaks_to_a_network(shed));
    (void)laptop_do(office, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(enrolment, a_request_holds_no_code_and_its_answer_may_be_lost_and_come_twice)
{
    char code[CODE_TEXT_SIZE];
    char path[FOLDER_PATH_SIZE];
    struct laptop *office = laptop_make(&world, "office", true);
    new_code(code);
    json_t *asked = request(office, code, "request");
    cr_assert(!holds(on_stick("request", path), code));
    cr_assert_str_eq(text_at(request(office, code, "again"), "device"), text_at(asked, "device"));
    (void)sign(EXIT_DONE, "request", "lost");
    laptop_stop(office);
    laptop_start(office);
    sleep_ms(1100); /* certificates tell seconds */
    (void)sign(EXIT_DONE, "again", "answer");
    cr_assert(!holds(on_stick("answer", path), "Garden"));
    cr_assert(true_at(take(office, EXIT_DONE, "answer"), "changed"));
    cr_assert(!true_at(take(office, EXIT_DONE, "answer"), "changed"));
    cr_assert(!true_at(take(office, EXIT_DONE, "lost"), "changed")); /* the older one, late */
    cr_assert_eq(json_array_size(json_at(centre_do(&world.centre, EXIT_DONE, "devices", NULL), "devices")), 1);
}

Test(enrolment, what_was_mixed_up_changes_nothing_and_wrong_codes_are_borne_ten_times)
{
    char code[CODE_TEXT_SIZE];
    char path[FOLDER_PATH_SIZE];
    char changed[FOLDER_PATH_SIZE];
    struct buf file;
    struct laptop *office = laptop_make(&world, "office", true);
    struct laptop *shed = laptop_make(&world, "shed", true);
    new_code(code);
    (void)request(office, code, "request");
    (void)sign(EXIT_DONE, "request", "answer");
    (void)take(shed, EXIT_REFUSED, "answer"); /* it never asked */
    (void)request(shed, code, "of-shed");
    (void)take(shed, EXIT_REFUSED, "answer");    /* it is for the other one */
    (void)sign(EXIT_REFUSED, "of-shed", "none"); /* a code is used once */
    (void)sign(EXIT_USAGE, "answer", "none");    /* not a request */
    (void)take(office, EXIT_REFUSED, "request"); /* not an answer */
    (void)laptop_do(office, EXIT_USAGE, "enrol", "--answer", on_stick("answer", path), "--code", code, NULL);
    buf_init(&file, 64 * 1024);
    file_load(on_stick("answer", path), &file);
    file.data[file.len / 2] ^= 1;
    file_write(on_stick("changed", changed), buf_slice(&file));
    (void)take(office, EXIT_REFUSED, "changed");
    buf_clear(&file);
    file_load(on_stick("request", path), &file);
    file.data[file.len / 2] ^= 1;
    file_write(changed, buf_slice(&file));
    (void)sign(EXIT_REFUSED, "changed", "none");
    buf_fini(&file);
    cr_assert(!true_at(laptop_status(office), "enrolled") && !true_at(laptop_status(shed), "enrolled"));
    (void)take(office, EXIT_DONE, "answer");
    (void)laptop_do(office, EXIT_REFUSED, "enrol", "--request", on_stick("new", path), "--code", code, NULL);
    for (int i = 0; i < WRONG_CODES; i++) {
        (void)sign(EXIT_REFUSED, "of-shed", "none");
    }
    new_code(code);
    (void)request(shed, code, "of-shed");
    (void)sign(EXIT_REFUSED, "of-shed", "none"); /* a right one, but there were too many wrong ones */
}

Test(enrolment, a_certificate_is_renewed_by_files_before_it_runs_out)
{
    struct laptop *office = enrolled("office");
    char before[64];
    (void)snprintf(before, sizeof(before), "%s", text_at(laptop_status(office), "certificate.valid_until"));
    cr_assert(true_at(request(office, NULL, "renewal"), "renewal"));
    sleep_ms(1100); /* certificates tell seconds */
    cr_assert(true_at(sign(EXIT_DONE, "renewal", "first"), "renewed"));
    sleep_ms(1100);
    (void)sign(EXIT_DONE, "renewal", "second");
    cr_assert(true_at(take(office, EXIT_DONE, "second"), "changed"));
    cr_assert(!true_at(take(office, EXIT_DONE, "first"), "changed"));
    cr_assert_str_gt(text_at(laptop_status(office), "certificate.valid_until"), before);
    carry(office);
    site_import_people(office, "GDN", 1);
    carry(office);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 0);
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "roll", NULL);
    (void)request(office, NULL, "renewal");
    sleep_ms(1100);
    (void)sign(EXIT_DONE, "renewal", "answer");
    cr_assert(true_at(take(office, EXIT_DONE, "answer"), "changed"));
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "retire", NULL); /* only the new authority is left */
    site_import_people(office, "GDN", 2);
    carry(office);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 0);
}

Test(enrolment, a_device_that_was_away_too_long_comes_back_with_a_code_and_its_records)
{
    char code[CODE_TEXT_SIZE];
    char path[FOLDER_PATH_SIZE];
    char device[64];
    struct laptop *office = enrolled("office");
    (void)snprintf(device, sizeof(device), "%s", text_at(laptop_status(office), "device.id"));
    site_import_people(office, "GDN", 1);
    for (int i = 0; i < 2; i++) { /* the authority changes twice meanwhile: nothing leads to the new one but a code */
        (void)centre_do(&world.centre, EXIT_DONE, "ca", "roll", NULL);
        (void)centre_do(&world.centre, EXIT_DONE, "ca", "retire", "--force", NULL);
    }
    (void)request(office, NULL, "renewal");
    (void)sign(EXIT_REFUSED, "renewal", "none");
    new_code(code);
    (void)laptop_do(office, EXIT_DONE, "enrol", "--again", "--force", "--request", on_stick("request", path), "--code",
                    code, NULL);
    sleep_ms(1100);
    (void)sign(EXIT_DONE, "request", "answer");
    cr_assert(true_at(take(office, EXIT_DONE, "answer"), "changed"));
    cr_assert_str_eq(text_at(laptop_status(office), "device.id"), device);
    carry(office);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 0);
    (void)centre_do(&world.centre, EXIT_DONE, "revoke", device, NULL);
    (void)request(office, NULL, "renewal");
    (void)sign(EXIT_REFUSED, "renewal", "none");
}

/* ---- a centre whose clock is ahead ---- */

static void centre_clock(long days)
{
    centre_stop(&world.centre);
    centre_set_clock(&world.centre, days * DAY_S);
    centre_start(&world.centre);
}

static json_t *enrol_again(struct laptop *laptop)
{
    char code[CODE_TEXT_SIZE];
    char path[FOLDER_PATH_SIZE];
    new_code(code);
    (void)laptop_do(laptop, EXIT_DONE, "enrol", "--again", "--force", "--request", on_stick("request", path), "--code",
                    code, NULL);
    (void)sign(EXIT_DONE, "request", "answer");
    return take(laptop, EXIT_DONE, "answer");
}

Test(enrolment, a_renewal_waits_while_the_centres_clock_is_ahead_and_a_certificate_to_come_is_replaced_by_a_code)
{
    char path[FOLDER_PATH_SIZE];
    char before[64];
    char ahead[64];
    struct laptop *office = enrolled("office");
    (void)snprintf(before, sizeof(before), "%s", text_at(laptop_status(office), "certificate.valid_until"));
    site_import_people(office, "GDN", 1);
    (void)request(office, NULL, "renewal");
    centre_clock(30);
    (void)sign(EXIT_DONE, "renewal", "ahead");
    json_t *refused = take(office, EXIT_REFUSED, "ahead");
    cr_assert(text_holds(refused, "error.message", "30 days ahead"), "%s", text_at(refused, "error.message"));
    cr_assert_str_eq(text_at(laptop_status(office), "certificate.valid_until"), before);
    cr_assert(true_at(enrol_again(office), "changed"), "with a code it is a person's word");
    (void)snprintf(ahead, sizeof(ahead), "%s", text_at(laptop_status(office), "certificate.valid_until"));
    cr_assert_str_gt(ahead, before);
    json_t *waits = laptop_status(office);
    cr_assert_str_eq(text_at(waits, "state"), "attention", "before any bundle is refused");
    cr_assert(text_holds(waits, "message", "on only"), "%s", text_at(waits, "message"));
    cr_assert(text_holds(waits, "message", "enrol --again --request"), "%s", text_at(waits, "message"));
    centre_clock(0);
    (void)laptop_do(office, EXIT_DONE, "bundle", "export", "--force", on_stick("out", path), NULL);
    (void)centre_do(&world.centre, EXIT_REFUSED, "bundle", "import", path, NULL);
    cr_assert(true_at(enrol_again(office), "changed"));
    cr_assert_str_lt(text_at(laptop_status(office), "certificate.valid_until"), ahead);
    cr_assert(!text_holds(laptop_status(office), "message", "on only"));
    cr_assert(!true_at(take(office, EXIT_DONE, "answer"), "changed"));
    carry(office);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 0);
    (void)request(office, NULL, "renewal");
    sleep_ms(1100); /* certificates tell seconds */
    (void)sign(EXIT_DONE, "renewal", "renewed");
    cr_assert(true_at(take(office, EXIT_DONE, "renewed"), "changed"));
}
