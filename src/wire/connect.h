/* SPDX-License-Identifier: MIT */
/* Finds the service's sockets and connects: in a container at /dev/linfsp, on the host at /run/linfsp/host. */
#ifndef LINFSP_WIRE_CONNECT_H
#define LINFSP_WIRE_CONNECT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this process runs in a container, as far as it can see itself. */
bool wire_in_container(void);

/*
 * Connects to device, "disk" or "net". In a container, where /dev/linfsp may still be on its way, waits up to
 * timeout_ms (< 0: one second) for the service; on the host it does not wait. The socket is O_CLOEXEC and blocking.
 * Returns 0, -ENODEV where no service is to be found (wire_no_service_message then says what to do), -EACCES, -EAGAIN
 * (the service is busy: too many connections), or another negative errno.
 */
int wire_connect(const char *device, int timeout_ms, int *ret_socket);

/* Why there is no service here, and the command that mends it. One sentence or two, no newline. */
void wire_no_service_message(char *text, size_t size);

#endif
