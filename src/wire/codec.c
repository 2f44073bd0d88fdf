/* SPDX-License-Identifier: MIT */
/*
 * Each type of message has a row in a table: its size, how many descriptors it may bring, and what its members must be
 * like. wire_check walks that row and believes nothing else, so that whoever receives a message may use its members
 * without looking again. Receiving ends in one of two ways: a checked message with its descriptors, or an error with
 * none.
 */
/* The checks reach every byte because no message has padding: this makes sure of it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include "wire/protocol.h"
#pragma GCC diagnostic pop

#include "wire/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "util/cleanup.h"
#include "util/utf8.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

enum kind {
    KIND_STRING = 1, /* one line */
    KIND_TEXT, /* newlines and tabs allowed */
    KIND_LETTER, /* "", "*", "a" to "z" */
    KIND_COMPONENT, /* "" or a file's name */
    KIND_FLAGS, /* u32, bits of limit only */
    KIND_AT_MOST, /* u32, 0 to limit */
    KIND_ERRNO, /* i32, 1 to limit */
};

struct member {
    enum kind kind;
    uint16_t offset;
    uint16_t size;
    uint32_t limit;
    const char *name;
};

struct layout {
    const char *name;
    size_t size;
    unsigned fds_min, fds_max;
    const struct member *members;
};

