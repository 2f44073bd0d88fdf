/* SPDX-License-Identifier: MIT */
/**
 * Finding liblinfsp at run time. Included by linfsp.h where LINFSP_LOAD is defined; nothing has to be linked but, with
 * an old C library, -ldl.
 *
 *     #define LINFSP_LOAD
 *     #include <linfsp/linfsp.h>
 *
 *     struct linfsp_error error;
 *     if (fsp_load(&error) < 0)
 *         errx(1, "%s", error.message);
 *
 * A program built like this, once, runs on the host and in any container whose image knows nothing of LinFsp: the
 * service brings the library into each container.
 */
#ifndef LINFSP_LOAD_H
#define LINFSP_LOAD_H

#include <linfsp/linfsp.h>

/** All functions of linfsp.h, by name. New ones are added at the end. */
#define LINFSP_API_FUNCTIONS(FUNCTION)                                                                                 \
    FUNCTION(reply_error)                                                                                              \
    FUNCTION(reply_done)                                                                                               \
    FUNCTION(reply_entry)                                                                                              \
    FUNCTION(reply_attributes)                                                                                         \
    FUNCTION(reply_open)                                                                                               \
    FUNCTION(reply_create)                                                                                             \
    FUNCTION(reply_data)                                                                                               \
    FUNCTION(reply_vector)                                                                                             \
    FUNCTION(reply_written)                                                                                            \
    FUNCTION(reply_size)                                                                                               \
    FUNCTION(reply_offset)                                                                                             \
    FUNCTION(reply_statfs)                                                                                             \
    FUNCTION(reply_ioctl)                                                                                              \
    FUNCTION(add_entry)                                                                                                \
    FUNCTION(add_entry_plus)                                                                                           \
    FUNCTION(reply_directory)                                                                                          \
    FUNCTION(request_context)                                                                                          \
    FUNCTION(request_volume)                                                                                           \
    FUNCTION(request_caller)                                                                                           \
    FUNCTION(request_buffer)                                                                                           \
    FUNCTION(request_interrupted)                                                                                      \
    FUNCTION(volume_create)                                                                                            \
    FUNCTION(volume_run)                                                                                               \
    FUNCTION(volume_stop)                                                                                              \
    FUNCTION(volume_destroy)                                                                                           \
    FUNCTION(volume_mount_point)                                                                                       \
    FUNCTION(volume_unc_path)                                                                                          \
    FUNCTION(volume_granted)                                                                                           \
    FUNCTION(volume_owner_uid)                                                                                         \
    FUNCTION(volume_owner_gid)                                                                                         \
    FUNCTION(volume_transport)                                                                                         \
    FUNCTION(volume_kind)                                                                                              \
    FUNCTION(notify_inode)                                                                                             \
    FUNCTION(notify_entry)                                                                                             \
    FUNCTION(notify_delete)                                                                                            \
    FUNCTION(backing_open)                                                                                             \
    FUNCTION(backing_close)                                                                                            \
    FUNCTION(version)                                                                                                  \
    FUNCTION(prefix_to_path)                                                                                           \
    FUNCTION(request_kill_suidgid)                                                                                     \
    FUNCTION(notify_names)                                                                                             \
    FUNCTION(volume_end_reason)                                                                                        \
    FUNCTION(reply_statx)

struct linfsp_api {
    size_t size; /**< of what the library fills in */
#define LINFSP_API_MEMBER(name) __typeof__(linfsp_##name) *name;
    LINFSP_API_FUNCTIONS(LINFSP_API_MEMBER)
#undef LINFSP_API_MEMBER
};

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)
/** What fsp_load asks a library for: NULL where it does not know that version. */
const struct linfsp_api *linfsp_get_api(unsigned version);
#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#ifdef LINFSP_LOAD

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define LINFSP_SONAME "liblinfsp.so.1"
#ifdef __GLIBC__
#define LINFSP_SILO_LIBRARY "/dev/linfsp/lib/" LINFSP_SONAME
#else
#define LINFSP_SILO_LIBRARY "/dev/linfsp/lib/musl/" LINFSP_SONAME
#endif
#define LINFSP_LIBRARY_PATH_FILE "/etc/linfsp/library-path"

/* One for the whole program, however many of its files include this. */
__attribute__((weak, visibility("hidden"))) const struct linfsp_api *linfsp_loaded_api;

/* 1: loaded; 0: not there, or not usable, and the reason is appended to text. */
static inline int linfsp_load_from(const char *path, char *text, size_t size) {
    const struct linfsp_api *(*get_api)(unsigned) = NULL;
    const struct linfsp_api *api = NULL;
    size_t used = strlen(text);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library) {
        void *symbol = dlsym(library, "linfsp_get_api");
        memcpy(&get_api, &symbol, sizeof get_api);
        api = get_api ? get_api(LINFSP_API_VERSION) : NULL;
    }
    if (api && api->size >= sizeof *api) {
        linfsp_loaded_api = api;
        return 1;
    }
    if (!library)
        snprintf(text + used, size - used, "; %.200s", dlerror());
    else
        snprintf(text + used, size - used, "; %.200s: an older liblinfsp than this program was built for", path);
    if (library)
        dlclose(library);
    return 0;
}

/* The installation that /etc/linfsp/library-path names in its one line. */
static inline int linfsp_load_configured(char *text, size_t size) {
    char line[1024], path[1100];
    FILE *file = fopen(LINFSP_LIBRARY_PATH_FILE, "re");
    if (!file)
        return 0;
    int got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!got)
        return 0;
    line[strcspn(line, "\r\n")] = 0;
    if (line[0] != '/')
        return 0;
    snprintf(path, sizeof path, "%s/" LINFSP_SONAME, line);
    return linfsp_load_from(path, text, size);
}

