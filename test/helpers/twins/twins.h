/* SPDX-License-Identifier: MIT */
/*
 * twins: do two directories, each on a file system of its own, stay alike when the same is done in both?
 *
 *     twins compare [OPTION...] A B     the same random steps in A and B, of which A is known to be right (tmpfs)
 *     twins storm [OPTION...] DIRECTORY many processes do random steps at once; then all must fit together
 *
 *     --seed=N --steps=N    which steps, and how many (of each process)
 *     --ignore-case         B, or the storm's directory, takes names for one that differ in case only
 *     --jobs=N              how many processes the storm has
 *     --careful             compare after each step, to find the one that made the difference
 *     --kills-privileges    the file system clears setuid, setgid and file capabilities more often than it has to
 *     --cached              the file system does not see what is read from the kernel's cache: atime is not compared
 *
 * Model. A step is an operation with its paths, descriptors, numbers and user, drawn by the seed alone; a world is a
 * directory with descriptors open in it. Running a step in a world gives a result: what the call returned, its errno,
 * and a hash of what it read. compare runs each step in both worlds and compares the results, and every so many steps
 * all that is to be found in them: names, attributes, contents, holes, extended attributes. Some steps are watched:
 * which times of which files they change is compared, too. Few names and few descriptors make steps meet each other.
 *
 * storm knows no right answer for a single step. It looks when all is quiet: whether what the kernel remembers of a
 * file is what the file system says, links and names add up, the volume counts what is in it, and is empty again after
 * all has been removed.
 *
 * What the two may differ in is not compared: the sizes of directories, and the order of names. How many blocks files
 * take is compared with even seeds only, and those do without what fills holes on tmpfs (copying, mapping).
 *
 * Built by: cc -std=gnu11 -D_GNU_SOURCE -static -o twins *.c
 */
#ifndef TWINS_H
#define TWINS_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define SLOTS 8
#define PATH_SIZE 800

/* ---- chance ---------------------------------------------------------------------------------------------------- */

struct chance {
    uint64_t state;
};

uint64_t draw(struct chance *chance, uint64_t below);
static inline bool one_in(struct chance *chance, uint64_t n) {
    return draw(chance, n) == 0;
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

struct step {
    const struct operation *operation;
    char path[2][PATH_SIZE];
    int slot[2];
    uint64_t offset[2], size;
    uint32_t flags, mode;
    uint64_t seed; /* of what is written */
    uid_t user;
    bool ignores_case; /* one of the worlds does */
};

struct world {
    int root;
    int slots[SLOTS]; /* -1: none */
    bool ignores_case;
};

struct result {
    int64_t value;
    int error;
    uint64_t hash; /* of what was read; sums, where the order is free */
};

/* holes: nothing that fills holes on tmpfs. */
void step_draw(struct chance *chance, bool holes, bool ignores_case, struct step *ret_step);
void step_run(struct world *world, const struct step *step, struct result *ret_result);
void step_print(FILE *to, const struct step *step);
void world_open(const char *path, bool ignores_case, struct world *ret_world);
/* Closes what the steps have opened. */
void world_close(struct world *world);

uint64_t hash_bytes(const void *bytes, size_t size);

/* ---- what is there --------------------------------------------------------------------------------------------- */

struct item {
    char *path; /* below the world's root, folded where the world ignores case */
    char *real; /* the same as it is spelled */
    struct stat status;
};

/* All names of a world, sorted by path. */
struct tree {
    struct item *items;
    size_t count;
};

void tree_take(const struct world *world, struct tree *ret_tree);
/* The one spelling of names that differ in case only. */
void path_fold(char *path);
void tree_free(struct tree *tree);
/* Not for every file system and seed. */
enum { COMPARE_BLOCKS = 1, COMPARE_PRIVILEGES = 2 };

/* What is different, said on standard error: true if anything is. */
bool trees_differ(const struct world *a, const struct tree *in_a, const struct world *b, const struct tree *in_b,
                  bool contents, unsigned how);
/* Which times have changed from before to after: whether that is otherwise in b than in a. */
bool times_differ(const struct tree *a_before, const struct tree *a_after, const struct tree *b_before,
                  const struct tree *b_after, bool cached);

/* ---- the storm ------------------------------------------------------------------------------------------------- */

struct storm {
    const char *directory;
    uint64_t seed, steps;
    int jobs;
    bool ignores_case;
};

int storm_run(const struct storm *storm);

_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