#define MEMBER(type, member, kind, limit)                                                                              \
    { kind, offsetof(struct type, member), sizeof(((struct type *)0)->member), limit, #member }
#define STRING(type, member) MEMBER(type, member, KIND_STRING, 0)
#define ZERO(type, member) MEMBER(type, member, KIND_AT_MOST, 0)
#define END                                                                                                            \
    { 0 }

static const struct member plain[] = {END};
static const struct member create_volume[] = {
    MEMBER(wire_create_volume, flags, KIND_FLAGS, WIRE_CREATE_FLAGS),
    MEMBER(wire_create_volume, clones, KIND_AT_MOST, WIRE_CLONES_MAX),
    ZERO(wire_create_volume, init.reserved),
    MEMBER(wire_create_volume, letter, KIND_LETTER, 0),
    MEMBER(wire_create_volume, root_mode, KIND_FLAGS, 07777),
    STRING(wire_create_volume, file_system_name),
    STRING(wire_create_volume, source),
    STRING(wire_create_volume, prefix),
    STRING(wire_create_volume, mount_point),
    MEMBER(wire_create_volume, made_name, KIND_COMPONENT, 0),
    END,
};
static const struct member volume_created[] = {
    ZERO(wire_volume_created, init.reserved),
    STRING(wire_volume_created, mount_point),
    STRING(wire_volume_created, unc_path),
    END,
};
static const struct member unmount[] = {
    STRING(wire_unmount, target),
    MEMBER(wire_unmount, force, KIND_AT_MOST, 1),
    MEMBER(wire_unmount, flags, KIND_FLAGS, WIRE_UNMOUNT_NOT_LAZY | WIRE_UNMOUNT_ENDED),
    END,
};
static const struct member resolve_prefix[] = {STRING(wire_resolve_prefix, prefix), END};
static const struct member close_backing[] = {ZERO(wire_close_backing, reserved), END};
static const struct member fusermount[] = {
    MEMBER(wire_fusermount, flags, KIND_FLAGS, WIRE_FUSERMOUNT_AUTO_UNMOUNT),
    ZERO(wire_fusermount, reserved),
    STRING(wire_fusermount, options),
    STRING(wire_fusermount, mount_point),
    END,
};
static const struct member share[] = {STRING(wire_share, prefix), STRING(wire_share, mount_point), END};
static const struct member offer_classes[] = {MEMBER(wire_offer_classes, classes, KIND_TEXT, 0), END};
static const struct member start[] = {STRING(wire_start, prefix), END};
static const struct member prepare_silo[] = {
    MEMBER(wire_prepare_silo, pid, KIND_AT_MOST, INT_MAX),
    ZERO(wire_prepare_silo, reserved),
    STRING(wire_prepare_silo, rootfs),
    END,
};
static const struct member ask_policy[] = {
    MEMBER(wire_ask_policy, what, KIND_AT_MOST, WIRE_POLICY_OPEN),
    STRING(wire_ask_policy, silo),
    STRING(wire_ask_policy, prefix),
    END,
};
static const struct member verdict[] = {
    MEMBER(wire_verdict, allowed, KIND_AT_MOST, 1),
    MEMBER(wire_verdict, read_only, KIND_AT_MOST, 1),
    STRING(wire_verdict, rule),
    MEMBER(wire_verdict, why, KIND_TEXT, 0),
    END,
};
static const struct member event[] = {
    MEMBER(wire_event, refused, KIND_AT_MOST, 1),
    STRING(wire_event, kind),
    STRING(wire_event, silo),
    STRING(wire_event, engine),
    STRING(wire_event, name),
    STRING(wire_event, prefix),
    STRING(wire_event, mount_point),
    MEMBER(wire_event, text, KIND_TEXT, 0),
    END,
};
static const struct member error[] = {
    MEMBER(wire_error, error, KIND_ERRNO, 4095),
    ZERO(wire_error, reserved),
    MEMBER(wire_error, message, KIND_TEXT, 0),
    END,
};
static const struct member volume[] = {
    MEMBER(wire_volume, server_pid, KIND_AT_MOST, INT_MAX),
    MEMBER(wire_volume, attached, KIND_AT_MOST, 1),
    STRING(wire_volume, silo),
    STRING(wire_volume, file_system_name),
    STRING(wire_volume, transport),
    STRING(wire_volume, mount_point),
    STRING(wire_volume, prefix),
    STRING(wire_volume, unc_path),
    END,
};
static const struct member opened[] = {
    MEMBER(wire_opened, mounted, KIND_AT_MOST, 1),
    STRING(wire_opened, silo),
    STRING(wire_opened, prefix),
    END,
};
static const struct member silo[] = {
    MEMBER(wire_silo, init_pid, KIND_AT_MOST, INT_MAX),
    MEMBER(wire_silo, user_namespace, KIND_AT_MOST, 1),
    ZERO(wire_silo, reserved),
    STRING(wire_silo, id),
    STRING(wire_silo, engine),
    STRING(wire_silo, name),
    STRING(wire_silo, state),
    END,
};
static const struct member status[] = {
    MEMBER(wire_status, pid, KIND_AT_MOST, INT_MAX),
    STRING(wire_status, version),
    STRING(wire_status, unc_root),
    STRING(wire_status, monitor),
    END,
};
static const struct member backing_opened[] = {ZERO(wire_backing_opened, reserved), END};
static const struct member volume_ended[] = {MEMBER(wire_volume_ended, reason, KIND_TEXT, 0), END};

static const struct member hold_volume[] = {
    ZERO(wire_hold_volume, init.reserved),
    MEMBER(wire_hold_volume, fds, KIND_AT_MOST, WIRE_HELD_FDS_MAX),
    MEMBER(wire_hold_volume, has_state, KIND_AT_MOST, 1),
    ZERO(wire_hold_volume, reserved),
    END,
};
static const struct member volume_held[] = {ZERO(wire_volume_held, reserved), END};
static const struct member take_over[] = {
    STRING(wire_take_over, file_system_name),
    STRING(wire_take_over, target),
    END,
};

static const struct layout layouts[] = {
    [WIRE_CREATE_VOLUME] = {"create_volume", sizeof(struct wire_create_volume), 0, 2, create_volume},
    [WIRE_ATTACH_VOLUME] = {"attach_volume", sizeof(struct wire_attach_volume), 0, 0, plain},
    [WIRE_UNMOUNT] = {"unmount", sizeof(struct wire_unmount), 0, 0, unmount},
    [WIRE_LIST_VOLUMES] = {"list_volumes", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_LIST_SILOS] = {"list_silos", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_GET_STATUS] = {"get_status", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_STOP] = {"stop", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_RESOLVE_PREFIX] = {"resolve_prefix", sizeof(struct wire_resolve_prefix), 0, 0, resolve_prefix},
    [WIRE_OPEN_BACKING] = {"open_backing", sizeof(struct wire_open_backing), 2, 2, plain},
    [WIRE_CLOSE_BACKING] = {"close_backing", sizeof(struct wire_close_backing), 1, 1, close_backing},
    [WIRE_FUSERMOUNT] = {"fusermount", sizeof(struct wire_fusermount), 1, 1, fusermount},
    [WIRE_SHARE] = {"share", sizeof(struct wire_share), 0, 0, share},
    [WIRE_UNSHARE] = {"unshare", sizeof(struct wire_share), 0, 0, share},
    [WIRE_PREPARE_SILO] = {"prepare_silo", sizeof(struct wire_prepare_silo), 0, 0, prepare_silo},
    [WIRE_RELOAD] = {"reload", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_ASK_POLICY] = {"ask_policy", sizeof(struct wire_ask_policy), 0, 0, ask_policy},
    [WIRE_VERDICT] = {"verdict", sizeof(struct wire_verdict), 0, 0, verdict},
    [WIRE_WATCH_EVENTS] = {"watch_events", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_LIST_OPENED] = {"list_opened", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_OPENED] = {"opened", sizeof(struct wire_opened), 0, 0, opened},
    [WIRE_OFFER_CLASSES] = {"offer_classes", sizeof(struct wire_offer_classes), 0, 0, offer_classes},
    [WIRE_START_WANTED] = {"start_wanted", sizeof(struct wire_start), 0, 0, start},
    [WIRE_START_FAILED] = {"start_failed", sizeof(struct wire_start), 0, 0, start},
    [WIRE_EVENT] = {"event", sizeof(struct wire_event), 0, 0, event},
    [WIRE_ERROR] = {"error", sizeof(struct wire_error), 0, 0, error},
    [WIRE_DONE] = {"done", sizeof(struct wire_plain), 0, 0, plain},
    [WIRE_VOLUME_CREATED] = {"volume_created", sizeof(struct wire_volume_created), 1, 1 + WIRE_CLONES_MAX,
                             volume_created},
    [WIRE_VOLUME] = {"volume", sizeof(struct wire_volume), 0, 0, volume},
    [WIRE_SILO] = {"silo", sizeof(struct wire_silo), 0, 0, silo},
    [WIRE_STATUS] = {"status", sizeof(struct wire_status), 0, 0, status},
    [WIRE_BACKING_OPENED] = {"backing_opened", sizeof(struct wire_backing_opened), 0, 0, backing_opened},
    [WIRE_HOLD_VOLUME] = {"hold_volume", sizeof(struct wire_hold_volume), 1, WIRE_HELD_FDS_MAX + 1, hold_volume},
    [WIRE_VOLUME_HELD] = {"volume_held", sizeof(struct wire_volume_held), 0, 1, volume_held},
    [WIRE_TAKE_OVER] = {"take_over", sizeof(struct wire_take_over), 0, 0, take_over},
    [WIRE_HAND_OVER] = {"hand_over", sizeof(struct wire_take_over), 0, 0, take_over},
    [WIRE_HAND_OVER_BEGUN] = {"hand_over_begun", sizeof(struct wire_plain), 1, 1, plain},
    [WIRE_HAND_OVER_WANTED] = {"hand_over_wanted", sizeof(struct wire_plain), 1, 1, plain},
    [WIRE_VOLUME_ENDED] = {"volume_ended", sizeof(struct wire_volume_ended), 0, 0, volume_ended},
};

_Static_assert(sizeof(union wire_message) == WIRE_MESSAGE_MAX, "a message is larger than WIRE_MESSAGE_MAX");
_Static_assert(1 + WIRE_CLONES_MAX <= WIRE_FDS_MAX, "a volume has more descriptors than a message");

static const struct layout *layout_of(uint16_t type) {
    return type < ARRAY_SIZE(layouts) && layouts[type].name ? &layouts[type] : NULL;
}

size_t wire_size_of(uint16_t type) {
    const struct layout *layout = layout_of(type);
    return layout ? layout->size : 0;
}

const char *wire_type_name(uint16_t type) {
    const struct layout *layout = layout_of(type);
    return layout ? layout->name : "unknown";
}

static bool is_zero(const char *bytes, size_t size) {
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static int refuse(int result, const char *why, const char **ret_why) {
    if (ret_why)
        *ret_why = why;
    return result;
}

static int check_string(const char *text, size_t size, bool multi_line, const char **ret_why) {
    size_t length = strnlen(text, size);
    if (length == size)
        return refuse(-EBADMSG, "a string is not terminated", ret_why);
    if (!is_zero(text + length, size - length))
        return refuse(-EBADMSG, "a string is not zero-filled", ret_why);
    for (size_t at = 0; at < length;) {
        uint32_t character;
        size_t step = utf8_decode(text + at, length - at, &character);
        if (step == 0)
            return refuse(-EBADMSG, "a string is not UTF-8", ret_why);
        if (utf8_is_control(character) && !(multi_line && (character == '\n' || character == '\t')))
            return refuse(-EBADMSG, "a string has a control character", ret_why);
        at += step;
    }
    return 0;
}

static bool is_letter_or_none(const char *text) {
    return text[0] == '\0' || ((text[0] == '*' || (text[0] >= 'a' && text[0] <= 'z')) && text[1] == '\0');
}

static bool is_component_or_none(const char *text) {
    return strcmp(text, ".") != 0 && strcmp(text, "..") != 0 && !strchr(text, '/');
}

static int check_number(const struct member *member, uint32_t value, const char **ret_why) {
    if (member->kind == KIND_FLAGS && (value & ~member->limit))
        return refuse(-EBADMSG, "a flag is unknown", ret_why);
    if (member->kind == KIND_AT_MOST && value > member->limit)
        return refuse(-EBADMSG, member->limit ? "a number is too large" : "a reserved member is not zero", ret_why);
    if (member->kind == KIND_ERRNO && (value == 0 || value > member->limit))
        return refuse(-EBADMSG, "an error number is out of range", ret_why);
    return 0;
}

static int check_member(const struct member *member, const union wire_message *message, const char **ret_why) {
    const char *at = (const char *)message->bytes + member->offset;
    if (member->kind >= KIND_FLAGS) {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        return check_number(member, value, ret_why);
    }
    int result = check_string(at, member->size, member->kind == KIND_TEXT, ret_why);
    if (result < 0)
        return result;
    if (member->kind == KIND_LETTER && !is_letter_or_none(at))
        return refuse(-EBADMSG, "a drive letter is not one of a to z or *", ret_why);
    if (member->kind == KIND_COMPONENT && !is_component_or_none(at))
        return refuse(-EBADMSG, "a name is not a single component", ret_why);
    return 0;
}

/* A mount point that was made has a parent and a name; one that was not has neither. */
static int check_create_volume(const struct wire_create_volume *request, const char **ret_why) {
    bool made = request->flags & WIRE_CREATE_MADE_MOUNT_POINT;
    if (made && !(request->flags & WIRE_CREATE_MOUNT_POINT_FD))
        return refuse(-EBADMSG, "a made mount point comes without its descriptor", ret_why);
    if (made != (request->made_name[0] != '\0'))
        return refuse(-EBADMSG, "a made mount point and its name do not go together", ret_why);
    if (request->letter[0] && (request->flags & WIRE_CREATE_MOUNT_POINT_FD))
        return refuse(-EBADMSG, "both a letter and a mount point are given", ret_why);
    return 0;
}

static int check_hold_volume(const struct wire_hold_volume *request, const char **ret_why) {
    if (request->fds == 0)
        return refuse(-EBADMSG, "there is nothing to hold", ret_why);
    if (request->state_size == 0 || request->state_size > WIRE_STATE_MAX)
        return refuse(-EBADMSG, "the state's size is out of range", ret_why);
    return 0;
}

int wire_check(const union wire_message *message, size_t size, const char **ret_why) {
    const struct wire_header *header = &message->header;
    if (size < sizeof *header)
        return refuse(-EBADMSG, "shorter than a header", ret_why);
    if (header->magic != WIRE_MAGIC)
        return refuse(-EPROTO, "not a LinFsp message", ret_why);
    if (header->version != WIRE_VERSION)
        return refuse(-EPROTO, "of another version of the protocol", ret_why);
    const struct layout *layout = layout_of(header->type);
    if (!layout && header->size == size)
        return refuse(-EOPNOTSUPP, "of an unknown type", ret_why);
    if (!layout)
        return refuse(-EBADMSG, "of an unknown type, and of a wrong size", ret_why);
    if (header->size != layout->size || size != layout->size)
        return refuse(-EBADMSG, "of a wrong size", ret_why);
    for (const struct member *member = layout->members; member->kind; member++) {
        int result = check_member(member, message, ret_why);
        if (result < 0)
            return result;
    }
    if (header->type == WIRE_HOLD_VOLUME)
        return check_hold_volume(&message->hold_volume, ret_why);
    return header->type == WIRE_CREATE_VOLUME ? check_create_volume(&message->create_volume, ret_why) : 0;
}

void wire_begin(void *message, uint16_t type, uint32_t serial) {
    size_t size = wire_size_of(type);
    memset(message, 0, size);
    struct wire_header header = {
        .magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = type, .size = (uint32_t)size, .serial = serial};
    memcpy(message, &header, sizeof header);
}

int wire_set_string(char *member, size_t member_size, const char *text) {
    size_t length = strlen(text), kept = length;
    if (length >= member_size)
        kept = utf8_boundary(text, member_size - 1);
    memcpy(member, text, kept);
    memset(member + kept, 0, member_size - kept);
    return kept == length ? 0 : -ENAMETOOLONG;
}

int wire_send(int socket, const void *message, const int *fds, size_t n_fds) {
    if (n_fds > WIRE_FDS_MAX)
        return -E2BIG;
    struct wire_header header;
    memcpy(&header, message, sizeof header);
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = header.size};
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
        struct cmsghdr alignment;
    } control = {0};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * n_fds);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return (size_t)sent == header.size ? 0 : -EMSGSIZE;
}

