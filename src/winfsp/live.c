/* SPDX-License-Identifier: MIT */
#include "winfsp/live.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t unused = PTHREAD_COND_INITIALIZER;
static struct fsp_volume *first;

void fsp_live_add(struct fsp_volume *volume) {
    pthread_mutex_lock(&lock);
    volume->next_live = first;
    first = volume;
    pthread_mutex_unlock(&lock);
}

void fsp_live_remove(struct fsp_volume *volume) {
    struct fsp_volume **at = &first;
    pthread_mutex_lock(&lock);
    while (*at && *at != volume)
        at = &(*at)->next_live;
    if (*at)
        *at = volume->next_live;
    while (volume->handle_uses > 0)
        pthread_cond_wait(&unused, &lock);
    pthread_mutex_unlock(&lock);
}

struct fsp_volume *fsp_live_use(HANDLE handle) {
    pthread_mutex_lock(&lock);
    struct fsp_volume *volume = first;
    while (volume && volume != handle)
        volume = volume->next_live;
    if (volume)
        volume->handle_uses++;
    pthread_mutex_unlock(&lock);
    return volume;
}

void fsp_live_release(struct fsp_volume *volume) {
    if (!volume)
        return;
    pthread_mutex_lock(&lock);
    if (--volume->handle_uses == 0)
        pthread_cond_broadcast(&unused);
    pthread_mutex_unlock(&lock);
}
