/* SPDX-License-Identifier: MIT */
/* Operations that have a file of their own, and what they share with the others. */
#ifndef LINFSP_LOAD_OPERATIONS_H
#define LINFSP_LOAD_OPERATIONS_H

#include "load/load.h"

off_t random_block(struct worker *worker);

int fill_deep(struct worker *worker, unsigned steps);
int64_t step_read_deep(struct worker *worker, uint64_t index);
int64_t step_write_deep(struct worker *worker, uint64_t index);
int drain_deep(struct worker *worker, unsigned steps);

#endif
