/* SPDX-License-Identifier: MIT */
/* What the catcher knows: which mount namespaces are served, and what the watched files are. */
#ifndef LINFSP_CATCHER_TABLES_H
#define LINFSP_CATCHER_TABLES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "catcher/protocol.h"

void table_serve(uint64_t mount_namespace, bool serve);
/* The number of a process's mount namespace; 0: it is gone. */
uint64_t table_namespace(pid_t pid);
/* Whether its mount namespace is served. */
bool table_serves(pid_t pid);
void table_mark(int file, enum catcher_kind kind);
/* CATCHER_HELPER for a file that is not known any more. */
enum catcher_kind table_kind(int file);

int64_t clock_ms(void);

#endif
