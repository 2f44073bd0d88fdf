/* SPDX-License-Identifier: MIT */
/*
 * `linfsp fsptool`: WinFsp's fsptool, with its verbs and its way to show things.
 *
 * Ids and permissions are converted by libwinfsp: what is shown is what file systems of WinFsp's API are told.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "winfsp/winfsp.h"

/* ---- lsvol, lsdrv, ver ----------------------------------------------------------------------------------------- */

/* "Z:  \Device\Volume{...}\server\share"; "-" for a volume without a letter. */
static void show_volume(const union wire_message *reply, void *userdata _unused_) {
    const struct wire_volume *volume = &reply->volume;
    const char *point = volume->mount_point;
    char drive[4] = "-";
    if (reply->header.type != WIRE_VOLUME)
        return;
    if (strncmp(point, "/mnt/", 5) == 0 && point[5] >= 'a' && point[5] <= 'z' && !point[6])
        snprintf(drive, sizeof drive, "%c:", point[5] - 'a' + 'A');
    printf("%-4s\\Device\\Volume{00000000-0000-0000-0000-%012" PRIx64 "}%s\n", drive, volume->id, volume->prefix);
}

static int open_service(const struct verb *verb, int *ret_socket) {
    int r = client_open(verb, ret_socket);
    return r == -ENODEV ? EXIT_NOT_RUNNING : r < 0 ? EXIT_FAILURE : 0;
}

static int list_volumes(const struct verb *verb, int argc _unused_, char **argv _unused_) {
    static union wire_message last;
    struct wire_plain request;
    _cleanup_close_ int socket = -1;
    int status = open_service(verb, &socket);
    if (status != 0)
        return status;
    wire_begin(&request, WIRE_LIST_VOLUMES, 1);
    int r = client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, show_volume, NULL, &last);
    return r < 0 ? verb_fail(verb, "%s", last.error.message) : 0;
}

