/* SPDX-License-Identifier: MIT */
/* Answering the kernel's FUSE_INIT on behalf of a server. */
#ifndef LINFSP_WORKER_FUSE_INIT_H
#define LINFSP_WORKER_FUSE_INIT_H

#include "wire/protocol.h"

/* fuse: a descriptor of a connection just made, non-blocking. wanted is the client's wish; what is put in force goes to
 * ret_granted: never more than the kernel offers and than we allow to be chosen. Returns 0 or a negative errno. */
int fuse_init_answer(int fuse, const struct wire_init *wanted, struct wire_init *ret_granted);

#endif
