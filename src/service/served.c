/* SPDX-License-Identifier: MIT */
#include "service/served.h"

#include <stdio.h>
#include <string.h>

#include "service/service.h"
#include "service/volume.h"

#define PLACE_MAX (PREFIX_MAX + 24)

struct served {
    UT_hash_handle hash;
    unsigned count;
    char place[]; /* key: the silo's number and the path */
};

/* The first `length` bytes of path, in that silo. */
static size_t make_place(char *ret_place, uint64_t silo, const char *path, size_t length) {
    return (size_t)snprintf(ret_place, PLACE_MAX, "%llu:%.*s", (unsigned long long)silo, (int)length, path);
}

static struct served *find(const struct service *service, const char *place, size_t length) {
    struct served *served;
    HASH_FIND(hash, service->served, place, length, served);
    return served;
}

static struct served *get(struct service *service, const char *place, size_t length) {
    struct served *served = find(service, place, length);
    if (served || !(served = calloc(1, sizeof *served + length + 1)))
        return served;
    memcpy(served->place, place, length);
    HASH_ADD_KEYPTR(hash, service->served, served->place, length, served);
    if (!hash_has(hash, served)) {
        free(served);
        return NULL;
    }
    return served;
}

/* Where the path's first component ends, or the next one after `end`. */
static size_t next_end(const char *path, size_t end) {
    return end + (end > 0) + strcspn(path + end + (end > 0), "/");
}

void served_add(struct volume *volume) {
    char place[PLACE_MAX];
    if (volume->served_levels)
        return;
    for (size_t end = next_end(volume->prefix, 0);; end = next_end(volume->prefix, end)) {
        size_t length = make_place(place, volume->silo, volume->prefix, end);
        struct served *served = get(volume->service, place, length);
        if (!served)
            return;
        served->count++;
        volume->served_levels++;
        if (!volume->prefix[end])
            return;
    }
}

void served_remove(struct volume *volume) {
    struct service *service = volume->service;
    char place[PLACE_MAX];
    for (size_t end = next_end(volume->prefix, 0); volume->served_levels; end = next_end(volume->prefix, end)) {
        size_t length = make_place(place, volume->silo, volume->prefix, end);
        struct served *served = find(service, place, length);
        volume->served_levels--;
        if (!served || --served->count > 0)
            continue;
        HASH_DELETE(hash, service->served, served);
        free(served);
    }
}

bool served_below(const struct service *service, uint64_t silo, const char *path) {
    char place[PLACE_MAX];
    size_t length = strlen(path);
    return length < PREFIX_MAX && find(service, place, make_place(place, silo, path, length));
}
