/* SPDX-License-Identifier: MIT */
/* Which engine made a container, and what it calls it: for people. Nothing is decided by it. */
#ifndef LINFSP_SERVICE_DESCRIBE_H
#define LINFSP_SERVICE_DESCRIBE_H

#include <stddef.h>
#include <sys/types.h>

/* Returns 1 when the engine is known (outputs filled in where they are), 0 when not yet or not at all. */
int describe_container(pid_t init, char *ret_id, size_t id_size, char *ret_engine, size_t engine_size, char *ret_name,
                       size_t name_size);

#endif