/* Takes the descriptors out of a received packet: up to WIRE_FDS_MAX into fds, any other closed. Returns how many there
 * were in all. */
static size_t take_fds(struct msghdr *packet, int *fds) {
    size_t total = 0;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(packet); item; item = CMSG_NXTHDR(packet, item)) {
        if (item->cmsg_level != SOL_SOCKET || (item->cmsg_type != SCM_RIGHTS && item->cmsg_type != SCM_PIDFD))
            continue;
        size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
            if (fd < 0)
                continue;
            if (item->cmsg_type == SCM_RIGHTS && total < WIRE_FDS_MAX)
                fds[total] = fd;
            else
                close_fd(&fd);
            total++;
        }
    }
    return total;
}

static int check_fds(const union wire_message *message, size_t n_fds, const char **ret_why) {
    const struct layout *layout = layout_of(message->header.type);
    size_t fewest = layout->fds_min, most = layout->fds_max;
    if (message->header.type == WIRE_CREATE_VOLUME) {
        uint32_t flags = message->create_volume.flags;
        fewest = most = !!(flags & WIRE_CREATE_MOUNT_POINT_FD) + !!(flags & WIRE_CREATE_MADE_MOUNT_POINT);
    }
    if (message->header.type == WIRE_HOLD_VOLUME)
        fewest = most = message->hold_volume.fds + message->hold_volume.has_state;
    if (n_fds < fewest)
        return refuse(-EBADMSG, "a descriptor is missing", ret_why);
    if (n_fds > most)
        return refuse(-EBADMSG, "there are more descriptors than belong to it", ret_why);
    return 0;
}

