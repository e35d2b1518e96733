/*
 * Preloaded into a program: its wall clock differs from the machine's by the seconds in the file that $SHIFTED_CLOCK
 * names, which may change while the program runs, as when somebody sets a laptop's clock. A second number there is how
 * long the machine has slept meanwhile, which CLOCK_BOOTTIME counts; monotonic time is left alone, as the kernel leaves
 * it. A third one is how long it was awake, which both count.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long number_of_file(int index)
{
    char text[48] = "";
    const char *path = getenv("SHIFTED_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)!read(fd, text, sizeof(text) - 1);
        (void)close(fd);
    }
    char *next = text;
    long number = strtol(text, &next, 10);
    for (int i = 0; i < index; i++) {
        number = strtol(next, &next, 10);
    }
    return number;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) {
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    }
    int rc = real(clock, ret_time);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ret_time->tv_sec += number_of_file(0);
    } else if (rc == 0 && clock == CLOCK_BOOTTIME) {
        ret_time->tv_sec += number_of_file(1) + number_of_file(2);
    } else if (rc == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)) {
        ret_time->tv_sec += number_of_file(2);
    }
    return rc;
}

time_t time(time_t *ret_time)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time != NULL) {
        *ret_time = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return 0;
}
