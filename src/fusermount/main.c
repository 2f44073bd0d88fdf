/* SPDX-License-Identifier: MIT */
/*
 * fusermount3, the helper that libfuse, go-fuse, fuser and others run where they may not mount: the same arguments,
 * words, exit statuses and socket protocol, but no rights of its own. It holds the mount point by a descriptor, asks
 * linfspd to mount on it, and sends the fuse descriptor that comes back on to its caller. With auto_unmount it stays as
 * the volume's life line until its caller is gone.
 *
 * What is allowed is the service's to decide; what is checked here is checked to say it in the words that programs
 * know. Where the caller may mount by itself (a privileged container) it is done so, as if LinFsp were not there. Under
 * the name umount.fuse it is what umount(8) runs.
 */
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "fusermount/arguments.h"
#include "fusermount/mount-point.h"
#include "fusermount/mount.h"
#include "fusermount/report.h"
#include "fusermount/unmount.h"

/* The service knows us by our effective ids; installed set-user-id they would not be the caller's. */
static bool drop_rights(void) {
    return !getauxval(AT_SECURE) ||
           (setresgid(getgid(), getgid(), getgid()) == 0 && setresuid(getuid(), getuid(), getuid()) == 0);
}

int main(int argc, char **argv) {
    struct call call;
    char path[PATH_MAX];
    if (argc > 0)
        report_name = argv[0];
    if (!drop_rights() || !arguments_parse(argc, argv, &call))
        return EXIT_FAILURE;
    if (call.mount_points)
        return unmount_run_all(&call) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (mount_point_resolve(call.mount_point, call.unmount, path) < 0)
        return EXIT_FAILURE;
    if (chdir("/") < 0) {
        report("failed to chdir to '/'");
        return EXIT_FAILURE;
    }
    int result = call.wait_only    ? mount_run_wait(&call, path)
                 : call.for_caller ? unmount_run_for_caller(path, call.lazy, call.quiet)
                 : call.unmount    ? unmount_run(path, call.lazy, call.quiet, false)
                                   : mount_run(&call, path);
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
