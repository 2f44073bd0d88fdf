/* SPDX-License-Identifier: MIT */
/*
 * Windows programs in Wine: `linfsp wine` and `linfsp wine-setup`.
 *
 * Model. A prefix is the folder that Wine takes for a Windows machine: a registry, drive C:, and links for the other
 * drives. Wine makes one of 700 MB, by copying its own programs. A prefix made here has links to them instead, and a
 * registry that Wine fills from its own list, less what copies files and registers programs: that takes two seconds and
 * less than a megabyte.
 *
 * Each file system gets a prefix of its own. Programs of one prefix share a server process, and that opens files on
 * their behalf: if one of them opened a file of another's volume, the server would wait for a program that waits for
 * the server.
 */
#ifndef LINFSP_CLI_WINE_H
#define LINFSP_CLI_WINE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct verb;

/* ---- wine-find.c: where things are ----------------------------------------------------------------------------- */

struct wine {
    char loader[PATH_MAX]; /* runs a Windows program */
    char server[PATH_MAX];
    char programs[PATH_MAX]; /* the folder of Wine's own DLLs and programs */
    char list[PATH_MAX]; /* wine.inf */
    char dll[PATH_MAX]; /* our winfsp-x64.dll */
};

/* 0, or -1 after a message. */
int wine_find(const struct verb *verb, struct wine *ret_wine);

/* ---- wine-inf.c ------------------------------------------------------------------------------------------------ */

/* Copies Wine's list of what a new prefix has, changed: nothing is copied or registered, few services are started, and
 * WinFsp stands in the registry. 0, or -EIO. */
int wine_inf_filter(FILE *from, FILE *to);

/* ---- wine-prefix.c --------------------------------------------------------------------------------------------- */

/* Makes a prefix in a folder that is empty or not there. 0, or -1 after a message. */
int wine_prefix_make(const struct verb *verb, const struct wine *wine, const char *prefix);
/* Prepares a prefix that Wine has made. 0, or -1 after a message. */
int wine_prefix_prepare(const struct verb *verb, const struct wine *wine, const char *prefix);
/* True: Wine, or wine_prefix_make, has made one there. */
bool wine_prefix_exists(const char *prefix);
/* True: one of the two was done, with the DLL that there is now. */
bool wine_prefix_prepared(const struct wine *wine, const char *prefix);
/* Ends all programs of a prefix, and waits for that. */
void wine_prefix_end(const struct wine *wine, const char *prefix);
/* Removes a prefix, and all that is in it. */
void wine_prefix_remove(const char *prefix);

/* Runs a program and waits for it: its wait status, or -1. */
int wine_spawn(const char *prefix, const char *const *arguments);
/* The environment of Wine in a prefix. */
void wine_set_environment(const char *prefix);

#endif
