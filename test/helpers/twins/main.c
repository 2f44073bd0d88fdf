/* SPDX-License-Identifier: MIT */
/* The command, and the comparison of two worlds. */
#include "twins.h"

#include <grp.h>
#include <signal.h>
#include <time.h>

#define HISTORY 40
#define GLANCE 10 /* every so many steps: names and attributes */
#define LOOK 60 /* contents, too */
#define WATCH 15 /* one in so many steps: which times it changes */

struct options {
    uint64_t seed, steps;
    int jobs;
    bool ignores_case, careful, cached, kills;
};

struct comparison {
    struct world a, b;
    struct step history[HISTORY];
    uint64_t at;
    bool nothing; /* the last step returned 0: of a reading one the file system is not told, if it was at the end */
    const struct options *options;
};

static struct step *step_at(struct comparison *comparison, uint64_t number) {
    return &comparison->history[number % HISTORY];
}

static int say_difference(struct comparison *comparison, const char *what) {
    uint64_t first = comparison->at < HISTORY ? 0 : comparison->at - HISTORY + 1;
    for (uint64_t i = first; i <= comparison->at; i++) {
        fprintf(stderr, "%8llu ", (unsigned long long)i);
        step_print(stderr, step_at(comparison, i));
    }
    fprintf(stderr, "twins: seed %llu, step %llu: %s\n", (unsigned long long)comparison->options->seed,
            (unsigned long long)comparison->at, what);
    return 1;
}

static int compare_trees(struct comparison *comparison, bool contents) {
    struct tree a, b;
    tree_take(&comparison->a, &a);
    tree_take(&comparison->b, &b);
    unsigned how = (comparison->options->seed % 2 == 0 ? COMPARE_BLOCKS : 0) |
                   (comparison->options->kills ? 0 : COMPARE_PRIVILEGES);
    bool differ = trees_differ(&comparison->a, &a, &comparison->b, &b, contents, how);
    tree_free(&a);
    tree_free(&b);
    return differ ? say_difference(comparison, "what is there differs") : 0;
}

static int run_both(struct comparison *comparison, const struct step *step) {
    struct result a, b;
    comparison->nothing = false;
    step_run(&comparison->a, step, &a);
    step_run(&comparison->b, step, &b);
    if (a.value == b.value && a.error == b.error && a.hash == b.hash) {
        comparison->nothing = a.value == 0;
        return 0;
    }
    fprintf(stderr, "  first: %lld, %s, %llx; second: %lld, %s, %llx\n", (long long)a.value, strerror(a.error),
            (unsigned long long)a.hash, (long long)b.value, strerror(b.error), (unsigned long long)b.hash);
    return say_difference(comparison, "results differ");
}

/* Until the clock that stamps files has moved on. */
static void let_time_pass(void) {
    nanosleep(&(struct timespec){0, 12000000}, NULL);
}

static int run_watched(struct comparison *comparison, const struct step *step) {
    struct tree before[2], after[2];
    let_time_pass();
    tree_take(&comparison->a, &before[0]);
    tree_take(&comparison->b, &before[1]);
    int r = run_both(comparison, step);
    tree_take(&comparison->a, &after[0]);
    tree_take(&comparison->b, &after[1]);
    if (r == 0 &&
        times_differ(&before[0], &after[0], &before[1], &after[1], comparison->options->cached || comparison->nothing))
        r = say_difference(comparison, "changed times differ");
    for (int i = 0; i < 2; i++) {
        tree_free(&before[i]);
        tree_free(&after[i]);
    }
    return r;
}

/* A folder that no other seed's steps have touched. */
static void world_make(const struct options *options, const char *directory, bool ignores_case,
                       struct world *ret_world) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/seed-%llu", directory, (unsigned long long)options->seed);
    if (mkdir(path, 0777) < 0 || chmod(path, 0777) < 0)
        give_up("%s: %s", path, strerror(errno));
    world_open(path, ignores_case, ret_world);
}

static int run_compare(const struct options *options, char **paths) {
    static struct comparison comparison;
    struct chance chance = {options->seed};
    int r = 0;
    comparison.options = options;
    world_make(options, paths[0], false, &comparison.a);
    world_make(options, paths[1], options->ignores_case, &comparison.b);
    for (; r == 0 && comparison.at < options->steps; comparison.at++) {
        struct step *step = step_at(&comparison, comparison.at);
        step_draw(&chance, options->seed % 2 == 0, options->ignores_case, step);
        r = one_in(&chance, WATCH) ? run_watched(&comparison, step) : run_both(&comparison, step);
        if (r == 0 && (options->careful || comparison.at % GLANCE == 0))
            r = compare_trees(&comparison, options->careful || comparison.at % LOOK == 0);
        if (r)
            break;
    }
    if (r == 0)
        printf("%llu steps, seed %llu: no difference\n", (unsigned long long)options->steps,
               (unsigned long long)options->seed);
    world_close(&comparison.a);
    world_close(&comparison.b);
    return r;
}

static bool take_option(struct options *options, const char *option) {
    if (!strncmp(option, "--seed=", 7))
        options->seed = strtoull(option + 7, NULL, 10);
    else if (!strncmp(option, "--steps=", 8))
        options->steps = strtoull(option + 8, NULL, 10);
    else if (!strncmp(option, "--jobs=", 7))
        options->jobs = atoi(option + 7);
    else if (!strcmp(option, "--ignore-case"))
        options->ignores_case = true;
    else if (!strcmp(option, "--careful"))
        options->careful = true;
    else if (!strcmp(option, "--kills-privileges"))
        options->kills = true;
    else if (!strcmp(option, "--cached"))
        options->cached = true;
    else
        return false;
    return true;
}

int main(int argc, char **argv) {
    struct options options = {.seed = 1, .steps = 1000, .jobs = 4};
    int at = 2;
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    while (at < argc && take_option(&options, argv[at]))
        at++;
    if (getuid() == 0 && setgroups(1, (gid_t[]){2000}) < 0)
        give_up("setgroups: %s", strerror(errno));
    if (argc == at + 2 && !strcmp(argv[1], "compare"))
        return run_compare(&options, argv + at);
    if (argc == at + 1 && !strcmp(argv[1], "storm") && options.jobs > 0)
        return storm_run(&(struct storm){argv[at], options.seed, options.steps, options.jobs, options.ignores_case});
    fprintf(stderr, "usage: twins compare [OPTION...] A B\n       twins storm [OPTION...] DIRECTORY\n");
    return 2;
}
