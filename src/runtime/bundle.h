/* SPDX-License-Identifier: MIT */
/* The configuration of an OCI bundle, and our hook in it. */
#ifndef LINFSP_RUNTIME_BUNDLE_H
#define LINFSP_RUNTIME_BUNDLE_H

/*
 * Adds a hook at createRuntime, `PROGRAM hook`, to the configuration at path, unless it is there. Everything else
 * stays: members that we know nothing of, their order, 64-bit numbers, the file's owner and mode. The new configuration
 * takes the old one's place whole or not at all.
 *
 * Returns 1 (added), 0 (it was there), or a negative errno: -EBADMSG for what is not a configuration, -ELOOP for a
 * symbolic link.
 */
int bundle_add_hook(const char *path, const char *program);

/*
 * Has mount(2), umount(2) and umount2(2) of the container's processes told to whoever listens at that socket: a rule in
 * its seccomp filter, which is made where there is none. Not where the container may mount by itself (CAP_SYS_ADMIN in
 * its bounding set), and not where somebody else listens already.
 *
 * Returns 1 (added), 0 (not for this container), or a negative errno, as above.
 */
int bundle_add_notifier(const char *path, const char *socket);
/* Takes that out again, where an earlier run of the bundle has left it. */
int bundle_drop_notifier(const char *path);

/* What the path of each notifier's socket begins with. */
#define BUNDLE_SOCKETS "/run/linfsp-notify-"

#endif
