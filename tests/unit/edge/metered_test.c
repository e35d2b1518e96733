/* NetworkManager's word on whether bytes cost money, over a bus of the test's own. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>
#include <uv.h>

#include "sync/edge/metered.h"

#define TURNS 5000
#define BUS_TURNS 2000

static char folder[] = "/tmp/holdfast-bus-XXXXXX";
static pid_t bus_pid;
static uv_loop_t loop;
static struct metered *metered;
static int changes;

static void on_changed(void *context)
{
    (void)context;
    changes++;
}

static void begin(void)
{
    cr_assert_eq(uv_loop_init(&loop), 0);
    changes = 0;
}

static void end(void)
{
    metered_stop(metered);
    (void)uv_run(&loop, UV_RUN_DEFAULT); /* ends only when every handle is closed */
    cr_assert_eq(uv_loop_close(&loop), 0);
}

TestSuite(metered, .init = begin, .fini = end, .timeout = 60);

/* ---- a bus of our own ---- */

static const char configuration[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
    "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
    "<busconfig><type>system</type><listen>unix:path=%s/socket</listen><policy context=\"default\">"
    "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/>"
    "</policy></busconfig>";

static bool bus_ended(void)
{
    siginfo_t info = { .si_pid = 0 };
    return waitid(P_PID, (id_t)bus_pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

static bool start_bus(void)
{
    char path[128];
    char address[128];
    char option[160];
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chmod(folder, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/conf", folder);
    (void)snprintf(address, sizeof(address), "unix:path=%s/socket", folder);
    (void)snprintf(option, sizeof(option), "--config-file=%s", path);
    FILE *file = fopen(path, "we");
    cr_assert(file != NULL && fprintf(file, configuration, folder) > 0 && fclose(file) == 0);
    cr_assert_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
    bus_pid = fork();
    if (bus_pid == 0) {
        execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile", "--nosyslog", (char *)NULL);
        _exit(127);
    }
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    for (int i = 0; i < BUS_TURNS && access(path, F_OK) != 0 && !bus_ended(); i++) {
        (void)usleep(10000);
    }
    return access(path, F_OK) == 0;
}

static void stop_bus(void)
{
    char path[128];
    (void)kill(bus_pid, SIGTERM);
    (void)waitpid(bus_pid, NULL, 0);
    (void)snprintf(path, sizeof(path), "%s/conf", folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* ---- a NetworkManager with one property ---- */

static uint32_t value;

static const sd_bus_vtable manager[] = { SD_BUS_VTABLE_START(0),
                                         SD_BUS_PROPERTY("Metered", "u", NULL, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                         SD_BUS_VTABLE_END };

static sd_bus *start_manager(void)
{
    sd_bus *bus = NULL;
    cr_assert_geq(sd_bus_open_system(&bus), 0);
    cr_assert_geq(sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/NetworkManager",
                                           "org.freedesktop.NetworkManager", manager, &value),
                  0);
    cr_assert_geq(sd_bus_request_name(bus, "org.freedesktop.NetworkManager", 0), 0);
    return bus;
}

static void set_metered(sd_bus *bus, uint32_t now)
{
    value = now;
    cr_assert_geq(sd_bus_emit_properties_changed(bus, "/org/freedesktop/NetworkManager",
                                                 "org.freedesktop.NetworkManager", "Metered", NULL),
                  0);
}

static bool becomes(sd_bus *bus, bool wanted)
{
    for (int i = 0; i < TURNS && metered_now(metered) != wanted; i++) {
        while (sd_bus_process(bus, NULL) > 0) {
        }
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        (void)usleep(2000);
    }
    return metered_now(metered) == wanted;
}

Test(metered, follows_what_networkmanager_says)
{
    struct error err;
    if (!start_bus()) {
        stop_bus();
        cr_skip_test("there is no dbus-daemon here");
    }
    value = 1;
    sd_bus *bus = start_manager();
    cr_assert_eq(metered_start(&loop, on_changed, NULL, &metered, &err), ERR_OK);
    cr_assert(becomes(bus, true), "yes, at the start");
    cr_assert_eq(changes, 1);
    set_metered(bus, 2);
    cr_assert(becomes(bus, false), "no");
    set_metered(bus, 3);
    cr_assert(becomes(bus, true), "most likely");
    set_metered(bus, 4);
    cr_assert(becomes(bus, false), "most likely not");
    cr_assert_eq(changes, 4);
    (void)sd_bus_flush_close_unref(bus);
    stop_bus();
    (void)uv_run(&loop, UV_RUN_NOWAIT); /* the bus is gone */
    metered_look(metered);
    cr_assert_not(metered_now(metered));
}

Test(metered, without_a_bus_no_link_is_metered)
{
    struct error err;
    cr_assert_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/socket", 1), 0);
    cr_assert_eq(metered_start(&loop, on_changed, NULL, &metered, &err), ERR_OK);
    cr_assert_not(metered_now(metered));
    metered_look(metered);
    cr_assert_eq(changes, 0);
}
