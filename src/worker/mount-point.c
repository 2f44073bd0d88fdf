/* SPDX-License-Identifier: MIT */
/*
 * The folder that a volume is mounted on.
 *
 * A folder of the client's comes as a descriptor that the client opened itself: it names that folder whatever happens
 * to its path. It must be the client's own (or the client the silo's root), no mount point already, and not among the
 * kernel's own file systems.
 *
 * A letter is /mnt/<letter>, made by the service, for any user of the silo. Nothing of it stays when the silo ends. In
 * an overlayfs the folder is taken out of the upper layer as soon as it is open (overlay.h). In any other root, and in
 * one that is read-only, a small tmpfs is mounted over an empty /mnt, and the folder is made in that. If such a /mnt
 * has entries, or is missing, the folder is made in the root itself and removed afterwards.
 */
#include "worker/mount-point.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "util/utf8.h"
#include "worker/copied.h"
#include "worker/enter.h"
#include "worker/intent.h"

#define LETTERS_SOURCE "linfsp-letters" /* what mount(8) shows of the tmpfs over a read-only /mnt */
#define LOCK_TURNS 1000
#define LOCK_TURN_US 1000

void mount_point_close(struct mount_point *point) {
    close_fd(&point->fd);
    close_fd(&point->parent);
    close_fd(&point->copied);
    close_fd(&point->lock);
    overlay_close(&point->overlay);
}

static void set_time_back(int folder, const struct stat *before) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before->st_mtim};
    (void)utimensat(folder, "", times, AT_EMPTY_PATH);
}

/* root: of the file system that parent lies on. */
static void remove_folder(int parent, const char *name, int root) {
    struct stat before;
    if (fstat(parent, &before) < 0)
        return;
    int r = unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
    if (r == -EROFS)
        r = remove_through_clone(parent, name, AT_REMOVEDIR);
    if (r == 0)
        set_time_back(parent, &before);
    else if (r == -ESTALE) /* overlay_hide removed it */
        overlay_forget(root);
}

