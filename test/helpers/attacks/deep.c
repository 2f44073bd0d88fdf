/* SPDX-License-Identifier: MIT */
/*
 * Executes a program in a folder whose path is longer than a path may be: `deep FOLDER PROGRAM [ARGUMENT...]`.
 */
#include <err.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEVELS 100 /* of 60 bytes: 6,000, where 4,096 are the most */

int main(int argc, char **argv) {
    char name[61];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    if (argc < 3 || chdir(argv[1]) < 0)
        err(1, "a folder and a program are wanted");
    for (int i = 0; i < LEVELS; i++)
        if (mkdir(name, 0755) < 0 || chdir(name) < 0)
            err(1, "level %d", i);
    if (mkdir("here", 0755) < 0)
        err(1, "here");
    execv(argv[2], argv + 2);
    err(1, "%s", argv[2]);
}
