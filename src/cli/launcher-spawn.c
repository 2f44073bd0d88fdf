/* SPDX-License-Identifier: MIT */
#include "cli/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/security.h"
#include "winfsp/text.h"

/* ---- command lines --------------------------------------------------------------------------------------------- */

#define GROUPS_MAX 256

struct word {
    char *text;
    size_t used, capacity;
};

static int put(struct word *word, const char *text, size_t size) {
    if (word->used + size + 1 > word->capacity) {
        size_t larger = (word->used + size + 1) * 2;
        char *grown = realloc(word->text, larger);
        if (!grown)
            return -ENOMEM;
        word->text = grown;
        word->capacity = larger;
    }
    memcpy(word->text + word->used, text, size);
    word->used += size;
    word->text[word->used] = 0;
    return 0;
}

/* One piece of a word at *at: a percent sign and what it stands for, or one character. */
static int take_piece(const char **at, const char *const *arguments, size_t n_arguments, struct word *word) {
    const char *here = *at;
    if (here[0] == '%' && !here[1])
        return -EINVAL;
    *at += here[0] == '%' ? 2 : 1;
    if (here[0] != '%')
        return put(word, here, 1);
    if (here[1] == '%')
        return put(word, "%", 1);
    size_t number = here[1] >= '1' && here[1] <= '9' ? (size_t)(here[1] - '0') : 0;
    if (number == 0 || number > n_arguments)
        return -EINVAL;
    return put(word, arguments[number - 1], strlen(arguments[number - 1]));
}

static int take_word(const char **at, const char *const *arguments, size_t n_arguments, struct word *word) {
    bool quoted = false;
    int r = put(word, "", 0); /* "" is a word, too */
    while (r == 0 && **at && (quoted || (**at != ' ' && **at != '\t'))) {
        if (**at == '"') {
            quoted = !quoted;
            ++*at;
            continue;
        }
        r = take_piece(at, arguments, n_arguments, word);
    }
    return r == 0 && quoted ? -EINVAL : r;
}

void command_free(struct command *command) {
    for (size_t i = 0; i < command->count; i++)
        free(command->words[i]);
    *command = (struct command){0};
}

int command_make(const char *program, const char *line, const char *const *arguments, size_t n_arguments,
                 struct command *ret_command) {
    struct command command = {.words = {strdup(program)}, .count = 1};
    int r = command.words[0] ? 0 : -ENOMEM;
    for (line += strspn(line, " \t"); r == 0 && *line; line += strspn(line, " \t")) {
        struct word word = {0};
        r = command.count < LAUNCHER_WORDS_MAX ? take_word(&line, arguments, n_arguments, &word) : -EINVAL;
        if (r == 0)
            command.words[command.count++] = word.text;
        else
            free(word.text);
    }
    if (r < 0) {
        command_free(&command);
        return r;
    }
    *ret_command = command;
    return 0;
}

char *command_text(const struct command *command) {
    struct word text = {0};
    for (size_t i = 0; i < command->count; i++) {
        bool quote = !command->words[i][0] || strpbrk(command->words[i], " \t");
        if ((i > 0 && put(&text, " ", 1) < 0) || (quote && put(&text, "\"", 1) < 0) ||
            put(&text, command->words[i], strlen(command->words[i])) < 0 || (quote && put(&text, "\"", 1) < 0)) {
            free(text.text);
            return NULL;
        }
    }
    return text.text;
}

/* ---- who may --------------------------------------------------------------------------------------------------- */

bool launcher_may(const FSP_LAUNCH_REG_RECORD *record, uid_t uid, gid_t gid, unsigned wanted) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    if (uid == 0 || uid == geteuid())
        return true;
    if (!record->Security || !*record->Security || !NT_SUCCESS(FspLinuxParseSddl(record->Security, &descriptor)))
        return false;
    bool may = fsp_descriptor_grants(descriptor, uid, gid, wanted);
    free(descriptor);
    return may;
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

/* From the files themselves: this program is linked statically, and has no NSS. */
static const struct passwd *find_user(FILE *users, const char *name) {
    const struct passwd *user;
    while ((user = fgetpwent(users)))
        if (strcmp(user->pw_name, name) == 0)
            return user;
    return NULL;
}

