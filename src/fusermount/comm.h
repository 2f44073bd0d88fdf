/* SPDX-License-Identifier: MIT */
/* The socket in _FUSE_COMMFD, on which the caller waits for the fuse descriptor. */
#ifndef LINFSP_FUSERMOUNT_COMM_H
#define LINFSP_FUSERMOUNT_COMM_H

#define COMM_VARIABLE "_FUSE_COMMFD"

/* The socket that text names; reports and returns a negative errno where there is none. */
int comm_open(const char *text);

/* Sends fuse, with one byte, as libfuse expects it. 0, or a negative errno, reported. */
int comm_send(int comm, int fuse);

/* Leaves the caller's session, terminal and descriptors, other than comm and service (may be -1): what stays behind for
 * auto_unmount must hold nothing open, and not die of a signal meant for the file system. */
void comm_stay_behind(int comm, int service);

#endif
