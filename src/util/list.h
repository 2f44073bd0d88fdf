/* SPDX-License-Identifier: MIT */
/* A doubly linked list through a member of its elements. The head is a node that is no element. */
#ifndef LINFSP_UTIL_LIST_H
#define LINFSP_UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *previous, *next;
};

static inline void list_init(struct list_node *head) {
    head->previous = head->next = head;
}

static inline bool list_empty(const struct list_node *head) {
    return head->next == head;
}

static inline void list_append(struct list_node *head, struct list_node *node) {
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

/* Also of a node that is in no list: zeroed, or removed before. */
static inline void list_remove(struct list_node *node) {
    if (!node->next)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->previous = node->next = NULL;
}

#define list_element(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define list_for_each(element, head, member)                                                                           \
    for ((element) = list_element((head)->next, __typeof__(*(element)), member); &(element)->member != (head);         \
         (element) = list_element((element)->member.next, __typeof__(*(element)), member))

/* The element may be removed while it is visited. */
#define list_for_each_safe(element, after, head, member)                                                               \
    for ((element) = list_element((head)->next, __typeof__(*(element)), member),                                       \
        (after) = list_element((element)->member.next, __typeof__(*(element)), member);                                \
         &(element)->member != (head);                                                                                 \
         (element) = (after), (after) = list_element((after)->member.next, __typeof__(*(after)), member))

#endif
