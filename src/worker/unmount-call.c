/* SPDX-License-Identifier: MIT */
/*
 * The program's memory is read and written through /proc/PID/mem. It belongs to a container, which may be hostile: each
 * value is bounded, and a wrong one ends the attempt. Only private memory of that process can come to be written: the
 * kernel copies a page of a private mapping first, and refuses to write to a shared one that the process could not
 * write to itself. A page that does not come (memory served by a program) costs the container this worker.
 */
#include "worker/unmount-call.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "util/process.h"

#define FUNCTION "umount2"
#define PAGE 4096
#define HEADERS_MAX 32
#define TAGS_MAX 128
#define CHAIN_MAX 4096 /* symbols of one hash bucket */
#define CODE_MAX 512

struct library {
    int memory; /* borrowed */
    uint64_t base; /* where its file begins */
    uint64_t code_end; /* of the instructions in its memory; up to the end of that page nothing follows */
    uint64_t symbols, strings, hash; /* addresses; 0: none */
};

static int peek(const struct library *library, uint64_t address, void *data, size_t size) {
    if (address >> 62)
        return -EFAULT;
    ssize_t n = pread(library->memory, data, size, (off_t)address);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EFAULT;
}

static int poke(const struct library *library, uint64_t address, const void *data, size_t size) {
    if (address >> 62)
        return -EFAULT;
    ssize_t n = pwrite(library->memory, data, size, (off_t)address);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EFAULT;
}

/* ---- finding the C library -------------------------------------------------------------------------------------- */

static bool is_c_library(const char *path) {
    static const char *const names[] = {"libc.so", "libc-", "libc.musl-", "ld-musl-"};
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (slash && strncmp(slash + 1, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int find_base(const struct job_base *base, pid_t pid, uint64_t *ret_base) {
    char name[64];
    snprintf(name, sizeof name, "../%d/maps", (int)pid);
    _cleanup_fclose_ FILE *file = open_file_at(base->proc_self, name);
    if (!file)
        return -errno;
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        unsigned long long start, offset;
        int path = 0;
        if (sscanf(line, "%llx-%*x %*s %llx %*s %*s %n", &start, &offset, &path) < 2 || !path || offset != 0)
            continue;
        line[strcspn(line, "\n")] = 0;
        if (!is_c_library(line + path))
            continue;
        *ret_base = start;
        return 0;
    }
    return -ENOSYS; /* it is linked statically, or its library is another */
}

/* An address in the dynamic section is one of the file or, where the loader has put it right, of the memory. */
static uint64_t in_memory(const struct library *library, uint64_t address) {
    return address < library->base ? address + library->base : address;
}

static int read_dynamic(struct library *library, uint64_t address) {
    for (size_t i = 0; i < TAGS_MAX; i++) {
        Elf64_Dyn entry;
        int r = peek(library, address + i * sizeof entry, &entry, sizeof entry);
        if (r < 0)
            return r;
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_SYMTAB)
            library->symbols = in_memory(library, entry.d_un.d_ptr);
        else if (entry.d_tag == DT_STRTAB)
            library->strings = in_memory(library, entry.d_un.d_ptr);
        else if (entry.d_tag == DT_GNU_HASH)
            library->hash = in_memory(library, entry.d_un.d_ptr);
    }
    return library->symbols && library->strings && library->hash ? 0 : -ENOSYS;
}

static int read_headers(struct library *library) {
    Elf64_Ehdr header;
    uint64_t dynamic = 0;
    int r = peek(library, library->base, &header, sizeof header);
    if (r < 0)
        return r;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_machine != unmount_call_machine() || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phnum > HEADERS_MAX)
        return -ENOSYS;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr part;
        if ((r = peek(library, library->base + header.e_phoff + i * sizeof part, &part, sizeof part)) < 0)
            return r;
        if (part.p_type == PT_DYNAMIC)
            dynamic = library->base + part.p_vaddr;
        if (part.p_type == PT_LOAD && (part.p_flags & PF_X) && part.p_filesz == part.p_memsz)
            library->code_end = library->base + part.p_vaddr + part.p_memsz;
    }
    return dynamic && library->code_end ? read_dynamic(library, dynamic) : -ENOSYS;
}