static int check_packet(const struct msghdr *packet, size_t size, size_t n_fds, const union wire_message *message,
                        const char **ret_why) {
    if (packet->msg_flags & MSG_CTRUNC)
        return refuse(-EBADMSG, "its descriptors could not all be received", ret_why);
    if (n_fds > WIRE_FDS_MAX)
        return refuse(-EBADMSG, "there are too many descriptors", ret_why);
    if (packet->msg_flags & MSG_TRUNC)
        return refuse(-EBADMSG, "longer than any message", ret_why);
    int result = wire_check(message, size, ret_why);
    return result < 0 ? result : check_fds(message, n_fds, ret_why);
}

int wire_receive(int socket, union wire_message *ret_message, int *ret_fds, size_t *ret_n_fds, const char **ret_why) {
    struct iovec part = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
    union {
        /* with room for the credentials that a receiver may have switched on */
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr alignment;
    } control;
    struct msghdr packet = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t size;
    do
        size = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    int fds[WIRE_FDS_MAX] = {0};
    size_t n_fds = take_fds(&packet, fds);
    /* an empty packet cannot be told from the end, unless it brings descriptors, and is treated as it */
    if (size == 0 && n_fds == 0 && !(packet.msg_flags & MSG_CTRUNC))
        return 0;
    int result = check_packet(&packet, (size_t)size, n_fds, ret_message, ret_why);
    if (result < 0) {
        for (size_t i = 0; i < n_fds && i < WIRE_FDS_MAX; i++)
            close_fd(&fds[i]);
        return result;
    }
    if (n_fds > 0) /* the caller may want none */
        memcpy(ret_fds, fds, n_fds * sizeof *fds);
    *ret_n_fds = n_fds;
    return 1;
}
