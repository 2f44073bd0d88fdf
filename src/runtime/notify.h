/* SPDX-License-Identifier: MIT */
/*
 * mount(2) and umount2(2) of FUSE file systems, for programs that call them by themselves.
 *
 * Most FUSE programs run a helper when mount(2) is refused. Some do not (ntfs-3g, davfs2). With linfsp-runtime the
 * container's seccomp filter sends both calls to a *notifier*: a process of its own for each container, outside of it,
 * that lives as long as the container. For a FUSE mount the notifier runs the stand-in for fusermount3 as the calling
 * process: in its namespaces, root and working directory, with its ids and no capability. So the service gets the same
 * request, from the same user, and decides by the same rules as ever. The descriptor that the stand-in gets then
 * replaces the caller's own /dev/fuse, and the call returns 0. Every other call, and each that fails, goes on in the
 * kernel as if nobody had looked, and is refused there as before.
 */
#ifndef LINFSP_RUNTIME_NOTIFY_H
#define LINFSP_RUNTIME_NOTIFY_H

#include <stddef.h>

/* Starts the notifier of a container that is about to be made, in the background. ret_socket: the path at which it
 * waits for the runtime. helper: the stand-in, a static program. Returns 0 or a negative errno; then there is no
 * notifier. */
int notify_start(const char *helper, char *ret_socket, size_t size);

/* Answers one call that waits at listener; for a process of its own, which ends with it. */
struct seccomp_notif;
void notify_answer(int listener, const struct seccomp_notif *call, int helper);

#endif
