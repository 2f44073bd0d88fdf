/* SPDX-License-Identifier: MIT */
/*
 * How engines show in command lines and in paths of control groups.
 *
 *     conmon -c <64 hex> -n <name>                       podman, cri-o
 *     systemd-nspawn -M <name>, bwrap --hostname <name>
 *     containerd-shim-runc-v2 -id <id>                   containerd, where the path tells nothing
 *
 *     /docker/<64 hex>, docker-<64 hex>.scope            docker
 *     libpod-<64 hex>(.scope)                            podman
 *     cri-containerd-<64 hex>.scope, crio-<64 hex>.scope containerd, cri-o (Kubernetes)
 *     lxc.payload.<name>, lxc/<name>                     lxc
 *     machine-<name>.scope                               systemd-nspawn
 *     /kubepods/.../<64 hex>                             containerd (Kubernetes without systemd)
 *
 * The last one in a path is the innermost container. A command line is words that each end with NUL, and what stands
 * behind them is NUL, too, as engine_read_entry has it.
 */
#ifndef LINFSP_WORKER_PATTERN_H
#define LINFSP_WORKER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Texts point into what was looked through. */
struct pattern_found {
    const char *engine;
    const char *id; /* NULL: none. It ends after id_length */
    size_t id_length;
    bool named; /* the id is the container's name */
    const char *name; /* NULL: none. It ends with NUL */
};

/* A line of /proc/PID/cgroup. */
bool pattern_in_path(const char *path, struct pattern_found *ret_found);
bool pattern_in_conmon(const char *line, size_t length, struct pattern_found *ret_found);
/* Of an engine that is one process a container; program: its name. */
bool pattern_in_command(const char *program, const char *line, size_t length, struct pattern_found *ret_found)
    __attribute__((nonnull));
/* Not of Kubernetes, which has one shim for a whole pod. */
bool pattern_in_shim(const char *line, size_t length, struct pattern_found *ret_found);

#endif
