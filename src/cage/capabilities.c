/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "cage/cage.h"
#include "util/cleanup.h"

const cap_value_t cage_service_capabilities[] = {
    CAP_SYS_ADMIN, /* mounts, namespaces, fusectl */
    CAP_SYS_CHROOT,   CAP_SYS_PTRACE, /* a container's root and namespaces */
    CAP_SYS_NICE, /* real-time priority (util/urgency.h) */
    CAP_SYS_RESOURCE, /* descriptors for many containers */
    CAP_NET_ADMIN, /* the kernel's news of processes */
    CAP_CHOWN,        CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
    CAP_FOWNER,       CAP_MKNOD, /* its own files, and letters' folders */
    CAP_KILL, /* workers, as whomever they work */
    CAP_SETUID,       CAP_SETGID, /* a worker acts as the user it works for */
};
const size_t cage_n_service_capabilities = ARRAY_SIZE(cage_service_capabilities);

const cap_value_t cage_worker_capabilities[] = {
    CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
    CAP_FOWNER,    CAP_SETUID,     CAP_SETGID,     CAP_MKNOD,
};
const size_t cage_n_worker_capabilities = ARRAY_SIZE(cage_worker_capabilities);

const cap_value_t cage_keeper_capabilities[] = {
    CAP_SYS_ADMIN, /* fanotify_init, once for each catcher */
    CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, /* the catcher's */
};
const size_t cage_n_keeper_capabilities = ARRAY_SIZE(cage_keeper_capabilities);

const cap_value_t cage_catcher_capabilities[] = {
    CAP_SYS_PTRACE, /* a container's processes */
    CAP_DAC_READ_SEARCH, /* fanotify watches what one may read */
};
const size_t cage_n_catcher_capabilities = ARRAY_SIZE(cage_catcher_capabilities);

static void free_capabilities(cap_t *capabilities) {
    if (*capabilities)
        cap_free(*capabilities);
}

static bool is_among(cap_value_t value, const cap_value_t *values, size_t n_values) {
    for (size_t i = 0; i < n_values; i++)
        if (values[i] == value)
            return true;
    return false;
}

int cage_keep_capabilities(const cap_value_t *kept, size_t n_kept) {
    _cleanup_(free_capabilities) cap_t now = cap_get_proc();
    _cleanup_(free_capabilities) cap_t wanted = cap_init();
    cap_flag_value_t may_drop = CAP_CLEAR, permitted;
    if (!now || !wanted || cap_get_flag(now, CAP_SETPCAP, CAP_EFFECTIVE, &may_drop) < 0)
        return -errno;
    for (cap_value_t value = 0; value < cap_max_bits(); value++)
        if (may_drop == CAP_SET && !is_among(value, kept, n_kept) && cap_get_bound(value) == 1 &&
            cap_drop_bound(value) < 0)
            return -errno;
    for (size_t i = 0; i < n_kept; i++)
        if (cap_get_flag(now, kept[i], CAP_PERMITTED, &permitted) == 0 && permitted == CAP_SET &&
            (cap_set_flag(wanted, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
             cap_set_flag(wanted, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0))
            return -errno;
    return cap_set_proc(wanted) < 0 ? -errno : 0;
}
