/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cage/cage.h"
#include "util/cleanup.h"

/* What neither the service nor a worker has a use for. By name: the headers may be older than the kernel, and a name
 * that this machine does not have is passed over. */
static const char *const refused[] = {
    /* clocks */
    "adjtimex",
    "clock_adjtime",
    "clock_settime",
    "settimeofday",
    "stime",
    /* the kernel itself */
    "bpf",
    "create_module",
    "delete_module",
    "finit_module",
    "init_module",
    "kexec_file_load",
    "kexec_load",
    "perf_event_open",
    "reboot",
    "swapoff",
    "swapon",
    "syslog",
    "acct",
    "quotactl",
    "quotactl_fd",
    "lookup_dcookie",
    "nfsservctl",
    "vhangup",
    /* hardware */
    "ioperm",
    "iopl",
    "pciconfig_iobase",
    "pciconfig_read",
    "pciconfig_write",
    "modify_ldt",
    "vm86",
    "vm86old",
    /* other processes */
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "migrate_pages",
    "move_pages",
    /* keys, and memory served by programs */
    "add_key",
    "keyctl",
    "request_key",
    "userfaultfd",
    /* io_uring passes every filter by */
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    /* what no program has a use for any more */
    "_sysctl",
    "afs_syscall",
    "bdflush",
    "get_kernel_syms",
    "getpmsg",
    "putpmsg",
    "query_module",
    "security",
    "sysfs",
    "tuxcall",
    "uselib",
    "ustat",
    "vserver",
    /* priorities, but by sched_setscheduler (util/urgency.h); other personalities */
    "personality",
    "sched_setattr",
    "sched_setparam",
    "mbind",
    "set_mempolicy",
};

/* What a worker's jobs call, and libc for them. */
static const char *const allowed_to_workers[] = {
    /* descriptors and files */
    "access",
    "chdir",
    "chroot",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fchdir",
    "fchmod",
    "fcntl",
    "flistxattr",
    "fstat",
    "fstatfs",
    "ftruncate",
    "getcwd",
    "getdents64",
    "ioctl",
    "linkat",
    "lseek",
    "lstat",
    "memfd_create",
    "mkdir",
    "mkdirat",
    "mknodat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe2",
    "pread64",
    "pwrite64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "renameat",
    "renameat2",
    "rmdir",
    "stat",
    "statfs",
    "statx",
    "symlinkat",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "write",
    "writev",
    "inotify_add_watch",
    /* mounts and namespaces */
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "setns",
    "umount2",
    "unshare",
    "listmount",
    "statmount",
    "name_to_handle_at",
    /* as whom */
    "capget",
    "capset",
    "getegid",
    "geteuid",
    "getgid",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "setfsgid",
    "setfsuid",
    "setgroups",
    "setresgid",
    "setresuid",
    /* sockets that the service made, waiting, ending */
    "bind",
    "clock_gettime",
    "clock_nanosleep",
    "exit",
    "exit_group",
    "getrandom",
    "getsockopt",
    "gettimeofday",
    "nanosleep",
    "poll",
    "ppoll",
    "recvmsg",
    "sendmsg",
    /* memory, signals, what libc asks for */
    "brk",
    "futex",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "prctl",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rseq",
    "sched_getaffinity",
    "sigaltstack",
    "sysinfo",
    "uname",
};

/* What the catcher calls, and libc for it. */
static const char *const allowed_to_catchers[] = {
    /* the processes that it catches */
    "fanotify_mark",
    "process_vm_readv",
    "ptrace",
    "wait4",
    "waitid",
    /* /proc, sockets, waiting */
    "alarm",
    "clock_gettime",
    "close",
    "fcntl",
    "fstat",
    "fstatfs",
    "getdents64",
    "lseek",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "poll",
    "ppoll",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "recvmsg",
    "sendmsg",
    "setitimer",
    "signalfd",
    "signalfd4",
    "stat",
    "statx",
    "write",
    "writev",
    /* memory, signals, what libc asks for, ending */
    "brk",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
};

