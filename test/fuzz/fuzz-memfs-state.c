/* SPDX-License-Identifier: MIT */
/*
 * The state of a memfs, as another one reads it: it is refused, or it is a volume that can be served: what is written
 * of it is what was read. The first byte of the input says how many memory files come along.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../fs/memfs/data-file.h"
#include "../../fs/memfs/pass.h"
#include "../../fs/memfs/state.h"
#include "fuzz.h"

static struct volume volume;
static struct pass pass;

static struct {
    const uint8_t *data;
    size_t size, at;
    unsigned fds;
} input;

static struct {
    uint8_t *data;
    size_t size;
} output;

static int read_input(void *context, void *ret_data, size_t size) {
    if (size > input.size - input.at)
        return -ECONNRESET;
    memcpy(ret_data, input.data + input.at, size);
    input.at += size;
    return 0;
}

static int read_fd(void *context, int *ret_fd) {
    if (input.fds == 0)
        return -EPROTO;
    input.fds--;
    *ret_fd = data_file_new();
    return *ret_fd < 0 ? -ENOMEM : 0;
}

static int write_output(void *context, const void *data, size_t size) {
    uint8_t *larger = realloc(output.data, output.size + size);
    PROPERTY(larger);
    output.data = larger;
    memcpy(output.data + output.size, data, size);
    output.size += size;
    return 0;
}

static int write_fd(void *context, int fd) {
    return 0;
}

/* Each name leads to a node, and all can be read. */
static void use(void) {
    for (struct node *node = node_next(&volume, 0); node; node = node_next(&volume, (uint64_t)node->index + 1)) {
        struct iovec pieces[DATA_PIECES(4096)];
        struct stat status;
        node_stat(&volume, node, &status);
        if (S_ISREG(node->type) && !node->data.filed)
            (void)data_read(&node->data, node->data.size / 2, 4096, pieces);
        if (!S_ISDIR(node->type))
            continue;
        const struct entry *entry = directory_next(node->directory, 0);
        for (; entry; entry = directory_next(node->directory, entry->cookie))
            PROPERTY(node_at(&volume, entry->node->index) == entry->node);
    }
    struct node *made;
    PROPERTY(node_new(&volume, S_IFREG | 0600, 0, 0, &made) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct state_pipe pipe = {.write = write_output, .write_fd = write_fd, .read = read_input, .read_fd = read_fd};
    if (size < 1 || volume_init(&volume, false, 1, 1) < 0)
        return 0;
    memset(&pass, 0, sizeof pass);
    volume.pass = &pass;
    input.data = data + 1;
    input.size = size - 1;
    input.at = 0;
    input.fds = data[0] % 4;
    if (state_read(&volume, &pipe, UINT64_C(64) << 20) == 0) {
        if (data[0] % 4 == input.fds) { /* of a memory file it says what that has now */
            PROPERTY(state_write(&volume, &pipe) == 0);
            PROPERTY(output.size > 0);
        }
        use();
    }
    volume_free(&volume);
    pass_free(&pass);
    free(output.data);
    output.data = NULL;
    output.size = 0;
    return 0;
}