static int show_service(const struct verb *verb, bool version) {
    static union wire_message answer;
    _cleanup_close_ int socket = -1;
    int status = open_service(verb, &socket);
    if (status != 0)
        return status;
    if (client_status(socket, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    if (version)
        printf("%s\n", answer.status.version);
    else
        printf("WinFsp.Disk\nWinFsp.Net\n");
    return 0;
}

static int list_drivers(const struct verb *verb, int argc _unused_, char **argv _unused_) {
    return show_service(verb, false);
}

static int show_version(const struct verb *verb, int argc _unused_, char **argv _unused_) {
    return show_service(verb, true);
}

/* ---- security in text ------------------------------------------------------------------------------------------ */

/* "S-1-5-..."; a SID is always below 184 characters. */
static void sid_text(const SID *sid, char *ret_text, size_t size) {
    uint64_t authority = 0;
    for (int i = 0; i < 6; i++)
        authority = authority << 8 | sid->IdentifierAuthority.Value[i];
    int used = snprintf(ret_text, size, "S-%d-%" PRIu64, sid->Revision, authority);
    for (int i = 0; i < sid->SubAuthorityCount; i++)
        used += snprintf(ret_text + used, size - (size_t)used, "-%" PRIu32, sid->SubAuthority[i]);
}

/* Takes "S-1-5-32-544". False: it is none. */
static bool sid_parse(const char *text, SID *ret_sid) {
    char *end;
    if (strncmp(text, "S-1-", 4) != 0)
        return false;
    uint64_t authority = strtoull(text + 4, &end, 10);
    *ret_sid = (SID){.Revision = 1};
    for (int i = 0; i < 6; i++)
        ret_sid->IdentifierAuthority.Value[i] = (BYTE)(authority >> (40 - 8 * i));
    for (; *end == '-' && ret_sid->SubAuthorityCount < SID_MAX_SUB_AUTHORITIES; ret_sid->SubAuthorityCount++)
        ret_sid->SubAuthority[ret_sid->SubAuthorityCount] = (DWORD)strtoul(end + 1, &end, 10);
    return end != text + 4 && !*end && ret_sid->SubAuthorityCount > 0;
}

static void show_ace(const ACCESS_ALLOWED_ACE *ace) {
    char text[192];
    sid_text((const SID *)(const void *)&ace->SidStart, text, sizeof text);
    printf("(%c;;0x%" PRIx32 ";;;%s)", ace->Header.AceType == ACCESS_DENIED_ACE_TYPE ? 'D' : 'A', ace->Mask, text);
}

/* A self-relative descriptor that libwinfsp has made, as SDDL. */
static void show_descriptor(const void *descriptor) {
    const SECURITY_DESCRIPTOR_RELATIVE *head = descriptor;
    const char *base = descriptor;
    char text[192];
    if (head->Owner) {
        sid_text((const SID *)(const void *)(base + head->Owner), text, sizeof text);
        printf("O:%s", text);
    }
    if (head->Group) {
        sid_text((const SID *)(const void *)(base + head->Group), text, sizeof text);
        printf("G:%s", text);
    }
    if (!head->Dacl)
        return;
    const ACL *acl = (const ACL *)(const void *)(base + head->Dacl);
    const char *at = (const char *)(acl + 1);
    printf("D:%s", head->Control & SE_DACL_PROTECTED ? "P" : "");
    for (int i = 0; i < acl->AceCount; i++) {
        const ACCESS_ALLOWED_ACE *ace = (const void *)at;
        show_ace(ace);
        at += ace->Header.AceSize;
    }
}

/* ---- id -------------------------------------------------------------------------------------------------------- */

static int show_id(const struct verb *verb, const char *label, uint32_t uid, const char *name) {
    PSID sid;
    char text[192];
    if (!NT_SUCCESS(FspPosixMapUidToSid(uid, &sid)))
        return verb_fail(verb, "%u: there is no SID for it", uid);
    sid_text(sid, text, sizeof text);
    printf("%s%s(%s) (uid=%u)\n", label, text, name ? name : "", uid);
    FspDeleteSid(sid, (FSP_CREATOR *)FspPosixMapUidToSid);
    return 0;
}

/* Of /etc/passwd alone: a static program cannot ask other sources. The entry is valid until the next call. */
static const struct passwd *find_user(const char *name, uid_t uid) {
    static struct passwd found;
    static char buffer[1024];
    struct passwd *entry = NULL;
    _cleanup_fclose_ FILE *file = fopen("/etc/passwd", "re");
    while (file && fgetpwent_r(file, &found, buffer, sizeof buffer, &entry) == 0)
        if (name ? strcmp(entry->pw_name, name) == 0 : entry->pw_uid == uid)
            return entry;
    return NULL;
}

static const char *user_name(uid_t uid) {
    const struct passwd *entry = find_user(NULL, uid);
    return entry ? entry->pw_name : NULL;
}

static int id(const struct verb *verb, int argc, char **argv) {
    _Alignas(8) unsigned char room[sizeof(SID) + SID_MAX_SUB_AUTHORITIES * sizeof(DWORD)];
    UINT32 uid;
    char *end;
    if (argc == 0) {
        int status = show_id(verb, "User=", getuid(), user_name(getuid()));
        return status ? status : show_id(verb, "Group=", getgid(), NULL);
    }
    if (sid_parse(argv[0], (SID *)(void *)room)) {
        if (!NT_SUCCESS(FspPosixMapSidToUid((PSID)room, &uid)))
            return verb_fail(verb, "%s: there is no uid for it", argv[0]);
        return show_id(verb, "", uid, user_name(uid));
    }
    errno = 0;
    unsigned long number = strtoul(argv[0], &end, 10);
    if (end != argv[0] && !*end && !errno && number <= UINT32_MAX)
        return show_id(verb, "", (uint32_t)number, user_name((uid_t)number));
    const struct passwd *entry = find_user(argv[0], 0);
    if (!entry)
        return verb_fail(verb, "%s: it is neither a SID nor a number nor a user", argv[0]);
    return show_id(verb, "", entry->pw_uid, entry->pw_name);
}

/* ---- perm ------------------------------------------------------------------------------------------------------ */

static int show_permissions(const struct verb *verb, uint32_t uid, uint32_t gid, uint32_t mode) {
    PSECURITY_DESCRIPTOR descriptor;
    if (!NT_SUCCESS(FspPosixMapPermissionsToSecurityDescriptor(uid, gid, mode, &descriptor)))
        return verb_fail(verb, "%u:%u:%04o: there is no descriptor for it", uid, gid, mode);
    show_descriptor(descriptor);
    printf(" (perm=%u:%u:%04o)\n", uid, gid, mode & 07777);
    FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    return 0;
}

/* Three numbers with colons between, the mode in octal. */
static bool parse_permissions(const char *text, uint32_t ret_numbers[3]) {
    for (int i = 0; i < 3; i++) {
        char *end;
        errno = 0;
        unsigned long value = strtoul(text, &end, i == 2 ? 8 : 10);
        if (end == text || errno || value > UINT32_MAX || *end != (i == 2 ? '\0' : ':'))
            return false;
        ret_numbers[i] = (uint32_t)value;
        text = end + 1;
    }
    return true;
}

static int perm(const struct verb *verb, int argc, char **argv) {
    uint32_t numbers[3];
    struct stat status;
    if (argc != 1) {
        verb_fail(verb, "perm takes a path or UID:GID:MODE");
        return verb_usage(verb);
    }
    if (parse_permissions(argv[0], numbers))
        return show_permissions(verb, numbers[0], numbers[1], numbers[2]);
    if (lstat(argv[0], &status) < 0)
        return verb_fail(verb, "%s: %s", argv[0], strerror(errno));
    return show_permissions(verb, status.st_uid, status.st_gid, status.st_mode);
}

/* ---- the verb -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(const struct verb *verb, int argc, char **argv);
    int arguments; /* at most */
} tools[] = {
    {"lsvol", list_volumes, 0}, {"lsdrv", list_drivers, 0}, {"id", id, 1}, {"perm", perm, 1}, {"ver", show_version, 0},
};

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;)
        return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
    int left = argc - optind - 1;
    for (size_t i = 0; left >= 0 && i < ARRAY_SIZE(tools); i++)
        if (strcmp(argv[optind], tools[i].name) == 0 && left <= tools[i].arguments)
            return tools[i].run(verb, left, argv + optind + 1);
    verb_fail(verb, "it takes lsvol, lsdrv, id, perm or ver, and what these take");
    return verb_usage(verb);
}

const struct verb verb_fsptool = {
    .name = "fsptool",
    .summary = "lsvol, lsdrv, id, perm and ver, as WinFsp's fsptool has them",
    .help = "usage: linfsp fsptool lsvol|lsdrv|ver\n"
            "       linfsp fsptool id [UID|SID|USER]\n"
            "       linfsp fsptool perm PATH|UID:GID:MODE\n\n"
            "WinFsp's fsptool, for scripts and habits: lsvol lists volumes by drive, device and\n"
            "prefix, lsdrv the devices, ver the service's version. id shows the SID of a uid and\n"
            "the other way round, perm the security descriptor that owner, group and mode are.\n\n"
            "examples:\n"
            "  linfsp fsptool lsvol\n"
            "  linfsp fsptool id 1000\n"
            "  linfsp fsptool perm 1000:1000:0755\n",
    .run = run,
};