/* By name, which also obeys ld.so's configuration, then where installations keep what the
 * service brings to containers. */
static inline int linfsp_load_default(char *text, size_t size) {
    static const char *const places[] = {
#ifdef __GLIBC__
        LINFSP_SONAME,
        "/usr/local/lib/linfsp/lib/" LINFSP_SONAME,
        "/usr/lib/linfsp/lib/" LINFSP_SONAME,
#else
        LINFSP_SONAME,
        "/usr/local/lib/linfsp/lib/musl/" LINFSP_SONAME,
        "/usr/lib/linfsp/lib/musl/" LINFSP_SONAME,
#endif
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t used = strlen(text);
        if (linfsp_load_from(places[i], text, size))
            return 1;
        if (i > 0)
            text[used] = 0; /* by name says enough */
    }
    return 0;
}

/**
 * Loads liblinfsp: in a container the one that the service brought; else the file that LINFSP_LIBRARY in the
 * environment names; else from the directory in /etc/linfsp/library-path; else from the default place. Must succeed
 * before any other function is called; calling it again does nothing. -ENOENT: there is none, and the message says
 * where it was looked for.
 */
static inline int fsp_load(struct linfsp_error *ret_error) {
    struct linfsp_error error;
    const char *named = getauxval(AT_SECURE) ? NULL : getenv("LINFSP_LIBRARY");
    if (linfsp_loaded_api)
        return 0;
    error.code = ENOENT;
    snprintf(error.message, sizeof error.message, "liblinfsp was not found");
    if (access(LINFSP_SILO_LIBRARY, F_OK) == 0 &&
        linfsp_load_from(LINFSP_SILO_LIBRARY, error.message, sizeof error.message))
        return 0;
    if (named && *named ? linfsp_load_from(named, error.message, sizeof error.message)
                        : linfsp_load_configured(error.message, sizeof error.message) ||
                              linfsp_load_default(error.message, sizeof error.message))
        return 0;
    size_t used = strlen(error.message);
    snprintf(
        error.message + used, sizeof error.message - used,
        "; in a container it is brought by the LinFsp service of the host (as root: linfsp start), on a host it comes "
        "with LinFsp, or LINFSP_LIBRARY names its file");
    if (ret_error)
        *ret_error = error;
    return -ENOENT;
}

#define linfsp_reply_error (linfsp_loaded_api->reply_error)
#define linfsp_reply_done (linfsp_loaded_api->reply_done)
#define linfsp_reply_entry (linfsp_loaded_api->reply_entry)
#define linfsp_reply_attributes (linfsp_loaded_api->reply_attributes)
#define linfsp_reply_open (linfsp_loaded_api->reply_open)
#define linfsp_reply_create (linfsp_loaded_api->reply_create)
#define linfsp_reply_data (linfsp_loaded_api->reply_data)
#define linfsp_reply_vector (linfsp_loaded_api->reply_vector)
#define linfsp_reply_written (linfsp_loaded_api->reply_written)
#define linfsp_reply_size (linfsp_loaded_api->reply_size)
#define linfsp_reply_offset (linfsp_loaded_api->reply_offset)
#define linfsp_reply_statfs (linfsp_loaded_api->reply_statfs)
#define linfsp_reply_ioctl (linfsp_loaded_api->reply_ioctl)
#define linfsp_add_entry (linfsp_loaded_api->add_entry)
#define linfsp_add_entry_plus (linfsp_loaded_api->add_entry_plus)
#define linfsp_reply_directory (linfsp_loaded_api->reply_directory)
#define linfsp_request_context (linfsp_loaded_api->request_context)
#define linfsp_request_volume (linfsp_loaded_api->request_volume)
#define linfsp_request_caller (linfsp_loaded_api->request_caller)
#define linfsp_request_buffer (linfsp_loaded_api->request_buffer)
#define linfsp_request_interrupted (linfsp_loaded_api->request_interrupted)
#define linfsp_volume_create (linfsp_loaded_api->volume_create)
#define linfsp_volume_run (linfsp_loaded_api->volume_run)
#define linfsp_volume_stop (linfsp_loaded_api->volume_stop)
#define linfsp_volume_destroy (linfsp_loaded_api->volume_destroy)
#define linfsp_volume_mount_point (linfsp_loaded_api->volume_mount_point)
#define linfsp_volume_unc_path (linfsp_loaded_api->volume_unc_path)
#define linfsp_volume_granted (linfsp_loaded_api->volume_granted)
#define linfsp_volume_owner_uid (linfsp_loaded_api->volume_owner_uid)
#define linfsp_volume_owner_gid (linfsp_loaded_api->volume_owner_gid)
#define linfsp_volume_transport (linfsp_loaded_api->volume_transport)
#define linfsp_volume_kind (linfsp_loaded_api->volume_kind)
#define linfsp_notify_inode (linfsp_loaded_api->notify_inode)
#define linfsp_notify_entry (linfsp_loaded_api->notify_entry)
#define linfsp_notify_delete (linfsp_loaded_api->notify_delete)
#define linfsp_backing_open (linfsp_loaded_api->backing_open)
#define linfsp_backing_close (linfsp_loaded_api->backing_close)
#define linfsp_version (linfsp_loaded_api->version)
#define linfsp_prefix_to_path (linfsp_loaded_api->prefix_to_path)
#define linfsp_request_kill_suidgid (linfsp_loaded_api->request_kill_suidgid)
#define linfsp_notify_names (linfsp_loaded_api->notify_names)
#define linfsp_volume_end_reason (linfsp_loaded_api->volume_end_reason)
#define linfsp_reply_statx (linfsp_loaded_api->reply_statx)

#endif
#endif
