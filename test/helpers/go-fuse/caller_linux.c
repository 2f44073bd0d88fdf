/* SPDX-License-Identifier: MIT */
/* What cannot be said in Go: calling functions by their address, and a table of functions that are Go's. */
#include "caller_linux.h"

#include <dlfcn.h>

#include "_cgo_export.h"

typedef int main_function(int argc, char *argv[], const struct fuse_operations *operations, size_t size, void *data);
typedef struct fuse_context *context_function(void);

static main_function *library_main;
static context_function *library_context;

/* Go's functions have no const. */
#define MEMBER(name, function) .name = (__typeof__(((struct fuse_operations *)0)->name))(void *)(function)

static const struct fuse_operations operations = {
    MEMBER(getattr, go_getattr),     MEMBER(readlink, go_readlink),   MEMBER(mknod, go_mknod),
    MEMBER(mkdir, go_mkdir),         MEMBER(unlink, go_unlink),       MEMBER(rmdir, go_rmdir),
    MEMBER(symlink, go_symlink),     MEMBER(rename, go_rename),       MEMBER(link, go_link),
    MEMBER(chmod, go_chmod),         MEMBER(chown, go_chown),         MEMBER(truncate, go_truncate),
    MEMBER(open, go_open),           MEMBER(read, go_read),           MEMBER(write, go_write),
    MEMBER(statfs, go_statfs),       MEMBER(release, go_release),     MEMBER(setxattr, go_setxattr),
    MEMBER(getxattr, go_getxattr),   MEMBER(listxattr, go_listxattr), MEMBER(removexattr, go_removexattr),
    MEMBER(opendir, go_opendir),     MEMBER(readdir, go_readdir),     MEMBER(releasedir, go_release),
    MEMBER(init, go_init),           MEMBER(destroy, go_destroy),     MEMBER(create, go_create),
    MEMBER(ftruncate, go_ftruncate), MEMBER(fgetattr, go_fgetattr),   MEMBER(utimens, go_utimens),
};

const char *caller_load(void) {
    static const char *const others[] = {"fuse_exit", "fuse_opt_parse", "fuse_opt_free_args", "fuse_notify"};
    void *library = dlopen("/dev/linfsp/lib/libwinfsp.so.1", RTLD_NOW);
    if (!library)
        return dlerror();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!dlsym(library, others[i]))
            return others[i];
    library_main = (main_function *)dlsym(library, "fuse_main_real");
    library_context = (context_function *)dlsym(library, "fuse_get_context");
    return library_main && library_context ? NULL : "fuse_main_real, fuse_get_context";
}

int caller_main(int argc, char *argv[]) {
    return library_main(argc, argv, &operations, sizeof operations, NULL);
}

const struct fuse_context *caller_context(void) {
    return library_context();
}

int caller_fill(void *fill, void *buffer, const char *name, const struct fuse_stat *stat) {
    return ((fuse_fill_dir_t)fill)(buffer, name, stat, 0);
}