static size_t find_groups(const char *name, gid_t *ret_groups) {
    _cleanup_fclose_ FILE *file = fopen("/etc/group", "re");
    const struct group *group;
    size_t n = 0;
    while (file && n < GROUPS_MAX && (group = fgetgrent(file)))
        for (char **member = group->gr_mem; *member; member++)
            if (strcmp(*member, name) == 0) {
                ret_groups[n++] = group->gr_gid;
                break;
            }
    return n;
}

/* Windows's accounts without rights are nobody here; "" and "LocalSystem" are the launcher's own user. */
static int become(const char *name) {
    if (!name || !*name || strcmp(name, ".") == 0 || strcasecmp(name, "LocalSystem") == 0)
        return 0;
    if (strcasecmp(name, "LocalService") == 0 || strcasecmp(name, "NetworkService") == 0)
        name = "nobody";
    _cleanup_fclose_ FILE *users = fopen("/etc/passwd", "re");
    const struct passwd *user = users ? find_user(users, name) : NULL;
    gid_t groups[GROUPS_MAX];
    if (!user)
        return -ESRCH;
    if (user->pw_uid == geteuid())
        return 0;
    size_t n = find_groups(name, groups);
    if (setgroups(n, groups) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
        return -errno;
    return 0;
}

static int redirect(const char *path) {
    if (!path || !*path)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        return -errno;
    return 0;
}

struct texts {
    char *run_as, *folder, *error_file;
};

/* In the child. Returns only where it fails. */
static int run_program(const struct texts *texts, const struct command *command, int input, int output) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    int r = become(texts->run_as);
    if (r == 0)
        r = redirect(texts->error_file);
    if (r == 0 && texts->folder && *texts->folder && chdir(texts->folder) < 0)
        r = -errno;
    if (r == 0 && (dup2(input, STDIN_FILENO) < 0 || (output >= 0 && dup2(output, STDOUT_FILENO) < 0)))
        r = -errno;
    if (r < 0)
        return r;
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* behind every change of user, which takes it back */
    execvp(command->words[0], command->words);
    return -errno;
}

/* A secret is short: a pipe takes it whole. */
static int input_for(const char *secret, int *ret_fd) {
    int ends[2];
    if (!secret) {
        *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    ssize_t n = write(ends[1], secret, strlen(secret));
    close(ends[1]);
    *ret_fd = ends[0];
    return n == (ssize_t)strlen(secret) ? 0 : -EIO;
}

static pid_t fork_program(const struct texts *texts, const struct command *command, int input, int output) {
    _cleanup_close_ int told = -1;
    int ends[2], error = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    told = ends[0];
    pid_t pid = fork();
    if (pid == 0) {
        error = run_program(texts, command, input, output);
        (void)!write(ends[1], &error, sizeof error);
        _exit(127);
    }
    int r = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (r == 0 && read(told, &error, sizeof error) == sizeof error) { /* nothing comes where exec succeeds */
        waitpid(pid, NULL, 0);
        r = error;
    }
    return r < 0 ? r : pid;
}

pid_t launcher_spawn(const FSP_LAUNCH_REG_RECORD *record, const struct command *command, const char *secret,
                     int *ret_output) {
    _cleanup_free_ char *run_as = record->RunAs ? fsp_wide_to_utf8_new(record->RunAs) : NULL;
    _cleanup_free_ char *folder = record->WorkDirectory ? fsp_wide_to_utf8_new(record->WorkDirectory) : NULL;
    _cleanup_free_ char *error_file = record->Stderr ? fsp_wide_to_utf8_new(record->Stderr) : NULL;
    _cleanup_close_ int input = -1, output = -1, theirs = -1;
    int ends[2];
    int r = input_for(secret, &input);
    if (r < 0)
        return r;
    if (secret) {
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -errno;
        output = ends[0];
        theirs = ends[1];
    }
    pid_t pid = fork_program(&(struct texts){run_as, folder, error_file}, command, input, theirs);
    if (pid > 0 && secret)
        *ret_output = steal_fd(&output);
    return pid;
}
