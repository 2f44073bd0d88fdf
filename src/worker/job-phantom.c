/* SPDX-License-Identifier: MIT */
/* The stand-in under names that an image has no helper under: put there, or taken away. */
#include <string.h>

#include "util/cleanup.h"
#include "worker/copied.h"
#include "worker/enter.h"
#include "worker/helpers.h"
#include "worker/phantom.h"
#include "worker/program.h"

/* Where the stand-in may be put, and the folder around that: overlayfs copies them to the layer. What lies in another
 * comes first. */
static const char *const folders[] = {"usr/bin", "bin", "usr"};

static int make(const struct job_base *base, const struct job *job, int root, int *ret_folder) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    bool had[ARRAY_SIZE(folders)], layered = overlay_open(base, 0, root, &overlay) == 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        had[i] = layered && overlay_has(&overlay, folders[i]);
    int r = phantom_make(base, root, ret_folder);
    if (r > 0)
        helpers_mark_tools(base, root);
    _cleanup_close_ int notes = layered && r > 0 ? copied_open_notes(base, job->target.silo, &overlay) : -1;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (!had[i])
            copied_note(notes, &overlay, folders[i]);
    return r;
}

void job_phantom(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int root = -1, folder = -1;
    if (job->target.host) {
        phantom_remove_links(fds->in[0]);
        return;
    }
    if (job->phantom.program && !program_names_helper(base, job->phantom.program))
        return;
    pid_t starts = job->phantom.program ? job->phantom.program : job->phantom.opener;
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    enter_own_mounts(base, root, -1);
    if (!job->phantom.there) {
        phantom_remove(base, root);
        copied_remove(base, job->target.silo, root);
        return;
    }
    if (starts)
        helpers_mark_path_of(base, root, starts);
    result->phantom.named = job->phantom.program != 0;
    r = job->phantom.not_lacking ? 0 : make(base, job, root, &folder);
    if (r < 0)
        job_fail(result, r, "%s", strerror(-r));
    else
        result->phantom.made = (uint32_t)r;
    if (folder >= 0)
        fds->out[fds->n_out++] = steal_fd(&folder);
}
