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
#define CODE_MAX 512 /* of the function that is put in */
#define BEGIN_MAX 16 /* the pattern begins no later in umount2 */
#define SEARCHED_MAX (32 << 20) /* of a program's code */
#define PLACES_MAX 8

/* The C library in the memory of the process; or the program, if it is linked statically. */
struct object {
    int memory; /* borrowed */
    const struct unmount_abi *abi;
    uint64_t base; /* where its file begins */
    uint64_t shift; /* what is added to the addresses in its headers */
    uint64_t code, code_end; /* its instructions; up to the end of the last page nothing follows */
    uint64_t dynamic; /* 0: none */
    uint64_t symbols, strings, hash; /* addresses; 0: none */
};

/* Where umount2 makes its system call. */
struct places {
    size_t count;
    uint64_t address[PLACES_MAX];
};

static int peek(const struct object *object, uint64_t address, void *data, size_t size) {
    if (address >> 62)
        return -EFAULT;
    ssize_t n = pread(object->memory, data, size, (off_t)address);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EFAULT;
}

static int poke(const struct object *object, uint64_t address, const void *data, size_t size) {
    if (address >> 62)
        return -EFAULT;
    ssize_t n = pwrite(object->memory, data, size, (off_t)address);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EFAULT;
}

/* ---- finding the C library, or the program ---------------------------------------------------------------------- */