static uint32_t hash_of(const char *name) {
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

static bool has_name(const struct library *library, const Elf64_Sym *symbol) {
    char name[sizeof FUNCTION];
    return symbol->st_shndx != SHN_UNDEF && peek(library, library->strings + symbol->st_name, name, sizeof name) == 0 &&
           memcmp(name, FUNCTION, sizeof name) == 0;
}

/* By the library's own hash table: few pages of the program are looked at. */
static int find_function(const struct library *library, uint64_t *ret_address) {
    struct {
        uint32_t buckets, first, words, shift;
    } table;
    uint32_t hash = hash_of(FUNCTION), index, chain;
    int r = peek(library, library->hash, &table, sizeof table);
    if (r < 0)
        return r;
    if (table.buckets == 0)
        return -ENOSYS;
    uint64_t buckets = library->hash + sizeof table + (uint64_t)table.words * sizeof(uint64_t);
    uint64_t chains = buckets + (uint64_t)table.buckets * sizeof index;
    if ((r = peek(library, buckets + (uint64_t)(hash % table.buckets) * sizeof index, &index, sizeof index)) < 0)
        return r;
    for (unsigned i = 0; i < CHAIN_MAX && index >= table.first; i++, index++) {
        Elf64_Sym symbol;
        if ((r = peek(library, chains + (uint64_t)(index - table.first) * sizeof chain, &chain, sizeof chain)) < 0)
            return r;
        if ((chain | 1) == (hash | 1)) {
            if ((r = peek(library, library->symbols + index * sizeof symbol, &symbol, sizeof symbol)) < 0)
                return r;
            if (has_name(library, &symbol)) {
                *ret_address = library->base + symbol.st_value;
                return 0;
            }
        }
        if (chain & 1)
            break;
    }
    return -ENOSYS;
}

/* ---- changing it ------------------------------------------------------------------------------------------------ */

/* Puts the code behind the library's own, where its last page has room. */
static int put_code(const struct library *library, uint64_t *ret_address) {
    static const uint8_t nothing[CODE_MAX];
    uint8_t there[CODE_MAX];
    size_t size;
    const void *code = unmount_call_code(&size);
    uint64_t address = (library->code_end + 15) & ~UINT64_C(15);
    if (!code || size > CODE_MAX || address / PAGE != (library->code_end - 1) / PAGE ||
        (address + size - 1) / PAGE != address / PAGE)
        return -ENOSYS;
    int r = peek(library, address, there, size);
    if (r < 0)
        return r;
    if (memcmp(there, nothing, size) != 0)
        return -ENOSYS;
    *ret_address = address;
    return poke(library, address, code, size);
}

static int change(const struct library *library, uint64_t function) {
    uint8_t code[UNMOUNT_CALL_SIZE], call[UNMOUNT_CALL_SIZE];
    uint64_t to;
    int r = peek(library, function, code, sizeof code);
    int at = r < 0 ? r : unmount_call_find(code);
    if (at < 0)
        return at == -EALREADY ? 0 : at;
    if ((r = put_code(library, &to)) < 0)
        return r;
    int size = unmount_call_make(function + (uint64_t)at, to, call);
    return size < 0 ? size : poke(library, function + (uint64_t)at, call, (size_t)size);
}

/* While the helper waits for us and has this parent, the parent is the process that was there all the time. */
static int check(const struct job_target *target, pid_t server, pid_t helper) {
    pid_t parent;
    uint64_t of_server, of_helper;
    if (process_parent(helper, &parent) < 0 || parent != server || process_namespace(server, "mnt", &of_server) < 0 ||
        process_namespace(helper, "mnt", &of_helper) < 0)
        return -ESRCH;
    return of_server == target->mount_namespace.inode && of_helper == of_server ? 0 : -ESRCH;
}

int unmount_call_change(const struct job_base *base, const struct job_target *target, pid_t server, pid_t helper) {
    char name[64];
    uint64_t function = 0;
    snprintf(name, sizeof name, "../%d/mem", (int)server);
    _cleanup_close_ int memory = openat(base->proc_self, name, O_RDWR | O_CLOEXEC);
    if (memory < 0)
        return -errno;
    struct library library = {.memory = memory};
    int r = check(target, server, helper); /* after it was opened: what is open is this process's for good */
    if (r == 0)
        r = find_base(base, server, &library.base);
    if (r == 0)
        r = read_headers(&library);
    if (r == 0)
        r = find_function(&library, &function);
    return r < 0 ? r : change(&library, function);
}
