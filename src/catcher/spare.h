/* SPDX-License-Identifier: MIT */
/* Processes of the catcher's that do what may hang, in its place. */
#ifndef LINFSP_CATCHER_SPARE_H
#define LINFSP_CATCHER_SPARE_H

#include <sys/types.h>

/* Forks one, with a socket pair (SOCK_SEQPACKET) between the two. Returns its pid, 0 in it, or a negative errno;
 * *ret_socket is the end of whoever this returns in. The process ends if the catcher has ended meanwhile. */
pid_t spare_fork(int *ret_socket);

#endif
