/* SPDX-License-Identifier: MIT */
/*
 * Closing what came from a container.
 *
 * close(2) can block: flushing a file of a FUSE file system waits for its server, a socket may linger. A client can put
 * such descriptors into a message, and messages into a connection's queue, so that even closing the connection would
 * close them. The service therefore never receives descriptors itself (a worker does), and gives a connection that it
 * is done with to a process that may hang in its stead.
 *
 * The file of a process's mount table holds the process's mount namespace. Whoever closes it last ends the file systems
 * in there. That waits for a lock of the FUSE file system's, which its server can hold for as long as it likes.
 */
#ifndef LINFSP_SERVICE_REAPER_H
#define LINFSP_SERVICE_REAPER_H

#include <sys/types.h>

struct reaper;

int reaper_new(struct reaper **ret_reaper);
void reaper_free(struct reaper *reaper);
/* A child of the service with this pid was waited for. */
void reaper_waited_for(struct reaper *reaper, pid_t pid);
/* Closes fd, some time. Nothing is done with a negative one. */
void reaper_close(struct reaper *reaper, int fd);
/* The same in a process of its own, so that nothing else stays open where that hangs. */
void reaper_close_alone(struct reaper *reaper, int fd);

#endif
