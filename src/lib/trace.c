/* SPDX-License-Identifier: MIT */
/* The -d of file systems: a line for each request and one for its answer, tied by the request's number. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/session.h"
#include "util/cleanup.h"
#include "util/plural.h"

/* Where in what follows the arguments the name stands, if there is one. */
static bool has_name(uint32_t opcode) {
    switch (opcode) {
    case FUSE_LOOKUP:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_CREATE:
    case FUSE_SETXATTR:
    case FUSE_GETXATTR:
    case FUSE_REMOVEXATTR:
        return true;
    default:
        return false;
    }
}

/* A name in quotes; what is not printable ASCII or UTF-8 comes as \xNN, so that a line stays a line. */
static size_t quote(char *text, size_t size, const char *name, size_t length) {
    size_t used = 0;
    text[used++] = '"';
    for (size_t i = 0; i < length && used + 6 < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
            used += (size_t)snprintf(text + used, size - used, "\\x%02x", c);
        else
            text[used++] = name[i];
    }
    text[used++] = '"';
    text[used] = 0;
    return used;
}

static void read_range(const struct linfsp_request *request, const void *head, char *text, size_t size) {
    if (request->opcode == FUSE_READ || request->opcode == FUSE_READDIR || request->opcode == FUSE_READDIRPLUS) {
        const struct fuse_read_in *in = head;
        snprintf(text, size, " size %u offset %" PRIu64, in->size, in->offset);
    } else if (request->opcode == FUSE_WRITE) {
        const struct fuse_write_in *in = head;
        snprintf(text, size, " size %u offset %" PRIu64, in->size, in->offset);
    }
}

static void emit(struct fsp_session *session, const char *line) {
    if (session->trace)
        session->trace(session->context, line);
    if (session->meters)
        fsp_meters_trace(session, line);
}

void fsp_trace_request(const struct linfsp_request *request, const void *head, const char *rest, size_t rest_size) {
    char name[FSP_NAME_MAX * 4 + 8] = "", new_name[FSP_NAME_MAX * 4 + 8] = "", range[64] = "";
    if (has_name(request->opcode)) {
        size_t length = strnlen(rest, rest_size);
        name[0] = ' ';
        quote(name + 1, sizeof name - 1, rest, length);
        bool two = request->opcode == FUSE_RENAME || request->opcode == FUSE_RENAME2 || request->opcode == FUSE_SYMLINK;
        if (two && length < rest_size) {
            new_name[0] = ' ';
            quote(new_name + 1, sizeof new_name - 1, rest + length + 1,
                  strnlen(rest + length + 1, rest_size - length - 1));
        }
    }
    read_range(request, head, range, sizeof range);
    char line[2560];
    snprintf(line, sizeof line, "%" PRIu64 " %s inode %" PRIu64 "%s%s%s uid %u pid %d", request->unique,
             fsp_opcode_name(request->opcode), request->inode, name, new_name, range, (unsigned)request->uid,
             (int)request->pid);
    emit(request->session, line);
}

void fsp_trace_answer(const struct linfsp_request *request, int error, size_t size) {
    char line[160];
    int used = snprintf(line, sizeof line, "%" PRIu64 " %s -> ", request->unique, fsp_opcode_name(request->opcode));
    if (error < 0)
        snprintf(line + used, sizeof line - (size_t)used, "%s", strerror(-error));
    else
        snprintf(line + used, sizeof line - (size_t)used, "ok, %zu %s", size, plural(size, "byte", "bytes"));
    emit(request->session, line);
}

#define MISUSES_SAID 20

void fsp_misuse(const struct linfsp_request *request, const char *what) {
    static _Atomic unsigned said;
    char line[200];
    snprintf(line, sizeof line, "%" PRIu64 " %s: MISTAKE of the file system: %s", request->unique,
             fsp_opcode_name(request->opcode), what);
    emit(request->session, line);
    if (atomic_fetch_add_explicit(&said, 1, memory_order_relaxed) < MISUSES_SAID)
        fprintf(stderr, "liblinfsp: request %s\n", line);
}
