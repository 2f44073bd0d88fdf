/* SPDX-License-Identifier: MIT */
/* Programs whose C library is Microsoft's. Its errno values are Linux's up to 34, then its own. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "winfsp/fuse/flavour.h"

#define SAME_ERRORS 34

#define WINDOWS_O_APPEND 0x0008

static const struct {
    int windows, linux_value;
} errors[] = {
    {36, EDEADLK},       {38, ENAMETOOLONG},     {39, ENOLCK},         {40, ENOSYS},           {41, ENOTEMPTY},
    {42, EILSEQ},        {100, EADDRINUSE},      {101, EADDRNOTAVAIL}, {102, EAFNOSUPPORT},    {103, EALREADY},
    {104, EBADMSG},      {105, ECANCELED},       {106, ECONNABORTED},  {107, ECONNREFUSED},    {108, ECONNRESET},
    {109, EDESTADDRREQ}, {110, EHOSTUNREACH},    {111, EIDRM},         {112, EINPROGRESS},     {113, EISCONN},
    {114, ELOOP},        {115, EMSGSIZE},        {116, ENETDOWN},      {117, ENETRESET},       {118, ENETUNREACH},
    {119, ENOBUFS},      {120, ENODATA},         {121, ENOLINK},       {122, ENOMSG},          {123, ENOPROTOOPT},
    {124, ENOSR},        {125, ENOSTR},          {126, ENOTCONN},      {127, ENOTRECOVERABLE}, {128, ENOTSOCK},
    {129, EOPNOTSUPP},   {130, EOPNOTSUPP},      {131, EIO},           {132, EOVERFLOW},       {133, EOWNERDEAD},
    {134, EPROTO},       {135, EPROTONOSUPPORT}, {136, EPROTOTYPE},    {137, ETIME},           {138, ETIMEDOUT},
    {139, ETXTBSY},      {140, EAGAIN},
};

static_assert(sizeof(struct fuse_stat) == 128, "struct fuse_stat");
static_assert(sizeof(struct fuse_stat_ex) == 160, "struct fuse_stat_ex");
static_assert(sizeof(struct fuse_statvfs) == 88, "struct fuse_statvfs");
static_assert(offsetof(struct fuse_stat, st_size) == 40, "struct fuse_stat");
static_assert(offsetof(struct fuse_stat, st_birthtim) == 112, "struct fuse_stat");

int fsp_flavour_result(int result) {
    if (result >= -SAME_ERRORS)
        return result;
    if (result == INT_MIN) /* it has no opposite */
        return -EIO;
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i].windows == -result)
            return -errors[i].linux_value;
    return -EIO;
}

int fsp_flavour_error(int error) {
    if (error >= -SAME_ERRORS)
        return error;
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i].linux_value == -error)
            return -errors[i].windows;
    return -EIO;
}

/* What else Linux has means nothing to such a program. */
int fsp_flavour_open_flags(int flags) {
    return (flags & O_ACCMODE) | (flags & O_APPEND ? WINDOWS_O_APPEND : 0);
}

static struct timespec time_of(struct fuse_timespec from) {
    return (struct timespec){.tv_sec = from.tv_sec, .tv_nsec = from.tv_nsec};
}

void fsp_flavour_stat(const struct fuse_stat *from, struct stat *ret_to) {
    *ret_to = (struct stat){.st_dev = from->st_dev,
                            .st_ino = from->st_ino,
                            .st_mode = from->st_mode,
                            .st_nlink = from->st_nlink,
                            .st_uid = from->st_uid,
                            .st_gid = from->st_gid,
                            .st_rdev = from->st_rdev,
                            .st_size = from->st_size,
                            .st_blksize = from->st_blksize,
                            .st_blocks = from->st_blocks,
                            .st_atim = time_of(from->st_atim),
                            .st_mtim = time_of(from->st_mtim),
                            .st_ctim = time_of(from->st_ctim)};
}

void fsp_flavour_statvfs(const struct fuse_statvfs *from, struct statvfs *ret_to) {
    *ret_to = (struct statvfs){.f_bsize = from->f_bsize,
                               .f_frsize = from->f_frsize,
                               .f_blocks = from->f_blocks,
                               .f_bfree = from->f_bfree,
                               .f_bavail = from->f_bavail,
                               .f_files = from->f_files,
                               .f_ffree = from->f_ffree,
                               .f_favail = from->f_favail,
                               .f_fsid = from->f_fsid,
                               .f_flag = from->f_flag,
                               .f_namemax = from->f_namemax};
}

unsigned fsp_flavour_long_size(void) {
    return 4;
}
