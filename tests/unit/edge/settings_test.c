#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "sync/edge/settings.h"

static const struct setting table[] = {
    { "centre", "listen", SETTING_TEXT, "127.0.0.1:8443", 1, 100, "Where to listen." },
    { "centre", "devices", SETTING_NUMBER, "100", 1, 5000, "How many at most." },
    { "log", "debug", SETTING_BOOL, "no", 0, 0, "Say more." },
};

static struct settings settings;
static struct error err;

static void begin(void)
{
    cr_assert(settings_init(&settings, table, ARRAY_LEN(table), &err) == ERR_OK);
}

static void end(void)
{
    settings_fini(&settings);
}

TestSuite(settings, .init = begin, .fini = end);

static enum err_code parse(const char *text)
{
    return settings_parse(&settings, "test.conf", slice_of_text(text), &err);
}

static void refuses(const char *text, const char *words)
{
    cr_assert_eq(parse(text), ERR_CONFIG, "%s", text);
    cr_assert_not_null(strstr(err.message, words), "%s", err.message);
}

Test(settings, have_their_defaults)
{
    cr_assert_str_eq(settings_text(&settings, "centre", "listen"), "127.0.0.1:8443");
    cr_assert_eq(settings_number(&settings, "centre", "devices"), 100);
    cr_assert_not(settings_bool(&settings, "log", "debug"));
    cr_assert_not(settings_given(&settings, "log", "debug"));
}

Test(settings, are_read_with_comments_and_spaces)
{
    cr_assert(parse("# first\n\n[centre]\n listen = [::]:1 ; all\r\ndevices=7\n[log]\ndebug = on") == ERR_OK, "%s",
              err.message);
    cr_assert_str_eq(settings_text(&settings, "centre", "listen"), "[::]:1");
    cr_assert_eq(settings_number(&settings, "centre", "devices"), 7);
    cr_assert(settings_bool(&settings, "log", "debug"));
    cr_assert(settings_given(&settings, "log", "debug"));
}

Test(settings, refuse_what_is_not_in_the_table_with_file_and_line)
{
    refuses("[centre]\n\nlisten = x\nlistne = y\n", "'test.conf', line 4: there is no setting 'listne'");
    refuses("[center]\nlisten = x\n", "line 2");
    refuses("listen = x\n", "line 1");
}

Test(settings, refuse_a_value_that_does_not_fit)
{
    refuses("[centre]\ndevices = 5001\n", "line 2: 'devices' is a number from 1 to 5000");
    refuses("[centre]\ndevices = 0\n", "line 2");
    refuses("[centre]\ndevices = 7x\n", "line 2");
    refuses("[centre]\ndevices = 99999999999999999999\n", "line 2");
    refuses("[centre]\ndevices =\n", "line 2");
    refuses("[centre]\nlisten =\n", "line 2: 'listen' is a text");
    refuses("[centre]\nlisten = \xff\n", "line 2");
    refuses("[log]\ndebug = maybe\n", "line 2: 'debug' is yes or no");
}

Test(settings, refuse_what_is_no_setting_at_all)
{
    refuses("[centre]\nnonsense\n", "line 2: write [section] or name = value");
    refuses("[centre\n", "line 1");
    char text[400] = "[centre]\nlisten = ";
    memset(text + strlen(text), 'x', 300);
    refuses(text, "line 2: a line has at most");
    cr_assert_eq(settings_parse(&settings, "t", slice_of("[log]\0\n", 7), &err), ERR_CONFIG);
}

Test(settings, come_from_the_file_and_then_its_drop_ins_in_the_order_of_names)
{
    char folder[] = "/tmp/hf-settings-XXXXXX";
    char path[64];
    char drop_ins[80];
    char one[96];
    char two[96];
    char other[96];
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/a.conf", folder);
    (void)snprintf(drop_ins, sizeof(drop_ins), "%s.d", path);
    (void)snprintf(one, sizeof(one), "%s/10-first.conf", drop_ins);
    (void)snprintf(two, sizeof(two), "%s/9-last.conf", drop_ins);
    (void)snprintf(other, sizeof(other), "%s/notes.txt", drop_ins);
    cr_assert(mkdir(drop_ins, 0700) == 0);
    cr_assert(file_replace(path, slice_of_text("[centre]\ndevices = 1\nlisten = a\n"), 0600, &err) == ERR_OK);
    cr_assert(file_replace(two, slice_of_text("[centre]\ndevices = 3\n"), 0600, &err) == ERR_OK);
    cr_assert(file_replace(one, slice_of_text("[centre]\ndevices = 2\n"), 0600, &err) == ERR_OK);
    cr_assert(file_replace(other, slice_of_text("not a setting"), 0600, &err) == ERR_OK);
    cr_assert(settings_load(&settings, path, true, &err) == ERR_OK, "%s", err.message);
    cr_assert_eq(settings_number(&settings, "centre", "devices"), 3);
    cr_assert_str_eq(settings_text(&settings, "centre", "listen"), "a");
    (void)unlink(path);
    cr_assert_eq(settings_load(&settings, path, true, &err), ERR_NOT_FOUND);
    cr_assert(settings_load(&settings, path, false, &err) == ERR_OK);
    (void)unlink(one);
    (void)unlink(two);
    (void)unlink(other);
    (void)rmdir(drop_ins);
    (void)rmdir(folder);
}

Test(settings, describe_themselves_as_a_file_that_reads)
{
    struct buf text;
    buf_init(&text, 4096);
    cr_assert(settings_describe(&settings, &text, &err) == ERR_OK);
    cr_assert(settings_parse(&settings, "described", buf_slice(&text), &err) == ERR_OK, "%s", err.message);
    for (size_t i = 0; i < text.len; i++) { /* and with its settings in use */
        if (text.data[i] == '#' && memchr(text.data + i, '\n', text.len - i) != NULL) {
            size_t len = (size_t)((uint8_t *)memchr(text.data + i, '\n', text.len - i) - (text.data + i));
            if (memchr(text.data + i, '=', len) != NULL) {
                text.data[i] = ' ';
            }
        }
    }
    cr_assert(settings_parse(&settings, "described", buf_slice(&text), &err) == ERR_OK, "%s", err.message);
    cr_assert(settings_given(&settings, "centre", "devices"));
    buf_fini(&text);
}
