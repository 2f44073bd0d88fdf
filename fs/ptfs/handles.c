/* SPDX-License-Identifier: MIT */
#include "handles.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

int handles_init(struct handles *handles, struct state *state) {
    *handles = (struct handles){.state = state};
    pthread_mutex_init(&handles->lock, NULL);
    if (!state)
        return 0;
    void *memory = mmap(NULL, STATE_HANDLES_MAX * sizeof *handles->open, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    handles->open = memory;
    return 0;
}

void handles_close(struct handles *handles) {
    if (handles->open)
        munmap(handles->open, STATE_HANDLES_MAX * sizeof *handles->open);
    pthread_mutex_destroy(&handles->lock);
}

/* Under the lock. STATE_HANDLES_MAX: none is free. */
static uint64_t find_free(struct handles *handles) {
    struct state *state = handles->state;
    for (uint64_t n = 0; n < state->handles_end; n++) {
        uint64_t handle = (handles->hint + n) % state->handles_end;
        if (!state->handles[handle].used)
            return handle;
    }
    if (state->handles_end < STATE_HANDLES_MAX)
        return state->handles_end++;
    return STATE_HANDLES_MAX;
}

int handles_add(struct handles *handles, uint64_t node, uint32_t flags, int fd, struct directory *directory,
                uint64_t *ret_handle) {
    if (!handles->state) {
        *ret_handle = directory ? (uint64_t)(uintptr_t)directory : (uint64_t)fd;
        return 0;
    }
    pthread_mutex_lock(&handles->lock);
    uint64_t handle = find_free(handles);
    if (handle < STATE_HANDLES_MAX) {
        struct state_handle *note = &handles->state->handles[handle];
        handles->hint = handle + 1;
        handles->open[handle] = (struct open_file){fd + 1, directory};
        note->node = node;
        note->flags = flags;
        note->directory = directory != NULL;
        atomic_thread_fence(memory_order_release);
        note->used = 1;
        *ret_handle = handle;
    }
    pthread_mutex_unlock(&handles->lock);
    return handle < STATE_HANDLES_MAX ? 0 : -ENFILE;
}

void handles_restore(struct handles *handles, uint64_t handle, int fd, struct directory *directory) {
    handles->open[handle] = (struct open_file){fd + 1, directory};
}

int handles_fd(const struct handles *handles, uint64_t handle) {
    if (!handles->state)
        return (int)handle;
    return handle < STATE_HANDLES_MAX ? handles->open[handle].fd - 1 : -1;
}

struct directory *handles_directory(const struct handles *handles, uint64_t handle) {
    if (!handles->state)
        return (struct directory *)(uintptr_t)handle;
    return handle < STATE_HANDLES_MAX ? handles->open[handle].directory : NULL;
}

void handles_remove(struct handles *handles, uint64_t handle) {
    if (!handles->state || handle >= STATE_HANDLES_MAX)
        return;
    pthread_mutex_lock(&handles->lock);
    handles->open[handle] = (struct open_file){0};
    handles->state->handles[handle].used = 0;
    pthread_mutex_unlock(&handles->lock);
}