static bool is_c_library(const char *path) {
    static const char *const names[] = {"libc.so", "libc-", "libc.musl-", "ld-musl-"};
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (slash && strncmp(slash + 1, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* Where the file of the C library begins. Without one: that of the first file with instructions, which is the program;
 * what an emulator has loaded for a program of another machine has none. */
static int find_base(const struct job_base *base, pid_t pid, uint64_t *ret_base) {
    char name[64], permissions[5], previous[WIRE_PATH_MAX] = "";
    snprintf(name, sizeof name, "../%d/maps", (int)pid);
    _cleanup_fclose_ FILE *file = open_file_at(base->proc_self, name);
    if (!file)
        return -errno;
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    unsigned long long start, offset, begin = 0;
    int path, r = -ENOSYS;
    while (getline(&line, &size, file) > 0) {
        path = 0;
        if (sscanf(line, "%llx-%*x %4s %llx %*s %*s %n", &start, permissions, &offset, &path) < 3 || !path)
            continue;
        line[strcspn(line, "\n")] = 0;
        if (offset == 0 && line[path] == '/') {
            begin = start;
            snprintf(previous, sizeof previous, "%s", line + path);
        }
        if (permissions[2] != 'x' || !previous[0] || strcmp(previous, line + path) != 0)
            continue;
        bool library = is_c_library(previous);
        if (library || r < 0)
            *ret_base = begin;
        r = 0;
        if (library)
            break;
    }
    return r;
}

/* Headers of 32 bits are brought to the form of those of 64 bits. */
static int read_header(struct object *object, Elf64_Ehdr *ret_header) {
    Elf32_Ehdr small;
    int r = peek(object, object->base, ret_header, sizeof *ret_header);
    if (r < 0)
        return r;
    if (memcmp(ret_header->e_ident, ELFMAG, SELFMAG) != 0)
        return -ENOSYS;
    if (ret_header->e_ident[EI_CLASS] == ELFCLASS32) {
        memcpy(&small, ret_header, sizeof small);
        ret_header->e_phoff = small.e_phoff;
        ret_header->e_phnum = small.e_phnum;
        ret_header->e_phentsize = small.e_phentsize;
    }
    object->abi = unmount_abi_find(ret_header->e_ident[EI_CLASS], ret_header->e_machine);
    return object->abi && ret_header->e_phnum <= HEADERS_MAX ? 0 : -ENOSYS;
}

static int read_part(const struct object *object, const Elf64_Ehdr *header, unsigned number, Elf64_Phdr *ret_part) {
    uint64_t address = object->base + header->e_phoff + (uint64_t)number * header->e_phentsize;
    Elf32_Phdr small;
    if (object->abi->class == ELFCLASS64)
        return header->e_phentsize == sizeof *ret_part ? peek(object, address, ret_part, sizeof *ret_part) : -ENOSYS;
    int r = header->e_phentsize == sizeof small ? peek(object, address, &small, sizeof small) : -ENOSYS;
    if (r < 0)
        return r;
    *ret_part = (Elf64_Phdr){.p_type = small.p_type,
                             .p_flags = small.p_flags,
                             .p_offset = small.p_offset,
                             .p_vaddr = small.p_vaddr,
                             .p_filesz = small.p_filesz,
                             .p_memsz = small.p_memsz};
    return 0;
}

static int read_headers(struct object *object) {
    Elf64_Ehdr header;
    Elf64_Phdr part;
    bool first = true;
    int r = read_header(object, &header);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        if ((r = read_part(object, &header, i, &part)) < 0)
            return r;
        if (part.p_type == PT_LOAD && first)
            object->shift = object->base - (part.p_vaddr - part.p_offset);
        first &= part.p_type != PT_LOAD;
        if (part.p_type == PT_DYNAMIC)
            object->dynamic = part.p_vaddr;
        if (part.p_type == PT_LOAD && (part.p_flags & PF_X) && part.p_filesz == part.p_memsz) {
            object->code = object->shift + part.p_vaddr;
            object->code_end = object->code + part.p_memsz;
        }
    }
    if (object->dynamic)
        object->dynamic += object->shift;
    return object->code_end > object->code ? 0 : -ENOSYS;
}

/* ---- finding umount2 by its name: few pages of the program are looked at ------------------------------------------
 */

/* An address in the dynamic section is one of the file or, where the loader has put it right, of the memory. */
static uint64_t in_memory(const struct object *object, uint64_t address) {
    return address < object->base ? address + object->shift : address;
}

static int read_dynamic(struct object *object) {
    for (size_t i = 0; i < TAGS_MAX; i++) {
        Elf64_Dyn entry;
        int r = peek(object, object->dynamic + i * sizeof entry, &entry, sizeof entry);
        if (r < 0)
            return r;
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_SYMTAB)
            object->symbols = in_memory(object, entry.d_un.d_ptr);
        else if (entry.d_tag == DT_STRTAB)
            object->strings = in_memory(object, entry.d_un.d_ptr);
        else if (entry.d_tag == DT_GNU_HASH)
            object->hash = in_memory(object, entry.d_un.d_ptr);
    }
    return object->symbols && object->strings && object->hash ? 0 : -ENOSYS;
}

static uint32_t hash_of(const char *name) {
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

static bool has_name(const struct object *object, const Elf64_Sym *symbol) {
    char name[sizeof FUNCTION];
    return symbol->st_shndx != SHN_UNDEF && peek(object, object->strings + symbol->st_name, name, sizeof name) == 0 &&
           memcmp(name, FUNCTION, sizeof name) == 0;
}

static int find_function(const struct object *object, uint64_t *ret_address) {
    struct {
        uint32_t buckets, first, words, shift;
    } table;
    uint32_t hash = hash_of(FUNCTION), index, chain;
    int r = peek(object, object->hash, &table, sizeof table);
    if (r < 0)
        return r;
    if (table.buckets == 0)
        return -ENOSYS;
    uint64_t buckets = object->hash + sizeof table + (uint64_t)table.words * sizeof(uint64_t);
    uint64_t chains = buckets + (uint64_t)table.buckets * sizeof index;
    if ((r = peek(object, buckets + (uint64_t)(hash % table.buckets) * sizeof index, &index, sizeof index)) < 0)
        return r;
    for (unsigned i = 0; i < CHAIN_MAX && index >= table.first; i++, index++) {
        Elf64_Sym symbol;
        if ((r = peek(object, chains + (uint64_t)(index - table.first) * sizeof chain, &chain, sizeof chain)) < 0)
            return r;
        if ((chain | 1) == (hash | 1)) {
            if ((r = peek(object, object->symbols + index * sizeof symbol, &symbol, sizeof symbol)) < 0)
                return r;
            if (has_name(object, &symbol)) {
                *ret_address = object->shift + symbol.st_value;
                return 0;
            }
        }
        if (chain & 1)
            break;
    }
    return -ENOSYS;
}

/* ---- finding its system call --------------------------------------------------------------------------------------
 */

size_t unmount_call_find(const struct unmount_abi *abi, const uint8_t *code, size_t size) {
    for (size_t at = 0; at + abi->pattern_size <= size; at++) {
        size_t same = 0;
        while (same < abi->pattern_size && (abi->pattern[same] == UNMOUNT_ANY || abi->pattern[same] == code[at + same]))
            same++;
        if (same == abi->pattern_size)
            return at;
    }
    return size;
}

/* Of all instructions from address to `end`. */
static int search(const struct object *object, uint64_t address, uint64_t end, struct places *ret_places) {
    static uint8_t code[64 << 10];
    ret_places->count = 0;
    if (end - address > SEARCHED_MAX)
        return -ENOSYS;
    while (end - address >= object->abi->pattern_size) {
        size_t size = end - address < sizeof code ? (size_t)(end - address) : sizeof code;
        int r = peek(object, address, code, size);
        if (r < 0)
            return r;
        size_t at = unmount_call_find(object->abi, code, size);
        bool found = at < size;
        if (found && ret_places->count == PLACES_MAX)
            return -ENOSYS;
        if (found)
            ret_places->address[ret_places->count++] = address + at + object->abi->call_at;
        address += found ? at + object->abi->pattern_size : size - object->abi->pattern_size + 1;
    }
    return ret_places->count ? 0 : -ENOSYS;
}

/* A program that is linked statically has no names, and one of 32 bits other tables: it is searched. */
static int find_places(struct object *object, struct places *ret_places) {
    uint64_t function = 0;
    int r = object->abi->class == ELFCLASS64 && object->dynamic ? read_dynamic(object) : -ENOSYS;
    if (r == 0)
        r = find_function(object, &function);
    if (r == 0)
        r = search(object, function, function + BEGIN_MAX + object->abi->pattern_size, ret_places);
    return r == -ENOSYS ? search(object, object->code, object->code_end, ret_places) : r;
}

/* ---- changing it ------------------------------------------------------------------------------------------------ */

/* Where the code is put: behind the object's own, where its last page has room. -EALREADY: it is there. */
static int find_room(const struct object *object, uint64_t *ret_address) {
    static const uint8_t nothing[CODE_MAX];
    uint8_t there[CODE_MAX];
    size_t size = (size_t)(object->abi->code_end - object->abi->code);
    uint64_t address = (object->code_end + 15) & ~UINT64_C(15);
    if (size > CODE_MAX || address / PAGE != (object->code_end - 1) / PAGE ||
        (address + size - 1) / PAGE != address / PAGE)
        return -ENOSYS;
    int r = peek(object, address, there, size);
    if (r < 0)
        return r;
    if (memcmp(there, object->abi->code, size) == 0)
        return -EALREADY;
    if (memcmp(there, nothing, size) != 0)
        return -ENOSYS;
    *ret_address = address;
    return 0;
}

static int change(struct object *object) {
    uint8_t call[UNMOUNT_CALL_MAX];
    struct places places;
    uint64_t to;
    if (!object->abi)
        return -ENOSYS;
    int r = find_room(object, &to);
    if (r < 0)
        return r == -EALREADY ? 0 : r;
    if ((r = find_places(object, &places)) < 0)
        return r;
    r = poke(object, to, object->abi->code, (size_t)(object->abi->code_end - object->abi->code));
    for (size_t i = 0; i < places.count && r >= 0; i++) {
        r = unmount_abi_make_call(places.address[i], to, call);
        if (r > 0)
            r = poke(object, places.address[i], call, (size_t)r);
    }
    return r;
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
    snprintf(name, sizeof name, "../%d/mem", (int)server);
    _cleanup_close_ int memory = openat(base->proc_self, name, O_RDWR | O_CLOEXEC);
    if (memory < 0)
        return -errno;
    struct object object = {.memory = memory};
    int r = check(target, server, helper); /* after it was opened: what is open is this process's for good */
    if (r == 0)
        r = find_base(base, server, &object.base);
    if (r == 0)
        r = read_headers(&object);
    return r < 0 ? r : change(&object);
}
