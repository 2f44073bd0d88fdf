/* SPDX-License-Identifier: MIT */
/* What the files of node.h share with each other. All under the table's lock, unless it says otherwise. */
#ifndef PTFS_NODE_PARTS_H
#define PTFS_NODE_PARTS_H

#include "node.h"

#define BY_NUMBER_SIZE (STATE_NODES_MAX * sizeof(void *))

/* ---- life (node.c) --------------------------------------------------------------------------------------------- */

/* NULL: the kernel does not know that file. */
struct node *node_find(struct node_table *table, const struct stat *status);
bool node_is_above(const struct node *node, const struct node *other);
/* Notes where it is. Without memory for the name it keeps its descriptor, and so it does where its folder was below it
 * before both were moved behind our back. */
void node_set_place(struct node_table *table, struct node *node, struct node *parent, const char *name);
/* It may have become superfluous, and with it those above. */
void node_settle(struct node_table *table, struct node *node);

/* ---- descriptors (node-descriptors.c) -------------------------------------------------------------------------- */

void node_ring_add(struct node_table *table, struct node *node);
void node_ring_remove(struct node_table *table, struct node *node);
/* Takes fd over. */
void node_take_fd(struct node_table *table, struct node *node, int fd);
/* Returns how many were let go of: wanted at most. */
size_t node_let_go(struct node_table *table, size_t wanted);
/* Whether somebody has the file open. */
bool node_is_open(struct node *node);
/* Without the lock: an O_PATH descriptor, or -errno. */
int node_open_child(struct node_table *table, int parent, const char *name);

/* ---- notes for another process (node-notes.c) ------------------------------------------------------------------ */

/* NULL: nothing is noted of it. */
struct state_node *node_note(struct node_table *table, const struct node *node);
/* Gives it a number. False: there is none left. */
bool node_note_begin(struct node_table *table, struct node *node);
void node_note_end(struct node_table *table, struct node *node);
void node_note_lookups(struct node_table *table, const struct node *node);
void node_attic_name(uint64_t number, char name[24]);
/* When the file was made, in ns; 0 where that is not known. */
uint64_t node_born_at(int fd);

/* ---- watching (node-watched.c) --------------------------------------------------------------------------------- */

void node_watch_end(struct node_table *table, struct node *node);

#endif