/* What its keepers call besides: they fork each other and catchers, each of which makes its fanotify group and shuts
 * its cage. */
static const char *const allowed_to_keepers[] = {
    "capget",     "capset",  "clone",      "fanotify_init",   "getppid", "prctl",
    "pidfd_open", "seccomp", "socketpair", "set_robust_list", "tgkill",
};

static void free_filter(scmp_filter_ctx *filter) {
    if (*filter)
        seccomp_release(*filter);
}

static int add(scmp_filter_ctx filter, uint32_t action, const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number < 0)
        return 0;
    return seccomp_rule_add(filter, action, number, 0);
}

static int add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n_names) {
    for (size_t i = 0; i < n_names; i++) {
        int r = add(filter, action, names[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* No memory is both written and run, and none that was written becomes code. */
static int refuse_code(scmp_filter_ctx filter) {
    const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    const struct scmp_arg_cmp both = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC);
    const struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    int r = seccomp_rule_add(filter, refuse, SCMP_SYS(mmap), 1, both);
    if (r == 0)
        r = seccomp_rule_add(filter, refuse, SCMP_SYS(mprotect), 1, code);
    if (r == 0)
        r = seccomp_rule_add(filter, refuse, SCMP_SYS(pkey_mprotect), 1, code);
    return r;
}

/* No sockets but local ones, and the kernel's own. */
static int refuse_networks(scmp_filter_ctx filter) {
    const uint32_t refuse = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    const struct scmp_arg_cmp below = SCMP_A0(SCMP_CMP_LT, AF_UNIX), above = SCMP_A0(SCMP_CMP_GT, AF_NETLINK);
    int r = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, below);
    if (r == 0)
        r = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, above);
    for (unsigned family = AF_UNIX + 1; r == 0 && family < AF_NETLINK; family++) {
        const struct scmp_arg_cmp this = SCMP_A0(SCMP_CMP_EQ, family);
        r = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, this);
    }
    return r;
}

/* Puts the filter in force, except in builds for sanitizers. */
static int load(scmp_filter_ctx filter) {
#ifdef CAGE_WITHOUT_FILTERS
    return 0;
#else
    /* the kernel's own error: without this a kernel that has no seccomp cannot be told from a failure */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    return seccomp_load(filter);
#endif
}

int cage_filter_service(void) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    _cleanup_(free_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return -ENOMEM;
    int r = add_all(filter, SCMP_ACT_ERRNO(EPERM), refused, ARRAY_SIZE(refused));
    if (r == 0)
        r = refuse_code(filter);
    if (r == 0)
        r = refuse_networks(filter);
    return r < 0 ? r : load(filter);
}

/* Signals to its own threads, as abort(3) sends them. */
static int allow_own_signals(scmp_filter_ctx filter) {
    const struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own);
}

/* Nothing but these, and those. */
static int allow_only(const char *const *names, size_t n_names, const char *const *more, size_t n_more) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    _cleanup_(free_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return -ENOMEM;
    const struct scmp_arg_cmp ordinary = SCMP_A1(SCMP_CMP_EQ, SCHED_OTHER);
    int r = add_all(filter, SCMP_ACT_ALLOW, names, n_names);
    if (r == 0)
        r = add_all(filter, SCMP_ACT_ALLOW, more, n_more);
    if (r == 0)
        r = allow_own_signals(filter);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sched_setscheduler), 1, ordinary);
    return r < 0 ? r : load(filter);
}

int cage_filter_worker(void) {
    return allow_only(allowed_to_workers, ARRAY_SIZE(allowed_to_workers), NULL, 0);
}

int cage_filter_catcher(void) {
    return allow_only(allowed_to_catchers, ARRAY_SIZE(allowed_to_catchers), NULL, 0);
}

int cage_filter_keeper(void) {
    return allow_only(allowed_to_catchers, ARRAY_SIZE(allowed_to_catchers), allowed_to_keepers,
                      ARRAY_SIZE(allowed_to_keepers));
}
