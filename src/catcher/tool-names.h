/* SPDX-License-Identifier: MIT */
/* The names of programs that change files, for the catcher, and for the worker that looks for them. */
#ifndef LINFSP_CATCHER_TOOL_NAMES_H
#define LINFSP_CATCHER_TOOL_NAMES_H

#include <stddef.h>

extern const char *const catcher_tools[]; /* CATCHER_TOOL */
extern const size_t catcher_n_tools;
extern const char *const catcher_package_managers[]; /* CATCHER_PACKAGES */
extern const size_t catcher_n_package_managers;

/* Tools that make files in their working directory which no argument names. letter: stands among the options of such a
 * command ("tar -xf"); 0: each command is one. */
struct catcher_unpacker {
    const char *name;
    char letter;
};
extern const struct catcher_unpacker catcher_unpackers[];
extern const size_t catcher_n_unpackers;

#endif
