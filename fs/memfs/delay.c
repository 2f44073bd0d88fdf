/* SPDX-License-Identifier: MIT */
#include "delay.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* One that was put away; a list by time. There are never more than the kernel sends at once, some hundred. */
struct pending {
    struct pending *next;
    struct timespec due;
    struct delayed io;
};

struct delay {
    uint32_t maximum, percent, rarefy;
    _Atomic uint64_t draws;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct pending *first;
    pthread_t thread;
    bool finish;
    bool joined;
};

/* A pseudo-random number below `below` (>= 1): a counter, mixed. */
static uint32_t draw(struct delay *delay, uint32_t below) {
    uint64_t x = atomic_fetch_add_explicit(&delay->draws, UINT64_C(0x9e3779b97f4a7c15), memory_order_relaxed);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) % below);
}

static struct timespec draw_time(struct delay *delay) {
    uint64_t ns = (uint64_t)draw(delay, delay->maximum + 1) * 1000000 >> draw(delay, delay->rarefy + 1);
    return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

static void carry_out(struct pending *pending) {
    int r = pending->io.run(&pending->io);
    if (r < 0)
        linfsp_reply_error(pending->io.request, r);
    free(pending);
}

static bool is_due(const struct pending *pending) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return pending->due.tv_sec < now.tv_sec ||
           (pending->due.tv_sec == now.tv_sec && pending->due.tv_nsec <= now.tv_nsec);
}

static void *work(void *argument) {
    struct delay *delay = argument;
    pthread_mutex_lock(&delay->lock);
    while (delay->first || !delay->finish) {
        struct pending *pending = delay->first;
        if (pending && (delay->finish || is_due(pending))) {
            delay->first = pending->next;
            pthread_mutex_unlock(&delay->lock);
            carry_out(pending);
            pthread_mutex_lock(&delay->lock);
        } else if (pending) {
            struct timespec due = pending->due;
            pthread_cond_timedwait(&delay->changed, &delay->lock, &due);
        } else {
            pthread_cond_wait(&delay->changed, &delay->lock);
        }
    }
    pthread_mutex_unlock(&delay->lock);
    return NULL;
}

static int start(struct delay *delay) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&delay->lock, NULL);
    pthread_cond_init(&delay->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return -pthread_create(&delay->thread, NULL, work, delay);
}

struct delay *delay_new(uint32_t maximum, uint32_t percent, uint32_t rarefy) {
    struct delay *delay = calloc(1, sizeof *delay);
    if (!delay)
        return NULL;
    *delay = (struct delay){.maximum = maximum, .percent = percent, .rarefy = rarefy};
    if (start(delay) < 0) {
        free(delay);
        return NULL;
    }
    return delay;
}

static int put_away(struct delay *delay, const struct delayed *io, struct timespec wait) {
    struct pending *pending = malloc(sizeof *pending);
    if (!pending)
        return io->run(io);
    *pending = (struct pending){.io = *io};
    clock_gettime(CLOCK_MONOTONIC, &pending->due);
    pending->due.tv_sec += wait.tv_sec + (pending->due.tv_nsec + wait.tv_nsec) / 1000000000;
    pending->due.tv_nsec = (pending->due.tv_nsec + wait.tv_nsec) % 1000000000;
    pthread_mutex_lock(&delay->lock);
    struct pending **at = &delay->first;
    while (*at && ((*at)->due.tv_sec < pending->due.tv_sec ||
                   ((*at)->due.tv_sec == pending->due.tv_sec && (*at)->due.tv_nsec <= pending->due.tv_nsec)))
        at = &(*at)->next;
    pending->next = *at;
    *at = pending;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->lock);
    return 0;
}

int delay(struct delay *delay, const struct delayed *io) {
    if (!delay)
        return io->run(io);
    struct timespec wait = draw_time(delay);
    if (draw(delay, 100) < delay->percent)
        return put_away(delay, io, wait);
    nanosleep(&wait, NULL);
    return io->run(io);
}

void delay_finish(struct delay *delay) {
    if (!delay || delay->joined)
        return;
    pthread_mutex_lock(&delay->lock);
    delay->finish = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->lock);
    pthread_join(delay->thread, NULL);
    delay->joined = true;
}

void delay_free(struct delay *delay) {
    if (!delay)
        return;
    pthread_cond_destroy(&delay->changed);
    pthread_mutex_destroy(&delay->lock);
    free(delay);
}
