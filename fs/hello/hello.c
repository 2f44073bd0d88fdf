/* SPDX-License-Identifier: MIT */
/*
 * hello: a file system of a few texts. Each NAME=TEXT on its command line is a file to be read.
 *
 *     hello -m Z: greeting=hello motd='back at noon'        a disk, /mnt/z
 *     hello -u '\hello\texts' motd='back at noon'           /unc/hello/texts, here, on the host and in every container
 *
 * It shows how little a file system has to be: names (lookup, readdir), what they are (getattr) and what is in them (read). All else
 * the library answers. Compiled with -DLINFSP_LOAD it is linked to nothing and finds the library when it runs.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linfsp/linfsp.h>

/* Inode 1 is the root, inode 2 the first text. A volume's own state is handed to each operation as its context. */
struct texts {
    char **list; /* "NAME=TEXT" */
    uint64_t count;
    linfsp_volume *volume;
};

static size_t name_length(const char *text) {
    return strcspn(text, "=");
}

static const char *content(const struct texts *texts, uint64_t inode) {
    const char *text = texts->list[inode - 2];
    return text + name_length(text) + 1;
}

static int get_attributes(const struct texts *texts, uint64_t inode, struct stat *ret_attributes) {
    if (inode == 0 || inode > texts->count + 1)
        return -ENOENT;
    *ret_attributes = (struct stat){ .st_ino = inode, .st_nlink = 1, .st_mode = S_IFREG | 0444 };
    ret_attributes->st_uid = linfsp_volume_owner_uid(texts->volume);
    ret_attributes->st_gid = linfsp_volume_owner_gid(texts->volume);
    if (inode == LINFSP_ROOT_INODE)
        ret_attributes->st_mode = S_IFDIR | 0555;
    else
        ret_attributes->st_size = (off_t)strlen(content(texts, inode)) + 1; /* with a newline */
    return 0;
}

/* An operation answers with linfsp_reply_..., or returns a negative errno. Nothing here ever changes: the kernel may keep what it is
 * told, and need not ask twice. */
static int hello_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct stat attributes;
    (void)file;
    int r = get_attributes(linfsp_request_context(request), inode, &attributes);
    return r < 0 ? r : linfsp_reply_attributes(request, &attributes, LINFSP_TIMEOUT_INFINITE);
}

static int hello_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    const struct texts *texts = linfsp_request_context(request);
    struct linfsp_entry entry = { .attributes_timeout = LINFSP_TIMEOUT_INFINITE, .entry_timeout = LINFSP_TIMEOUT_INFINITE };
    for (uint64_t i = 0; i < texts->count && parent == LINFSP_ROOT_INODE; i++)
        if (strlen(name) == name_length(texts->list[i]) && !strncmp(name, texts->list[i], strlen(name)))
            entry.inode = i + 2;
    if (entry.inode)
        get_attributes(texts, entry.inode, &entry.attributes);
    return linfsp_reply_entry(request, &entry); /* inode 0: there is no such name */
}

/* offset is where the last call left off: it says itself what that means. */
static int hello_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset, bool plus) {
    const struct texts *texts = linfsp_request_context(request);
    char name[256];
    (void)inode, (void)file, (void)size, (void)plus;
    for (uint64_t i = (uint64_t)offset; i < texts->count + 2; i++) {
        if (i < 2)
            snprintf(name, sizeof name, "%s", i == 0 ? "." : "..");
        else
            snprintf(name, sizeof name, "%.*s", (int)name_length(texts->list[i - 2]), texts->list[i - 2]);
        uint64_t of = i < 2 ? LINFSP_ROOT_INODE : i;
        if (!linfsp_add_entry(request, name, of, i < 2 ? S_IFDIR : S_IFREG, (off_t)i + 1))
            break;
    }
    return linfsp_reply_directory(request);
}

static int hello_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    const char *text = content(linfsp_request_context(request), inode);
    size_t length = strlen(text), whole = length + 1;
    (void)file;
    if ((size_t)offset >= whole)
        return linfsp_reply_data(request, NULL, 0);
    if (size > whole - (size_t)offset)
        size = whole - (size_t)offset;
    char *copy = linfsp_request_buffer(request, whole); /* goes away with the answer */
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, length);
    copy[length] = '\n';
    return linfsp_reply_data(request, copy + offset, size);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations,
    .lookup = hello_lookup,
    .getattr = hello_getattr,
    .readdir = hello_readdir,
    .read = hello_read,
};

static linfsp_volume *running;

static void stop(int signal) {
    (void)signal;
    linfsp_volume_stop(running);
}

static void print_trace(void *context, const char *line) {
    (void)context;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv) {
    struct linfsp_volume_options options = {
        .size = sizeof options,
        .file_system_name = "hello",
        .flags = LINFSP_VOLUME_READ_ONLY,
        .want = LINFSP_WANT_NO_OPENDIR | LINFSP_WANT_NO_OPEN,
    };
    struct texts texts = { 0 };
    struct linfsp_error error;
    for (int option; (option = getopt(argc, argv, "m:u:d")) != -1;)
        switch (option) {
        case 'm':
            options.mount_point = optarg;
            break;
        case 'u':
            options.prefix = optarg;
            break;
        case 'd':
            options.trace = print_trace;
            break;
        default:
            errx(2, "usage: hello [-d] [-m MOUNT-POINT] [-u PREFIX] NAME=TEXT...");
        }
    texts.list = argv + optind;
    texts.count = (uint64_t)(argc - optind);
    for (uint64_t i = 0; i < texts.count; i++)
        if (!strchr(texts.list[i], '=') || name_length(texts.list[i]) - 1 >= 255 || memchr(texts.list[i], '/', name_length(texts.list[i])))
            errx(2, "\"%s\" is not NAME=TEXT", texts.list[i]);

#ifdef LINFSP_LOAD
    if (fsp_load(&error) < 0)
        errx(1, "%s", error.message);
#endif
    if (linfsp_volume_create(&options, &operations, &texts, &texts.volume, &error) < 0)
        errx(1, "%s", error.message);
    running = texts.volume;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (linfsp_volume_mount_point(running))
        printf("%s\n", linfsp_volume_mount_point(running));
    if (linfsp_volume_unc_path(running))
        printf("%s\n", linfsp_volume_unc_path(running));
    fflush(stdout);
    int r = linfsp_volume_run(running);
    linfsp_volume_destroy(running);
    return r < 0;
}
