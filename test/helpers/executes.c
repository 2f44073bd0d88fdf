/* SPDX-License-Identifier: MIT */
/* Executes a program in each way that Linux has: `executes PROGRAM ARGUMENT`. Says "WAY: STATUS" for each, behind what
 * the program says. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK (64 << 10)

extern char **environ;
static char *program, *arguments[3];

static void by_execve(void) {
    execve(program, arguments, environ);
}

static void without_environment(void) {
    execve(program, arguments, NULL);
}

static void without_a_name(void) {
    execve(program, (char *[]){"", arguments[1], NULL}, environ);
}

static void with_many_arguments(void) {
    static char *many[3000];
    for (size_t i = 0; i < 2999; i++)
        many[i] = arguments[1];
    execve(program, many, environ);
}

static void by_execveat(void) {
    syscall(SYS_execveat, open("/", O_PATH | O_DIRECTORY), program + 1, arguments, environ, 0);
}

static void by_fexecve(void) {
    fexecve(open(program, O_RDONLY | O_CLOEXEC), arguments, environ);
}

static void by_a_path_descriptor(void) {
    syscall(SYS_execveat, open(program, O_PATH | O_CLOEXEC), "", arguments, environ, AT_EMPTY_PATH);
}

static void by_proc_self_fd(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", open(program, O_PATH));
    execve(path, arguments, environ);
}

static void without_descriptors(void) {
    close(0);
    close(2);
    execve(program, arguments, environ);
}

static void *in_thread(void *context) {
    by_execve();
    return context;
}

static void by_a_second_thread(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
}

static const struct {
    const char *name;
    void (*execute)(void);
} ways[] = {
    {"execve", by_execve},
    {"without an environment", without_environment},
    {"without a name", without_a_name},
    {"3,000 arguments", with_many_arguments},
    {"execveat", by_execveat},
    {"fexecve", by_fexecve},
    {"a path descriptor", by_a_path_descriptor},
    {"/proc/self/fd", by_proc_self_fd},
    {"without descriptors", without_descriptors},
    {"a second thread", by_a_second_thread},
};

static void say_status(const char *name, pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid)
        exit(2);
    printf("%s: %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
}

static int in_shared_memory(void *context) {
    (void)context;
    by_execve();
    return 99;
}

int main(int argc, char **argv) {
    pid_t pid;
    if (argc != 3)
        return 2;
    program = arguments[0] = argv[1];
    arguments[1] = argv[2];
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if ((pid = fork()) == 0) {
            ways[i].execute();
            _exit(99);
        }
        say_status(ways[i].name, pid);
    }
    say_status("posix_spawn", posix_spawn(&pid, program, NULL, NULL, arguments, environ) == 0 ? pid : -1);
    static char stack[STACK];
    say_status("CLONE_VM and CLONE_VFORK",
               clone(in_shared_memory, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
    say_status("CLONE_FILES and CLONE_FS",
               clone(in_shared_memory, stack + STACK, CLONE_FILES | CLONE_FS | SIGCHLD, NULL));
    return 0;
}
