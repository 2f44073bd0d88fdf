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
    FUNCTION(reply_statx)                                                                                              \
    FUNCTION(request_may_be_done)                                                                                      \
    FUNCTION(volume_fail_over)                                                                                         \
    FUNCTION(volume_taken_over)                                                                                        \
    FUNCTION(volume_state)                                                                                             \
    FUNCTION(background)                                                                                               \
    FUNCTION(background_ready)                                                                                         \
    FUNCTION(main)                                                                                                     \
    FUNCTION(stream_write)                                                                                             \
    FUNCTION(stream_send_fd)                                                                                           \
    FUNCTION(stream_read)                                                                                              \
    FUNCTION(stream_receive_fd)                                                                                        \
    FUNCTION(volume_handed_over)

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
#include <link.h>
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

/* What every call goes through. */
static inline const struct linfsp_api *linfsp_api_loaded(void) {
    static const char text[] =
        "liblinfsp is not loaded: fsp_load() must have succeeded before any other function of it is called\n";
    if (!linfsp_loaded_api) /* perhaps in a signal handler */
        _exit(write(STDERR_FILENO, text, sizeof text - 1) < 0 ? 2 : 1);
    return linfsp_loaded_api;
}

extern ElfW(Dyn) _DYNAMIC[] __attribute__((weak, visibility("hidden")));

/* Such a program needs no library, and can load none: it would have two C libraries. */
static inline int linfsp_is_static(void) {
    if (!_DYNAMIC)
        return 1;
    for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED)
            return 0;
    return 1;
}

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
 * before any other function is called, which else says so and ends the program; calling it again does nothing. -ENOENT:
 * there is none, and the message says where it was looked for. -ENOTSUP: the program is linked statically.
 */
static inline int fsp_load(struct linfsp_error *ret_error) {
    struct linfsp_error error;
    const char *named = getauxval(AT_SECURE) ? NULL : getenv("LINFSP_LIBRARY");
    if (linfsp_loaded_api)
        return 0;
    if (linfsp_is_static()) {
        error.code = ENOTSUP;
        snprintf(error.message, sizeof error.message,
                 "this program is linked statically and can load no liblinfsp: link it without -static, or with "
                 "liblinfsp.a and "
                 "without LINFSP_LOAD");
        if (ret_error)
            *ret_error = error;
        return -ENOTSUP;
    }
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

#define linfsp_reply_error (linfsp_api_loaded()->reply_error)
#define linfsp_reply_done (linfsp_api_loaded()->reply_done)
#define linfsp_reply_entry (linfsp_api_loaded()->reply_entry)
#define linfsp_reply_attributes (linfsp_api_loaded()->reply_attributes)
#define linfsp_reply_open (linfsp_api_loaded()->reply_open)
#define linfsp_reply_create (linfsp_api_loaded()->reply_create)
#define linfsp_reply_data (linfsp_api_loaded()->reply_data)
#define linfsp_reply_vector (linfsp_api_loaded()->reply_vector)
#define linfsp_reply_written (linfsp_api_loaded()->reply_written)
#define linfsp_reply_size (linfsp_api_loaded()->reply_size)
#define linfsp_reply_offset (linfsp_api_loaded()->reply_offset)
#define linfsp_reply_statfs (linfsp_api_loaded()->reply_statfs)
#define linfsp_reply_ioctl (linfsp_api_loaded()->reply_ioctl)
#define linfsp_add_entry (linfsp_api_loaded()->add_entry)
#define linfsp_add_entry_plus (linfsp_api_loaded()->add_entry_plus)
#define linfsp_reply_directory (linfsp_api_loaded()->reply_directory)
#define linfsp_request_context (linfsp_api_loaded()->request_context)
#define linfsp_request_volume (linfsp_api_loaded()->request_volume)
#define linfsp_request_caller (linfsp_api_loaded()->request_caller)
#define linfsp_request_buffer (linfsp_api_loaded()->request_buffer)
#define linfsp_request_interrupted (linfsp_api_loaded()->request_interrupted)
#define linfsp_volume_create (linfsp_api_loaded()->volume_create)
#define linfsp_volume_run (linfsp_api_loaded()->volume_run)
#define linfsp_volume_stop (linfsp_api_loaded()->volume_stop)
#define linfsp_volume_destroy (linfsp_api_loaded()->volume_destroy)
#define linfsp_volume_mount_point (linfsp_api_loaded()->volume_mount_point)
#define linfsp_volume_unc_path (linfsp_api_loaded()->volume_unc_path)
#define linfsp_volume_granted (linfsp_api_loaded()->volume_granted)
#define linfsp_volume_owner_uid (linfsp_api_loaded()->volume_owner_uid)
#define linfsp_volume_owner_gid (linfsp_api_loaded()->volume_owner_gid)
#define linfsp_volume_transport (linfsp_api_loaded()->volume_transport)
#define linfsp_volume_kind (linfsp_api_loaded()->volume_kind)
#define linfsp_notify_inode (linfsp_api_loaded()->notify_inode)
#define linfsp_notify_entry (linfsp_api_loaded()->notify_entry)
#define linfsp_notify_delete (linfsp_api_loaded()->notify_delete)
#define linfsp_backing_open (linfsp_api_loaded()->backing_open)
#define linfsp_backing_close (linfsp_api_loaded()->backing_close)
#define linfsp_version (linfsp_api_loaded()->version)
#define linfsp_prefix_to_path (linfsp_api_loaded()->prefix_to_path)
#define linfsp_request_kill_suidgid (linfsp_api_loaded()->request_kill_suidgid)
#define linfsp_notify_names (linfsp_api_loaded()->notify_names)
#define linfsp_volume_end_reason (linfsp_api_loaded()->volume_end_reason)
#define linfsp_reply_statx (linfsp_api_loaded()->reply_statx)
#define linfsp_request_may_be_done (linfsp_api_loaded()->request_may_be_done)
#define linfsp_volume_fail_over (linfsp_api_loaded()->volume_fail_over)
#define linfsp_volume_taken_over (linfsp_api_loaded()->volume_taken_over)
#define linfsp_volume_state (linfsp_api_loaded()->volume_state)
#define linfsp_background (linfsp_api_loaded()->background)
#define linfsp_background_ready (linfsp_api_loaded()->background_ready)
#define linfsp_main (linfsp_api_loaded()->main)
#define linfsp_stream_write (linfsp_api_loaded()->stream_write)
#define linfsp_stream_send_fd (linfsp_api_loaded()->stream_send_fd)
#define linfsp_stream_read (linfsp_api_loaded()->stream_read)
#define linfsp_stream_receive_fd (linfsp_api_loaded()->stream_receive_fd)
#define linfsp_volume_handed_over (linfsp_api_loaded()->volume_handed_over)

#endif
#endif
