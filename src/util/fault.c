/* SPDX-License-Identifier: MIT */
/* What fault.h does in a process: it enters the program's points into the shared table before main, and looks there
 * each time it comes by one. It makes no system call then, since those of workers are filtered. */
#include "util/fault.h"

#undef open
#undef fstat

extern struct fault_point __start_fault_points[] __attribute__((weak, visibility("hidden")));
extern struct fault_point __stop_fault_points[] __attribute__((weak, visibility("hidden")));

static struct fault_table *table;

static const char *short_path(const char *path) {
    const char *found = strstr(path, "src/");
    for (const char *next; found && (next = strstr(found + 4, "src/"));)
        found = next;
    return found ? found + 4 : path;
}

static void name_of(const struct fault_point *point, const char *program, char *ret_name) {
    snprintf(ret_name, FAULT_NAME_MAX, "%s %s:%d %s", program, short_path(point->file), point->line, point->call);
}

/* Several processes of a program enter the same points, at the same time perhaps. */
static int enter(const char *name, const struct fault_point *point) {
    for (uint32_t i = 0; i < FAULT_POINTS_MAX; i++) {
        uint32_t is = 0;
        if (__atomic_compare_exchange_n(&table->points[i].ready, &is, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            memcpy(table->points[i].name, name, FAULT_NAME_MAX);
            table->points[i].kind = (uint32_t)point->kind;
            table->points[i].error = point->error;
            __atomic_store_n(&table->points[i].ready, 2, __ATOMIC_SEQ_CST);
            __atomic_add_fetch(&table->n_points, 1, __ATOMIC_SEQ_CST);
            return (int)i;
        }
        while (__atomic_load_n(&table->points[i].ready, __ATOMIC_SEQ_CST) == 1) {
        }
        if (strcmp(table->points[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static void list(const char *program) {
    char name[FAULT_NAME_MAX];
    /* cppcheck-suppress comparePointers ; the linker makes both, of one section */
    for (struct fault_point *point = __start_fault_points; point < __stop_fault_points; point++) {
        name_of(point, program, name);
        printf("%c %s\n", point->kind, name);
    }
    exit(0);
}

__attribute__((constructor)) static void fault_begin(int argc, char **argv) {
    if (!__start_fault_points)
        return;
    const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    if (argc == 2 && strcmp(argv[1], "--fault-points") == 0)
        list(program);
    int fd = open(FAULT_FILE, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    struct fault_table *found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED || found->magic != FAULT_MAGIC)
        return;
    table = found;
    char name[FAULT_NAME_MAX] = "";
    /* cppcheck-suppress comparePointers ; the linker makes both, of one section */
    for (struct fault_point *point = __start_fault_points; point < __stop_fault_points; point++) {
        name_of(point, program, name);
        point->index = enter(name, point);
    }
}

_Noreturn void fault_kill(void) {
    (void)syscall(SYS_tgkill, getpid(), getpid(), SIGKILL);
    _exit(137);
}

bool fault_strikes(struct fault_point *point, bool *ret_kill) {
    *ret_kill = false;
    if (!table || point->index < 0)
        return false;
    __atomic_add_fetch(&table->points[point->index].hits, 1, __ATOMIC_RELAXED);
    if (!table->action || table->point != (uint32_t)point->index ||
        __atomic_sub_fetch(&table->countdown, 1, __ATOMIC_SEQ_CST) != 0)
        return false;
    __atomic_store_n(&table->fired, 1, __ATOMIC_SEQ_CST);
    if (table->action == FAULT_KILL_BEFORE)
        fault_kill();
    *ret_kill = table->action == FAULT_KILL_AFTER;
    if (table->action != FAULT_FAIL)
        return false;
    errno = point->error;
    return true;
}