void mount_point_remove_letter(const struct job_base *base, int parent, const char *name, uint64_t letters_mount_id,
                               bool letters_too) {
    _cleanup_close_ int above = openat(parent, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int letters = -1;
    /* ids of mounts are used again */
    if (letters_mount_id && !mount_has_source(base, letters_mount_id, LETTERS_SOURCE))
        letters_mount_id = 0;
    /* the volume took over the folder of one that had made it, and was not told of the tmpfs */
    uint64_t there = 0;
    if (!letters_mount_id && parent >= 0 && fd_mount_id(parent, &there) == 0 &&
        mount_has_source(base, there, LETTERS_SOURCE))
        letters_mount_id = there;
    if (letters_mount_id)
        enter_own_letters(letters_mount_id);
    if (parent >= 0)
        remove_folder(parent, name, above);
    if (letters_mount_id && open_mount_by_id(base, letters_mount_id, LINFSP_LETTER_ROOT, &letters) == 0 &&
        directory_is_empty(letters) == 1)
        (void)unmount_fd(base, steal_fd(&letters));
    if (above >= 0 && letters_too)
        remove_folder(above, &LINFSP_LETTER_ROOT[1], above);
}

int letters_open_lock(const struct job_base *base) {
    int fd = openat(base->run_dir, "private/letters", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

void letters_lock(int lock, uint64_t silo) {
    struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)silo, .l_len = 1};
    for (int turn = 0; turn < LOCK_TURNS && fcntl(lock, F_OFD_SETLK, &own) < 0 && errno == EAGAIN; turn++)
        usleep(LOCK_TURN_US);
}

bool mount_point_is(int fd, uint64_t mount_id) {
    uint64_t found = 0;
    return mount_id && fd_mount_id(fd, &found) == 0 && found == mount_id;
}

void mount_point_undo(const struct job_base *base, struct mount_point *point) {
    close_fd(&point->fd);
    if (point->made_here && point->parent >= 0)
        mount_point_remove_letter(base, point->parent, point->made_name, point->letters_mount_id, point->made_letters);
}

static bool lies_in(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

bool is_kernel_file_system(int fd) {
    static const long types[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                 DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,      SECURITYFS_MAGIC,
                                 BPF_FS_MAGIC,       NSFS_MAGIC,    EFIVARFS_MAGIC,     SELINUX_MAGIC,
                                 BINFMTFS_MAGIC};
    struct statfs status;
    if (fstatfs(fd, &status) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (status.f_type == types[i])
            return true;
    return false;
}

/* What was unmounted since the client opened it has "/" for a path, too. */
static bool is_root(int fd) {
    uint64_t found = 0, of_root = 1;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd_mount_id(fd, &found) == 0 && root >= 0 && fd_mount_id(root, &of_root) == 0 && found == of_root;
}

static int check_place(const struct job_base *base, int fd, struct job_result *result) {
    char path[WIRE_PATH_MAX];
    int r = fd_path(base, fd, path, sizeof path);
    if (r < 0)
        return job_fail(result, r, "the mount point's path cannot be told: %s", strerror(-r));
    if (!path[0])
        return job_fail(result, -EINVAL, "the mount point is not in this container");
    /* the journal, a text file, and lists have it like this */
    utf8_escape(path, result->mount.mount_point, sizeof result->mount.mount_point);
    if (strcmp(path, "/") == 0 && !is_root(fd))
        return job_fail(result, -ENOENT, "what was mounted at the mount point has just been unmounted; try again");
    if (strcmp(path, "/") == 0)
        return job_fail(result, -EBUSY, "/ cannot be mounted over");
    /* what is mounted below /unc would be mounted in every container */
    static const char *const forbidden[] = {"/proc", "/sys", "/dev", LINFSP_UNC_ROOT};
    if (lies_in(path, "/dev/shm") && strcmp(path, "/dev/shm") != 0)
        return 0; /* it is for everybody, as /tmp is */
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
        if (lies_in(path, forbidden[i]))
            return job_fail(result, -EPERM, "%s: nothing may be mounted under %s; choose another folder",
                            result->mount.mount_point, forbidden[i]);
    return 0;
}

static int check_access(int access, const char *path, struct job_result *result) {
    if (access == -EPERM)
        return job_fail(result, access, "%s is sticky and another user's: only they or root may mount on it", path);
    return access < 0 ? job_fail(result, access, "you may not write to %s (%s): choose a folder that you may write to",
                                 path, strerror(-access))
                      : 0;
}

static int check_client_folder(const struct job_base *base, const struct job *job, int fd, int access,
                               struct job_result *result) {
    struct statx status;
    if (fd < 0 || !(fcntl(fd, F_GETFL) & O_PATH))
        return job_fail(result, -EINVAL, "the mount point's descriptor is not one that only names it (O_PATH)");
    int r = check_place(base, fd, result);
    if (r < 0)
        return r;
    if (mount_point_is(fd, job->mount.replaces))
        return 0; /* it was judged when that was mounted, and nobody answers for it now */
    const char *path = result->mount.mount_point;
    if ((r = check_access(access, path, result)) < 0)
        return r;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) < 0)
        return job_fail(result, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.stx_mode) && !(job->mount.raw && S_ISREG(status.stx_mode)))
        return job_fail(result, -ENOTDIR, "%s is not a directory", path);
    if (!job->mount.raw && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return job_fail(result, -EBUSY,
                        "%s is a mount point already: unmount it first (linfsp umount %s), or choose "
                        "another folder",
                        path, path);
    if (is_kernel_file_system(fd))
        return job_fail(result, -EPERM, "%s: nothing may be mounted over the kernel's own file systems", path);
    return 0;
}

/* A detached tmpfs for the letters of a silo whose root is not to be written. */
static int make_letters_mount(void) {
    _cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", LETTERS_SOURCE, 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "64", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Replaces *folder, an empty /mnt that is not to be written, by a tmpfs over it. It may be one already, of an earlier
 * letter; then, or where it is neither, *folder stays as it is. */
static int cover_letters_folder(const struct job_base *base, int *folder, struct mount_point *point) {
    uint64_t *mount_id = &point->letters_mount_id;
    uint64_t there = 0;
    if (fd_mount_id(*folder, &there) == 0 && mount_has_source(base, there, LETTERS_SOURCE)) {
        *mount_id = there;
        enter_own_letters(there);
        return 0;
    }
    if (directory_is_empty(*folder) != 1)
        return 0;
    _cleanup_close_ int letters = make_letters_mount();
    if (letters < 0)
        return letters;
    uint64_t made = 0;
    int r = fd_mount_id(letters, &made);
    if (r < 0 || (r = intent_letters(point->intent, made)) < 0)
        return r;
    if (move_mount(letters, "", *folder, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return -errno;
    *mount_id = made;
    /* what is made in it is made through a clone: the container's root is not to write where the image is read-only */
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(letters, "", AT_EMPTY_PATH, &read_only, sizeof read_only) < 0)
        return -errno;
    enter_own_letters(made);
    close_fd(folder);
    *folder = steal_fd(&letters);
    return 0;
}

static int make_folder(int parent, const char *name) {
    struct stat before;
    if (fstat(parent, &before) < 0 || mkdirat(parent, name, 0755) < 0)
        return -errno;
    set_time_back(parent, &before);
    return 0;
}

static bool is_on_mount_of(int folder, int root) {
    uint64_t of_folder, of_root;
    return fd_mount_id(folder, &of_folder) == 0 && fd_mount_id(root, &of_root) == 0 && of_folder == of_root;
}

/* Whether what is made in that folder is left behind when the silo is killed. */
static bool outlives_silo(const struct mount_point *point, int root, int folder) {
    return !point->host && !point->root_ends && is_on_mount_of(folder, root) && point->overlay.upper < 0;
}

static int open_letters_folder(int root, struct mount_point *point, struct job_result *result) {
    const char *name = &LINFSP_LETTER_ROOT[1];
    int folder = enter_open_path(root, name, O_DIRECTORY);
    if (folder == -ENOENT) {
        struct stat before;
        int r = fstat(root, &before) < 0 ? -errno : intent_letters_folder(point->intent);
        if (r == 0)
            r = make_folder(root, name);
        if (r == -EROFS)
            r = make_folder_through_clone(root, name);
        if (r < 0)
            return job_fail(result, r, "the container has no %s, and it cannot be made: %s", LINFSP_LETTER_ROOT,
                            strerror(-r));
        folder = enter_open_path(root, name, O_DIRECTORY);
        point->made_letters = true;
        if (folder >= 0 && point->overlay.upper >= 0)
            (void)overlay_hide(&point->overlay, "", name, folder, &before);
    }
    if (folder < 0)
        return job_fail(result, folder, "%s of the container is not a plain folder: %s", LINFSP_LETTER_ROOT,
                        strerror(-folder));
    return folder;
}

static bool is_missing(int root, const char *path) {
    _cleanup_close_ int fd = enter_open_path(root, path, 0);
    return fd == -ENOENT;
}

/* Makes a letter's folder. *folder may become the tmpfs over it. */
static int make_letter(const struct job_base *base, int root, int *folder, const char *letter,
                       struct mount_point *point) {
    bool covers = outlives_silo(point, root, *folder) ? !point->made_letters && directory_is_empty(*folder) == 1
                                                      : overlay_is_hidden(*folder);
    int r = covers ? -EROFS : make_folder(*folder, letter);
    if (r != -EROFS)
        return r;
    r = cover_letters_folder(base, folder, point);
    return r < 0 ? r : make_folder_through_clone(*folder, letter);
}

/* Opens /mnt/<letter>, making it where it is missing. -EEXIST when it is in use. */
static int take_letter(const struct job_base *base, int root, int *folder, const char *letter,
                       struct mount_point *point) {
    char path[16];
    snprintf(path, sizeof path, "%s/%c", &LINFSP_LETTER_ROOT[1], letter[0]);
    /* one that is there already is the container's own, and stays */
    struct stat before;
    bool copies = point->overlay.upper >= 0 && !overlay_has(&point->overlay, &LINFSP_LETTER_ROOT[1]);
    int made = fstat(*folder, &before) < 0 ? -errno : 0;
    if (made == 0)
        made = is_missing(root, path) ? intent_letter(point->intent, letter) : -EEXIST;
    if (made == 0)
        made = make_letter(base, root, folder, letter, point);
    if (made < 0 && made != -EEXIST && made != -EROFS)
        return made;
    _cleanup_close_ int fd = enter_open_path(root, path, O_DIRECTORY);
    if (fd < 0)
        return made < 0 && made != -EEXIST ? made : -EEXIST;
    if (made != 0 && (fd_is_mount_root(fd) != 0 || directory_is_empty(fd) != 1))
        return -EEXIST;
    int noted = made == 0 ? 0 : intent_found_letter(point->intent, letter);
    if (noted < 0)
        return noted;
    point->fd = steal_fd(&fd);
    if (made == 0 && point->overlay.upper >= 0 && is_on_mount_of(*folder, root))
        (void)overlay_hide(&point->overlay, &LINFSP_LETTER_ROOT[1], letter, point->fd, &before);
    if (copies)
        copied_note(point->copied, &point->overlay, &LINFSP_LETTER_ROOT[1]);
    if (made == 0) {
        point->made = point->made_here = true;
        point->parent = fcntl(*folder, F_DUPFD_CLOEXEC, 3);
        snprintf(point->made_name, sizeof point->made_name, "%s", letter);
    }
    return 0;
}

static int find_letter(const struct job_base *base, const struct job *job, int root, struct mount_point *point,
                       struct job_result *result) {
    point->host = job->target.host;
    letters_lock(point->lock, job->target.silo);
    enter_act_as(job->target.root_uid, job->target.root_gid);
    _cleanup_close_ int folder = open_letters_folder(root, point, result);
    if (folder < 0) {
        enter_act_as_self();
        return folder;
    }
    bool any = job->mount.letter[0] == '*';
    char letter[2] = {any ? 'z' : job->mount.letter[0], 0};
    int r = take_letter(base, root, &folder, letter, point);
    while (any && r == -EEXIST && --letter[0] >= 'd')
        r = take_letter(base, root, &folder, letter, point);
    enter_act_as_self();
    if (r == -EEXIST && any)
        return job_fail(result, -ENODEV, "no letter from d to z is free under %s", LINFSP_LETTER_ROOT);
    if (r == -EEXIST)
        return job_fail(result, r, "%s/%s is in use: choose another letter, or * for the first free one",
                        LINFSP_LETTER_ROOT, letter);
    if (r < 0)
        return job_fail(result, r, "%s/%s cannot be made (%s): choose a folder as mount point instead",
                        LINFSP_LETTER_ROOT, letter, strerror(-r));
    snprintf(result->mount.mount_point, sizeof result->mount.mount_point, "%s/%s", LINFSP_LETTER_ROOT, letter);
    return 0;
}

int mount_point_find(const struct job_base *base, const struct job *job, int root, int client_fd, int client_parent,
                     struct mount_point *ret_point, struct job_result *result) {
    if (job->mount.letter[0])
        return find_letter(base, job, root, ret_point, result);
    int r = check_client_folder(base, job, client_fd, ret_point->access, result);
    if (r < 0)
        return r;
    ret_point->fd = fcntl(client_fd, F_DUPFD_CLOEXEC, 3);
    if (ret_point->fd < 0)
        return job_fail(result, -errno, "out of descriptors");
    if (job->mount.made_mount_point) {
        if (client_parent < 0 || !(fcntl(client_parent, F_GETFL) & O_PATH))
            return job_fail(result, -EINVAL, "the parent's descriptor is not one that only names it (O_PATH)");
        ret_point->parent = fcntl(client_parent, F_DUPFD_CLOEXEC, 3);
        ret_point->made = ret_point->parent >= 0;
        /* its name is the last component of what it was opened as */
        char path[WIRE_PATH_MAX];
        const char *name = fd_path(base, client_fd, path, sizeof path) < 0 ? NULL : strrchr(path, '/');
        snprintf(ret_point->made_name, sizeof ret_point->made_name, "%.255s", name ? name + 1 : "");
    }
    return 0;
}
