#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tests/sim/acts.h"
#include "tests/sim/template.h"

enum { STEPS_DEFAULT = 28 };

struct plan {
    uint64_t first;
    uint64_t last;
    unsigned steps;
    bool by_hand;     /* no machine has a network any more when the troubles are over: see world.h */
    const char *list; /* a file of seeds that once found something */
};

static const char usage[] =
    "usage: hf_sim [--seed N | --seeds A..B | --list FILE] [--steps N] [--by-hand] [--verbose]\n";

static bool number(const char *text, char **ret_end, uint64_t *ret_number)
{
    *ret_number = strtoull(text, ret_end, 10);
    return *ret_end != text && text[0] != '-';
}

static bool read_seeds(const char *text, struct plan *plan)
{
    char *end;
    if (!number(text, &end, &plan->first)) {
        return false;
    }
    plan->last = plan->first;
    if (strncmp(end, "..", 2) == 0 && !number(end + 2, &end, &plan->last)) {
        return false;
    }
    return *end == '\0' && plan->last >= plan->first;
}

static bool read_arguments(int argc, char **argv, struct plan *plan)
{
    static const struct option options[] = { { "seed", required_argument, NULL, 's' },
                                             { "seeds", required_argument, NULL, 's' },
                                             { "steps", required_argument, NULL, 'n' },
                                             { "list", required_argument, NULL, 'l' },
                                             { "by-hand", no_argument, NULL, 'b' },
                                             { "verbose", no_argument, NULL, 'v' },
                                             { 0 } };
    uint64_t steps = STEPS_DEFAULT;
    char *end = NULL;
    for (int option = getopt_long(argc, argv, "", options, NULL); option != -1;
         option = getopt_long(argc, argv, "", options, NULL)) {
        if (option == 'v') {
            report_verbose();
        } else if (option == 'b') {
            plan->by_hand = true;
        } else if (option == 'l') {
            plan->list = optarg;
        } else if (option == 's' ? !read_seeds(optarg, plan)
                                 : option != 'n' || !number(optarg, &end, &steps) || *end != '\0' || steps > 100000) {
            return false;
        }
    }
    plan->steps = (unsigned)steps;
    return optind == argc;
}

static void run(uint64_t seed, unsigned steps, bool by_hand)
{
    static struct world world;
    report_seed(seed, steps, by_hand);
    world_make(&world, seed);
    world.by_hand = by_hand;
    tell("seed %llu: %s, %zu agents", (unsigned long long)seed, world.profile->name, world.agent_count);
    for (unsigned step = 1; step <= steps; step++) {
        acts_step(&world, step);
    }
    world_settle(&world);
    world_end(&world);
}

static void run_range(const struct plan *plan)
{
    for (uint64_t seed = plan->first; seed <= plan->last; seed++) {
        run(seed, plan->steps, plan->by_hand);
    }
    (void)printf("seeds %llu to %llu: nothing lost, nothing doubled, all agree\n", (unsigned long long)plan->first,
                 (unsigned long long)plan->last);
}

/* Lines of `SEED STEPS # why`. */
static void run_list(const char *path)
{
    char line[256];
    unsigned count = 0;
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *end;
        uint64_t seed;
        uint64_t steps;
        if (number(line, &end, &seed) && number(end, &end, &steps)) {
            run(seed, (unsigned)steps, false);
            count++;
        } else {
            CHECK(line[0] == '#' || line[0] == '\n');
        }
    }
    (void)fclose(file);
    (void)printf("%u seeds that once failed hold\n", count);
}

int main(int argc, char **argv)
{
    struct plan plan = { .first = 1, .last = 1 };
    if (!read_arguments(argc, argv, &plan)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)setenv("TZ", "Europe/London", 1);
    log_set_level((enum log_level)0);
    MUST(secret_init(must));
    report_seed(plan.first, plan.steps, plan.by_hand);
    template_make();
    if (plan.list != NULL) {
        run_list(plan.list);
    } else {
        run_range(&plan);
    }
    template_remove();
    return 0;
}
