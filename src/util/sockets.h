/* SPDX-License-Identifier: MIT */
/* Packets with descriptors over AF_UNIX sockets. */
#ifndef LINFSP_UTIL_SOCKETS_H
#define LINFSP_UTIL_SOCKETS_H

#include <stddef.h>
#include <sys/types.h>

/* Sends one packet with n_fds (at most 32) descriptors; they stay the caller's. 0 or a
 * negative errno; never SIGPIPE. */
int socket_send(int socket, const void *data, size_t size, const int *fds, size_t n_fds);

/* Receives one packet. Returns its size (0: end of the connection), or a negative errno: -EMSGSIZE for one that is
 * larger than size or carries more than max_fds (<= 32) descriptors. Descriptors are O_CLOEXEC, and the caller's on
 * success only. */
ssize_t socket_receive(int socket, void *data, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds);

#endif
