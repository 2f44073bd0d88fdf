/* SPDX-License-Identifier: MIT */
/* How a volume comes to be: from a program of the library, or from the stand-in for fusermount3. */
#ifndef LINFSP_SERVICE_CREATE_H
#define LINFSP_SERVICE_CREATE_H

struct connection;
struct wire_create_volume;
struct wire_fusermount;

/* The connection is answered: now, or when a worker has made the mounts. */
void volume_create(struct connection *connection, const struct wire_create_volume *request);
void fusermount_create(struct connection *connection, const struct wire_fusermount *request);

#endif
