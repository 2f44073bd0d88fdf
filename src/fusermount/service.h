/* SPDX-License-Identifier: MIT */
/* What the helper asks of linfspd, one request at a time, each with a time limit. */
#ifndef LINFSP_FUSERMOUNT_SERVICE_H
#define LINFSP_FUSERMOUNT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/protocol.h"

struct service_volume {
    uint64_t id;
    uint8_t cookie[WIRE_COOKIE_SIZE];
};

/* Connects to the service, as wire_connect does. */
int service_connect(int wait_ms, int *ret_socket);
void service_report_no_connection(int error);

/* Mounts on mount_point (O_PATH) what options say. Returns the fuse descriptor, and with auto_unmount the volume lives
 * as long as socket does. On failure a negative errno; ret_message then says why, for a person. */
int service_mount(int socket, int mount_point, const char *path, const char *options, bool auto_unmount,
                  struct service_volume *ret_volume, char ret_message[WIRE_TEXT_MAX]);

/* By number, or by path where volume is 0. With lazy also while files are open, else -EBUSY
 * then. -ENOENT: no volume. ended: one that has ended by itself a moment ago is unmounted, too. */
int service_unmount(int socket, uint64_t volume, const char *path, bool lazy, bool ended,
                    char ret_message[WIRE_TEXT_MAX]);

/* The volume among the caller's container's that has this device number, and the path at which it was mounted; 0: none
 * has. */
uint64_t service_find(int socket, unsigned device, char ret_path[WIRE_PATH_MAX]);

/* Makes socket, to a service that was started anew, the life line of a volume of the one before.
 * -ENOENT: it is gone. */
int service_attach(int socket, const struct service_volume *volume);

/* Reads what the service tells of its own accord. 1: the volume has ended; 0: nothing of interest; -ENOTCONN: the
 * service is gone. */
int service_listen(int socket, const struct service_volume *volume);

#endif
