/* SPDX-License-Identifier: MIT */
/*
 * hello: a file system of a few texts. Each NAME=TEXT on its command line is a file to be read.
 *
 *     hello -m Z: greeting=hello motd='back at noon'        a disk, /mnt/z
 *     hello -u '\hello\texts' motd='back at noon'           /unc/hello/texts, here, on the host and in every container
 *
 * It shows how little a file system has to be: names (lookup, readdir), what they are (getattr) and what is in them
 * (read). All else the library answers. Compiled with -DLINFSP_LOAD it is linked to nothing and finds the library when
 * it runs.
 */
#define _DEFAULT_SOURCE /* err.h and S_IFDIR, also with -std=c11 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linfsp/linfsp.h>

/* Inode 1 is the root, inode 2 the first text. The state of a volume is handed to each operation as its context. */
struct texts {
    char **list; /* "NAME=TEXT" */
    uint64_t count;
};

static const char *text_of(const struct texts *texts, uint64_t inode, size_t *ret_name_length) {
    const char *text = texts->list[inode - 2];
    *ret_name_length = strcspn(text, "=");
    return text + *ret_name_length + 1;
}

static void get_attributes(const struct texts *texts, uint64_t inode, struct stat *ret_attributes) {
    size_t name_length;
    *ret_attributes = (struct stat){.st_ino = inode, .st_nlink = 1, .st_mode = S_IFDIR | 0555};
    if (inode == LINFSP_ROOT_INODE)
        return;
    ret_attributes->st_mode = S_IFREG | 0444;
    ret_attributes->st_size = (off_t)strlen(text_of(texts, inode, &name_length));
}

/* An operation answers with linfsp_reply_..., or returns a negative errno. Nothing here ever changes: the kernel may
 * keep what it is told, and need not ask twice. */
static int hello_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct stat attributes;
    (void)file;
    get_attributes(linfsp_request_context(request), inode, &attributes);
    return linfsp_reply_attributes(request, &attributes, LINFSP_TIMEOUT_INFINITE);
}

static int hello_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    const struct texts *texts = linfsp_request_context(request);
    struct linfsp_entry entry = {.attributes_timeout = LINFSP_TIMEOUT_INFINITE, .entry_timeout = 1000};
    size_t length;
    for (uint64_t inode = 2; inode < texts->count + 2 && parent == LINFSP_ROOT_INODE; inode++) {
        const char *text = text_of(texts, inode, &length);
        if (length != strlen(name) || memcmp(text - length - 1, name, length) != 0)
            continue;
        entry.inode = inode;
        get_attributes(texts, inode, &entry.attributes);
        break;
    }
    return linfsp_reply_entry(request, &entry); /* inode 0: there is no such name */
}

/* offset is where the call before left off: it was told so for each entry, as that entry's next_offset. */
static int hello_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                         bool plus) {
    const struct texts *texts = linfsp_request_context(request);
    char name[256];
    (void)inode, (void)file, (void)size, (void)plus;
    for (uint64_t i = (uint64_t)offset + 2; i < texts->count + 2; i++) {
        size_t length;
        const char *text = text_of(texts, i, &length);
        snprintf(name, sizeof name, "%.*s", (int)length, text - length - 1);
        if (!linfsp_add_entry(request, name, i, S_IFREG, (off_t)i - 1))
            break; /* no room for more in this answer */
    }
    return linfsp_reply_directory(request);
}

static int hello_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    size_t name_length;
    const char *text = text_of(linfsp_request_context(request), inode, &name_length);
    size_t length = strlen(text), left = (size_t)offset < length ? length - (size_t)offset : 0;
    (void)file;
    return linfsp_reply_data(request, text + (length - left), size < left ? size : left);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations,
    .lookup = hello_lookup,
    .getattr = hello_getattr,
    .readdir = hello_readdir,
    .read = hello_read,
};

static linfsp_volume *volume;

static void stop(int signal) {
    (void)signal;
    linfsp_volume_stop(volume); /* NOLINT(bugprone-signal-handler): it is made for that */
}

int main(int argc, char **argv) {
    struct linfsp_volume_options options = {
        .size = sizeof options, .file_system_name = "hello", .flags = LINFSP_VOLUME_READ_ONLY};
    struct linfsp_error error;
    for (int option; (option = getopt(argc, argv, "m:u:")) != -1;)
        if (option == 'm')
            options.mount_point = optarg;
        else if (option == 'u')
            options.prefix = optarg;
        else
            errx(2, "usage: hello [-m MOUNT-POINT] [-u PREFIX] NAME=TEXT...");
    struct texts texts = {argv + optind, (uint64_t)(argc - optind)};
    for (uint64_t i = 0; i < texts.count; i++)
        if (strcspn(texts.list[i], "=/") - 1 > 254 || texts.list[i][strcspn(texts.list[i], "=/")] != '=')
            errx(2, "\"%s\" is not NAME=TEXT", texts.list[i]);

#ifdef LINFSP_LOAD
    if (fsp_load(&error) < 0)
        errx(1, "%s", error.message);
#endif
    if (linfsp_volume_create(&options, &operations, &texts, &volume, &error) < 0)
        errx(1, "%s", error.message);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    printf("%s\n", linfsp_volume_mount_point(volume) ?: linfsp_volume_unc_path(volume));
    fflush(stdout);
    int r = linfsp_volume_run(volume);
    linfsp_volume_destroy(volume);
    return r < 0;
}
