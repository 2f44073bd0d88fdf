/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define MAGIC UINT64_C(0x3173746174735450)

_Static_assert(offsetof(struct state, handles) == 4096, "the head is a page");

/* What was stored before holds before what is stored after, for who finds it once we were killed. */
static void in_order(void) {
    atomic_thread_fence(memory_order_release);
}

int state_open(struct state *state, size_t size, uint64_t device, uint64_t inode) {
    uint64_t random;
    if (size < sizeof *state)
        return -EPROTO;
    if (state->magic == MAGIC && state->device == device && state->inode == inode)
        return memchr(state->attic, 0, sizeof state->attic) && state->nodes_end >= STATE_NUMBER_MIN &&
                       state->nodes_end <= STATE_NUMBER_MIN + STATE_NODES_MAX && state->handles_end <= STATE_HANDLES_MAX
                   ? 1
                   : -EPROTO;
    if (state->magic == MAGIC)
        return -ESTALE;
    if (state->magic != 0)
        return -EPROTO;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -EIO;
    state->device = device;
    state->inode = inode;
    snprintf(state->attic, sizeof state->attic, ".ptfs-%016llx", (unsigned long long)random);
    state->nodes_end = STATE_NUMBER_MIN;
    state->handles_end = 0;
    in_order();
    state->magic = MAGIC;
    return 0;
}

struct state_node *state_node(struct state *state, uint64_t number) {
    return number >= STATE_NUMBER_MIN && number - STATE_NUMBER_MIN < STATE_NODES_MAX
               ? &state->nodes[number - STATE_NUMBER_MIN]
               : NULL;
}

void state_put_node(struct state_node *node, uint64_t device, uint64_t inode, uint64_t born, uint32_t type) {
    node->device = device;
    node->inode = inode;
    node->born = born;
    node->type = type;
    node->lookups = 0;
    node->current = node->intended = node->in_attic = 0;
    node->places[0].parent = node->places[1].parent = 0;
    in_order();
    node->used = 1;
}

void state_drop_node(struct state_node *node) {
    node->used = 0;
}

static void write_other(struct state_node *node, uint64_t parent, const char *name) {
    struct state_place *other = &node->places[!node->current];
    node->intended = 0;
    in_order();
    other->parent = parent;
    snprintf(other->name, sizeof other->name, "%s", name);
    in_order();
}

void state_set_place(struct state_node *node, uint64_t parent, const char *name) {
    write_other(node, parent, name);
    node->current = !node->current;
}

void state_intend(struct state_node *node, uint64_t parent, const char *name) {
    write_other(node, parent, name);
    node->intended = 1;
}

const struct state_place *state_place(const struct state_node *node, bool other) {
    return &node->places[(node->current & 1) ^ other];
}
