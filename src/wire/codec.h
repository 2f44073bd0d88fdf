/* SPDX-License-Identifier: MIT */
/* Checks, sends and receives messages of protocol.h. Used by both ends; depends on libc and src/util only. */
#ifndef LINFSP_WIRE_CODEC_H
#define LINFSP_WIRE_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/protocol.h"

/* Any message, received. */
union wire_message {
    struct wire_header header;
    struct wire_plain plain;
    struct wire_create_volume create_volume;
    struct wire_volume_created volume_created;
    struct wire_attach_volume attach_volume;
    struct wire_unmount unmount;
    struct wire_resolve_prefix resolve_prefix;
    struct wire_open_backing open_backing;
    struct wire_close_backing close_backing;
    struct wire_fusermount fusermount;
    struct wire_share share;
    struct wire_offer_classes offer_classes;
    struct wire_start start;
    struct wire_prepare_silo prepare_silo;
    struct wire_ask_policy ask_policy;
    struct wire_verdict verdict;
    struct wire_event event;
    struct wire_error error;
    struct wire_volume volume;
    struct wire_silo silo;
    struct wire_opened opened;
    struct wire_status status;
    struct wire_backing_opened backing_opened;
    struct wire_volume_ended volume_ended;
    struct wire_hold_volume hold_volume;
    struct wire_volume_held volume_held;
    struct wire_take_over take_over;
    unsigned char bytes[WIRE_MESSAGE_MAX];
};

/* The size that a message of this type has, 0 for a type that does not exist. */
size_t wire_size_of(uint16_t type);

/* The type's name as in protocol.h, without WIRE_, in lower case: for logs. Never NULL. */
const char *wire_type_name(uint16_t type);

/* Whether size bytes at message are a well-formed message: magic, version, known type, exact size, strings terminated
 * and zero-filled and valid UTF-8 without control characters (text and message members may hold newlines), enumerations
 * and flags known, reserved members zero. Returns 0, or -EPROTO for another magic or version, -EOPNOTSUPP for a type
 * that a later LinFsp may have (its header is right), -EBADMSG otherwise; ret_why (may be NULL) then says in a few
 * words what was wrong, static storage. */
int wire_check(const union wire_message *message, size_t size, const char **ret_why);

/* Zeroes a message of this type and fills its header in. message must hold wire_size_of(type) bytes. */
void wire_begin(void *message, uint16_t type, uint32_t serial);

/* Copies text into a string member, truncating on a UTF-8 boundary. Returns 0, or -ENAMETOOLONG where it was cut. */
int wire_set_string(char *member, size_t member_size, const char *text);
#define WIRE_SET(member, text) wire_set_string((member), sizeof(member), (text))

/* Sends a message begun by wire_begin with fds (not closed). Never raises SIGPIPE. Returns 0 or a negative errno;
 * -EAGAIN on a non-blocking socket that is full. */
int wire_send(int socket, const void *message, const int *fds, size_t n_fds);

/* Receives one message and its fds (O_CLOEXEC). fds must hold WIRE_FDS_MAX; *ret_n_fds of them are the caller's to
 * close. Returns 1 for a message that passed wire_check, 0 for the end of the connection, -EAGAIN where there is none
 * yet, -EBADMSG, -EPROTO or -EOPNOTSUPP (wire_check) for one that is not understood (its fds are closed already), or
 * another negative errno. */
int wire_receive(int socket, union wire_message *ret_message, int *ret_fds, size_t *ret_n_fds, const char **ret_why);

#endif
