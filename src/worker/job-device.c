/* SPDX-License-Identifier: MIT */
/*
 * A silo's folder under /run/linfsp, once the silo may reach it: a process there that lists the folder may hold the
 * folder's lock for as long as it likes. The service makes a folder itself, before anybody knows it, and leaves all
 * later changes to these jobs. When the silo has ended it goes, and so does what was copied in the silo's layer for us.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "worker/copied.h"
#include "worker/jobs.h"

/* Binds the silo's sockets anew: two that the service made, and will listen on, because a worker may make none. */
void job_device_bind(const struct job_base *base, const struct job *job, struct job_fds *fds,
                     struct job_result *result) {
    static const char *const names[] = {"disk", "net"};
    for (size_t i = 0; i < ARRAY_SIZE(names) && i < fds->n_in; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", job->inject.folder, names[i]) >=
            sizeof address.sun_path) {
            job_fail(result, -ENAMETOOLONG, "the folder's name is too long");
            return;
        }
        (void)unlink(address.sun_path);
        /* a worker's umask is 0: everybody may connect */
        if (bind(fds->in[i], (struct sockaddr *)&address, sizeof address) < 0) {
            job_fail(result, -errno, "cannot bind %s: %s", address.sun_path, strerror(errno));
            return;
        }
        fds->out[fds->n_out++] = steal_fd(&fds->in[i]);
    }
}

static void empty_folder(int parent, const char *name) {
    _cleanup_closedir_ DIR *directory = open_directory_at(parent, name);
    if (!directory)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type == DT_DIR)
            empty_folder(dirfd(directory), entry->d_name);
        (void)unlinkat(dirfd(directory), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    }
}

void job_device_remove(const struct job_base *base, const struct job *job, struct job_fds *fds,
                       struct job_result *result) {
    int r = copied_remove_at_end(base, job->target.silo);
    if (r < 0)
        job_fail(result, r, "cannot remove the notes of what was copied: %s", strerror(-r));
    empty_folder(AT_FDCWD, job->inject.folder);
    if (rmdir(job->inject.folder) < 0 && errno != ENOENT)
        job_fail(result, -errno, "cannot remove %s: %s", job->inject.folder, strerror(errno));
}
