/* SPDX-License-Identifier: MIT */
#include "worker/off.h"

#include <limits.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/process.h"
#include "worker/engine.h"
#include "worker/record.h"

#define OFF "LINFSP=off"

static bool is_in_environment(pid_t init) {
    static char text[1 << 17];
    ssize_t length = engine_read_entry(init, "environ", text, sizeof text);
    for (const char *word = text; length > 0 && word < text + length; word += strlen(word) + 1)
        if (strcmp(word, OFF) == 0)
            return true;
    return false;
}

static bool is_in_bundle(const struct job_base *base, pid_t init) {
    static struct job_description description;
    char path[64];
    pid_t runtime;
    memset(&description, 0, sizeof description);
    if (process_parent(init, &runtime) < 0 || !engine_is_hosts_own(base, runtime))
        return false;
    snprintf(path, sizeof path, "/proc/%d/cwd/config.json", (int)runtime);
    _cleanup_free_ char *text = engine_read_file(path);
    return text && record_from_bundle(text, &description) == 0 && description.off;
}

bool off_is_wanted(const struct job_base *base, const struct job *job) {
    pid_t init = job->target.init_pid;
    return job->inject.early || job->inject.rootfs[0] ? is_in_bundle(base, init) : is_in_environment(init);
}
