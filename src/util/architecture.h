/* SPDX-License-Identifier: MIT */
/*
 * Architectures, by Debian's names. Libraries for containers of another architecture than the service's own are in
 * foreign/NAME/lib, beside bin/ and lib/, which are for the service's own.
 */
#ifndef LINFSP_UTIL_ARCHITECTURE_H
#define LINFSP_UTIL_ARCHITECTURE_H

#include <elf.h>
#include <stddef.h>
#include <string.h>

static const struct architecture {
    const char *name;
    unsigned char class; /* as the header of an ELF file has both */
    unsigned short machine;
    const char *loaders[2]; /* of dynamic programs for glibc and musl, below the root */
} architectures[] = {
    {"amd64", ELFCLASS64, EM_X86_64, {"lib64/ld-linux-x86-64.so.2", "lib/ld-musl-x86_64.so.1"}},
    {"i386", ELFCLASS32, EM_386, {"lib/ld-linux.so.2", "lib/ld-musl-i386.so.1"}},
    {"arm64", ELFCLASS64, EM_AARCH64, {"lib/ld-linux-aarch64.so.1", "lib/ld-musl-aarch64.so.1"}},
    {"armhf", ELFCLASS32, EM_ARM, {"lib/ld-linux-armhf.so.3", "lib/ld-musl-armhf.so.1"}},
};

/* NULL: size bytes at header are not the beginning of an ELF file for one of them. Both byte orders are not told
 * apart: all of these are little-endian. */
static inline const struct architecture *architecture_of(const void *header, size_t size) {
    Elf32_Ehdr elf; /* begins as the one of 64 bits does */
    if (size < offsetof(Elf32_Ehdr, e_version) || memcmp(header, ELFMAG, SELFMAG) != 0)
        return NULL;
    memcpy(&elf, header, offsetof(Elf32_Ehdr, e_version));
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (elf.e_ident[EI_DATA] == ELFDATA2LSB && elf.e_ident[EI_CLASS] == architectures[i].class &&
            elf.e_machine == architectures[i].machine)
            return &architectures[i];
    return NULL;
}

#endif
