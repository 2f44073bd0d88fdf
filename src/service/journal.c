/* SPDX-License-Identifier: MIT */
/*
 * What a service that starts anew must know: one small file for each silo and each volume, on our tmpfs (a reboot ends
 * both). A file is written beside and renamed, so that it is whole or absent whatever happens. Values are read back
 * with sscanf; text is last on its line.
 */
#include "service/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "service/folder.h"
#include "service/intent.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/open-at.h"
#include "util/paths.h"

#define JOURNAL_DIR LINFSP_RUN_DIR "/journal"
#define SHORT_TURNS 20
#define SHORT_PAUSE_MS 50

static void file_name(char *path, size_t size, const char *kind, uint64_t key, const char *suffix) {
    snprintf(path, size, JOURNAL_DIR "/%s-%llu%s", kind, (unsigned long long)key, suffix);
}

static int write_entry(const char *kind, uint64_t key, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int write_entry(const char *kind, uint64_t key, const char *format, ...) {
    char path[128], fresh[128];
    file_name(path, sizeof path, kind, key, "");
    file_name(fresh, sizeof fresh, kind, key, ".new");
    FILE *file = fopen(fresh, "we");
    if (file) {
        va_list arguments;
        va_start(arguments, format);
        int written = vfprintf(file, format, arguments);
        va_end(arguments);
        bool whole = written >= 0 && stream_is_whole(file);
        int error = whole ? 0 : errno;
        (void)fclose(file);
        if (whole && rename(fresh, path) == 0)
            return 0;
        errno = error ? error : errno;
    }
    int r = errno ? -errno : -EIO;
    log_error("journal: %s stays as it was: %s", path, strerror(-r));
    (void)unlink(fresh);
    return r;
}

void journal_drop(const char *kind, uint64_t key) {
    char path[128];
    file_name(path, sizeof path, kind, key, "");
    (void)unlink(path);
}

bool journal_has(const char *kind, uint64_t key) {
    char path[128];
    file_name(path, sizeof path, kind, key, "");
    return access(path, F_OK) == 0;
}

void journal_put_silo(struct silo *silo) {
    silo->in_journal = true;
    (void)write_entry("silo", silo->number, "init %d start %llu since %llu namespace %llu %llu sole %d unc %d\n",
                      silo->target.init_pid, (unsigned long long)silo->init_start, (unsigned long long)silo->since,
                      (unsigned long long)silo->mount_namespace.inode, (unsigned long long)silo->mount_namespace.id,
                      silo->sole_init, silo->unc_waits);
}

void journal_drop_silo(const struct silo *silo) {
    if (silo->in_journal)
        journal_drop("silo", silo->number);
}

int journal_put_volume(const struct volume *volume) {
    char cookie[2 * WIRE_COOKIE_SIZE + 1];
    for (size_t i = 0; i < WIRE_COOKIE_SIZE; i++)
        snprintf(cookie + 2 * i, 3, "%02x", volume->cookie[i]);
    return write_entry(
        "volume", volume->id,
        "silo %llu cookie %s server %d %llu uid %u gid %u since %llu device %u mount %llu letters %llu owner %u %u\n"
        "raw %d %d %d %d\nmade %d %s\nname %s\npoint %s\nprefix %s\nunc %s\nscope %s\nnested %llu %llu\nhands "
        "%d\nending %d\n",
        (unsigned long long)volume->silo, cookie, volume->peer.pid, (unsigned long long)volume->server_start,
        volume->peer.uid, volume->peer.gid, (unsigned long long)volume->since, volume->fuse_device,
        (unsigned long long)volume->mount_id, (unsigned long long)volume->letters_mount_id, volume->owner_uid,
        volume->owner_gid, volume->raw, volume->keeps_connection, volume->allow_other, volume->ring,
        volume->made.by_service, volume->made.name, volume->file_system_name, volume->mount_point, volume->prefix,
        volume->unc_path, volume->scope, (unsigned long long)volume->nested.inode,
        (unsigned long long)volume->nested.id, volume->hands_over, volume->state == VOLUME_ENDING);
}

void journal_drop_volume(const struct volume *volume) {
    journal_drop("volume", volume->id);
}

void journal_put_folder(const struct folder *folder) {
    (void)write_entry("folder", folder->id, "silo %llu\npath %s\n", (unsigned long long)folder->silo, folder->path);
}

void journal_drop_folder(const struct folder *folder) {
    journal_drop("folder", folder->id);
}

void journal_put_name(const struct name *name) {
    (void)write_entry("name", name->id, "folder %llu volume %llu child %llu since %llu uid %u\nname %s\nopener %llu\n",
                      (unsigned long long)name->folder->id, (unsigned long long)name->volume,
                      (unsigned long long)name->child, (unsigned long long)name->since, name->uid, name->text,
                      (unsigned long long)name->opener);
}

void journal_drop_name(const struct name *name) {
    journal_drop("name", name->id);
}

void journal_put_numbers(uint64_t volume, uint64_t folder) {
    (void)write_entry("numbers", 0, "volume %llu folder %llu\n", (unsigned long long)volume,
                      (unsigned long long)folder);
}

/* Reads a line and what stands behind its word. */
static bool read_text(FILE *file, const char *word, char *ret_text, size_t size) {
    char line[WIRE_PATH_MAX + 64];
    size_t length = strlen(word);
    if (!fgets(line, sizeof line, file) || strncmp(line, word, length) != 0 || line[length] != ' ')
        return false;
    line[strcspn(line, "\n")] = 0;
    return (size_t)snprintf(ret_text, size, "%s", line + length + 1) < size;
}

static bool read_cookie(const char *text, uint8_t *ret_cookie) {
    for (size_t i = 0; i < WIRE_COOKIE_SIZE; i++)
        if (sscanf(text + 2 * i, "%2hhx", &ret_cookie[i]) != 1)
            return false;
    return true;
}

bool journal_parse_silo(uint64_t key, FILE *file, struct silo_record *ret_record) {
    int init, sole = 0, unc_waits = 0;
    /* version 1.0.0 wrote the first three, and the namespace's inode was the key */
    unsigned long long start, since, inode = key, id = 0;
    int n = fscanf(file, "init %d start %llu since %llu namespace %llu %llu sole %d unc %d", &init, &start, &since,
                   &inode, &id, &sole, &unc_waits);
    *ret_record = (struct silo_record){.number = key,
                                       .mount_namespace = {.inode = inode, .id = id},
                                       .init = init,
                                       .init_start = start,
                                       .sole_init = sole,
                                       .since = since,
                                       .unc_waits = unc_waits};
    return n == 3 || n == 6 || n == 7;
}

bool journal_parse_volume(FILE *file, struct volume *volume) {
    unsigned long long silo, since, mount, letters, server_start;
    int raw, keeps_connection, allow_other, ring;
    char cookie[2 * WIRE_COOKIE_SIZE + 1], made[WIRE_COMPONENT_MAX];
    if (fscanf(file,
               "silo %llu cookie %32s server %d %llu uid %u gid %u since %llu device %u mount %llu letters %llu owner "
               "%u %u\n",
               &silo, cookie, &volume->peer.pid, &server_start, &volume->peer.uid, &volume->peer.gid, &since,
               &volume->fuse_device, &mount, &letters, &volume->owner_uid, &volume->owner_gid) != 12 ||
        fscanf(file, "raw %d %d %d %d\n", &raw, &keeps_connection, &allow_other, &ring) != 4 ||
        strlen(cookie) != 2 * WIRE_COOKIE_SIZE || !read_cookie(cookie, volume->cookie) ||
        !read_text(file, "made", made, sizeof made) ||
        !read_text(file, "name", volume->file_system_name, sizeof volume->file_system_name) ||
        !read_text(file, "point", volume->mount_point, sizeof volume->mount_point) ||
        !read_text(file, "prefix", volume->prefix, sizeof volume->prefix) ||
        !read_text(file, "unc", volume->unc_path, sizeof volume->unc_path))
        return false;
    if (!read_text(file, "scope", volume->scope, sizeof volume->scope))
        volume->scope[0] = 0; /* version 1.0.0 has none */
    unsigned long long nested_inode, nested_id;
    if (fscanf(file, "nested %llu %llu\n", &nested_inode, &nested_id) == 2) /* the same */
        volume->nested = (struct mount_namespace){.inode = nested_inode, .id = nested_id};
    int hands_over, ending;
    volume->hands_over = fscanf(file, "hands %d\n", &hands_over) == 1 && hands_over; /* the same */
    volume->was_ending = fscanf(file, "ending %d\n", &ending) == 1 && ending; /* the same */
    volume->raw = raw;
    volume->allow_other = allow_other;
    volume->ring = ring;
    volume->keeps_connection = keeps_connection;
    volume->silo = silo;
    volume->since = since;
    volume->mount_id = mount;
    volume->letters_mount_id = letters;
    volume->server_start = server_start;
    volume->made.by_service = made[0] == '1';
    if (strlen(made) > 2)
        snprintf(volume->made.name, sizeof volume->made.name, "%s", made + 2);
    volume->made.uid = volume->peer.uid;
    volume->made.gid = volume->peer.gid;
    return true;
}

bool journal_parse_folder(FILE *file, struct folder_record *ret_record) {
    unsigned long long silo;
    if (fscanf(file, "silo %llu\n", &silo) != 1 || !read_text(file, "path", ret_record->path, sizeof ret_record->path))
        return false;
    ret_record->silo = silo;
    return true;
}

bool journal_parse_name(FILE *file, struct name_record *ret_record) {
    unsigned long long folder, volume, child, since, opener;
    if (fscanf(file, "folder %llu volume %llu child %llu since %llu uid %u\n", &folder, &volume, &child, &since,
               &ret_record->uid) != 5 ||
        !read_text(file, "name", ret_record->text, sizeof ret_record->text))
        return false;
    ret_record->folder = folder;
    ret_record->volume = volume;
    ret_record->child = child;
    ret_record->since = since;
    ret_record->opener = fscanf(file, "opener %llu\n", &opener) == 1 ? opener : 0; /* version 1.0.0 has none */
    return true;
}

bool journal_parse_numbers(FILE *file, uint64_t *ret_volume, uint64_t *ret_folder) {
    unsigned long long volume, folder;
    if (fscanf(file, "volume %llu folder %llu\n", &volume, &folder) != 2)
        return false;
    *ret_volume = volume;
    *ret_folder = folder;
    return true;
}

bool journal_is_short(int error) {
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static int replay_entry(struct service *service, int folder, const char *name, uint64_t key,
                        int (*replay)(struct service *, uint64_t, FILE *)) {
    _cleanup_fclose_ FILE *file = open_file_at(folder, name);
    if (!file)
        return errno == ENOENT ? 0 : -errno;
    return replay(service, key, file);
}

static int read_once(struct service *service, const char *kind, int (*replay)(struct service *, uint64_t, FILE *)) {
    _cleanup_closedir_ DIR *directory = opendir(JOURNAL_DIR);
    if (!directory)
        return errno == ENOENT ? 0 : -errno;
    struct dirent *entry;
    int r = 0;
    while (!journal_is_short(r) && (errno = 0, entry = readdir(directory))) {
        unsigned long long key;
        char word[16];
        int end = 0;
        if (sscanf(entry->d_name, "%15[a-z]-%llu%n", word, &key, &end) == 2 && strcmp(word, kind) == 0 &&
            !entry->d_name[end])
            r = replay_entry(service, dirfd(directory), entry->d_name, key, replay);
    }
    return journal_is_short(r) ? r : -errno;
}

int journal_read(struct service *service, const char *kind, int (*replay)(struct service *, uint64_t, FILE *)) {
    int r = 0;
    for (int turn = 0; turn < SHORT_TURNS; turn++) {
        r = read_once(service, kind, replay);
        if (!journal_is_short(r))
            return r;
        (void)poll(NULL, 0, SHORT_PAUSE_MS);
    }
    return r;
}

/* What a service that was killed was just writing. */
static void drop_unfinished(void) {
    _cleanup_closedir_ DIR *directory = opendir(JOURNAL_DIR);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        const char *suffix = strrchr(entry->d_name, '.');
        if (suffix && strcmp(suffix, ".new") == 0)
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
}

int journal_open(void) {
    int r = ensure_folder(JOURNAL_DIR, 0700);
    if (r < 0)
        return r;
    drop_unfinished();
    return 0;
}
