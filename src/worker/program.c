/* SPDX-License-Identifier: MIT */
#include "worker/program.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "catcher/tool-names.h"
#include "util/cleanup.h"
#include "worker/engine.h"
#include "worker/enter.h"

#define NAME "fusermount"
#define BLOCK (1 << 20)
#define SECTIONS_MAX 512
#define SIZE_MAX_SEARCHED (512ll << 20)

static bool search(int file, off_t from, off_t size) {
    _cleanup_free_ char *block = malloc(BLOCK);
    const size_t overlap = strlen(NAME) - 1;
    for (off_t at = 0; block && at < size; at += BLOCK - (off_t)overlap) {
        size_t wanted = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        ssize_t n = pread(file, block, wanted, from + at);
        if (n <= 0)
            return false;
        if (memmem(block, (size_t)n, NAME, strlen(NAME)))
            return true;
    }
    return false;
}

/* The section of constants of a 64-bit program. */
static bool find_constants(int file, off_t *ret_from, off_t *ret_size) {
    Elf64_Ehdr header;
    static Elf64_Shdr sections[SECTIONS_MAX];
    char name[16];
    if (pread(file, &header, sizeof header, 0) != sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof *sections ||
        header.e_shnum > SECTIONS_MAX || header.e_shstrndx >= header.e_shnum)
        return false;
    size_t size = header.e_shnum * sizeof *sections;
    if (pread(file, sections, size, (off_t)header.e_shoff) != (ssize_t)size)
        return false;
    for (size_t i = 0; i < header.e_shnum; i++) {
        off_t at = (off_t)sections[header.e_shstrndx].sh_offset + sections[i].sh_name;
        if (pread(file, name, sizeof name, at) == sizeof name && strncmp(name, ".rodata", sizeof ".rodata") == 0) {
            *ret_from = (off_t)sections[i].sh_offset;
            *ret_size = (off_t)sections[i].sh_size;
            return true;
        }
    }
    return false;
}

/* Our own programs have a place in /dev/linfsp, and mount without a helper. */
static bool is_ours(const struct job_base *base, int program) {
    uint32_t major, minor, our_major, our_minor;
    return fd_device(program, &major, &minor) == 0 && fd_device(base->run_dir, &our_major, &our_minor) == 0 &&
           major == our_major && minor == our_minor;
}

/* A package manager may know helpers by name, and is about to put one where the stand-in would be. */
static bool changes_helpers(pid_t pid) {
    for (size_t i = 0; i < catcher_n_package_managers; i++)
        if (engine_is_named(pid, catcher_package_managers[i]))
            return true;
    for (size_t i = 0; i < catcher_n_tools; i++)
        if (engine_is_named(pid, catcher_tools[i]))
            return true;
    return false;
}

bool program_names_helper(const struct job_base *base, pid_t pid) {
    char path[64];
    struct statfs kind;
    struct stat status;
    off_t from = 0, size;
    if (changes_helpers(pid))
        return false;
    snprintf(path, sizeof path, "../%d/exe", (int)pid);
    /* looked at before it is opened: the server of a FUSE file system could make us wait */
    _cleanup_close_ int where = openat(base->proc_self, path, O_PATH | O_CLOEXEC);
    if (where < 0 || is_ours(base, where) || fstatfs(where, &kind) < 0 || kind.f_type == FUSE_SUPER_MAGIC ||
        kind.f_type == NFS_SUPER_MAGIC)
        return false;
    _cleanup_close_ int file = openat(base->proc_self, path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0)
        return false;
    if (!find_constants(file, &from, &size))
        size = status.st_size;
    return size <= SIZE_MAX_SEARCHED && search(file, from, size);
}
