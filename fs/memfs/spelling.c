/* SPDX-License-Identifier: MIT */
#include "spelling.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

#define RETRY_WINDOW_MS 1000
#define RENAME_WINDOW_MS 500 /* from ESTALE to the second look-up of the new name */
#define DROP_AFTER_MS 5
#define OPEN_RETRY_MS 500 /* of a file that was open when its spelling was to be dropped */
#define PURGE_EVERY_MS 100
#define TASKS_MAX 4096
#define SHOWN_MAX 16384
#define BUCKETS 64
#define IDLE_TRIES 200 /* of a millisecond */
#define FIBONACCI 0x9e3779b9U /* spreads what differs in a few bits */

enum state {
    ASKED, /* was answered ESTALE */
    SEEN_STORED, /* and asked for the stored spelling after it */
    DONE,
};

/* A task that was answered ESTALE not long ago. */
struct task {
    struct task *next;
    pid_t id;
    enum state state;
    int64_t asked; /* ms */
    uint32_t directory; /* its slot */
    uint32_t hash; /* of the folded name */
    uint32_t spelling; /* that was asked for */
};

/* A spelling to be dropped from the kernel's cache; holds a reference. */
struct shown {
    struct shown *next;
    int64_t due;
    struct node *node;
    uint64_t directory;
    char name[DIRECTORY_NAME_MAX + 1];
};

/* By due: all of one queue wait equally long. */
struct queue {
    struct shown *first, **last;
    unsigned count;
};

struct spellings {
    struct volume *volume;
    bool remembered;
    bool begun;

    pthread_mutex_t lock; /* all below */
    struct task *tasks[BUCKETS];
    unsigned task_count;
    int64_t purged; /* ms */
    _Atomic unsigned asked; /* tasks in the first state; read without the lock */

    struct queue soon, open; /* to be dropped; open: of files that are, to be tried again */
    bool hurry; /* drops those of open files, too */
    bool end;
    pthread_cond_t changed;
    pthread_t dropper;
};

/* ---- life ------------------------------------------------------------------------------------------------------ */

struct spellings *spellings_new(struct volume *volume) {
    struct spellings *spellings = calloc(1, sizeof *spellings);
    pthread_condattr_t attributes;
    if (!spellings)
        return NULL;
    spellings->volume = volume;
    spellings->soon.last = &spellings->soon.first;
    spellings->open.last = &spellings->open.first;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&spellings->lock, NULL);
    pthread_cond_init(&spellings->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return spellings;
}

void spellings_free(struct spellings *spellings) {
    if (!spellings)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (spellings->tasks[i]) {
            struct task *task = spellings->tasks[i];
            spellings->tasks[i] = task->next;
            free(task);
        }
    pthread_cond_destroy(&spellings->changed);
    pthread_mutex_destroy(&spellings->lock);
    free(spellings);
}

bool spellings_remembered(const struct spellings *spellings) {
    return spellings->remembered;
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

static void set_state(struct spellings *spellings, struct task *task, enum state state) {
    if (task->state == ASKED && state != ASKED)
        atomic_fetch_sub(&spellings->asked, 1);
    else if (task->state != ASKED && state == ASKED)
        atomic_fetch_add(&spellings->asked, 1);
    task->state = state;
}

/* Forgets those whose window has passed. */
static void purge(struct spellings *spellings, int64_t now) {
    spellings->purged = now;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct task **at = &spellings->tasks[i]; *at;) {
            struct task *task = *at;
            if (now - task->asked < RETRY_WINDOW_MS) {
                at = &task->next;
                continue;
            }
            set_state(spellings, task, DONE);
            *at = task->next;
            free(task);
            spellings->task_count--;
        }
}

static struct task *find_record(struct spellings *spellings, pid_t id) {
    struct task *task = spellings->tasks[(unsigned)id % BUCKETS];
    while (task && task->id != id)
        task = task->next;
    return task;
}

/* A task's record, made where there is none. NULL: no room. */
static struct task *take_record(struct spellings *spellings, pid_t id, int64_t now) {
    struct task *task = find_record(spellings, id), **bucket = &spellings->tasks[(unsigned)id % BUCKETS];
    if (task)
        return task;
    if (spellings->task_count >= TASKS_MAX && now - spellings->purged >= PURGE_EVERY_MS)
        purge(spellings, now);
    if (spellings->task_count >= TASKS_MAX || !(task = malloc(sizeof *task)))
        return NULL;
    *task = (struct task){.next = *bucket, .id = id, .state = DONE, .asked = now - RETRY_WINDOW_MS};
    *bucket = task;
    spellings->task_count++;
    return task;
}

static bool is_about(const struct task *task, const struct node *directory, const struct entry *entry, int64_t now) {
    return task->directory == directory->index && task->hash == entry->hash && now - task->asked < RENAME_WINDOW_MS;
}

/* A look-up by the stored spelling: of interest only to who has just been answered ESTALE. */
static void see_stored(struct spellings *spellings, pid_t id, const struct node *directory, const struct entry *entry) {
    if (atomic_load_explicit(&spellings->asked, memory_order_relaxed) == 0)
        return;
    pthread_mutex_lock(&spellings->lock);
    struct task *task = find_record(spellings, id);
    if (task && task->state == ASKED && is_about(task, directory, entry, clock_ms()))
        set_state(spellings, task, SEEN_STORED);
    pthread_mutex_unlock(&spellings->lock);
}

/* Whether a task may be in a system call that is being repeated already. The same spelling again, when the kernel has
 * had to forget it, is a new one's. */
static bool may_be_repeating(const struct task *task, const struct node *directory, uint32_t spelling, int64_t now) {
    bool again = task->directory == directory->index && task->spelling == spelling && task->state == DONE;
    return now - task->asked < (again ? 2 * DROP_AFTER_MS : RETRY_WINDOW_MS);
}

static enum spelling_answer answer_other(struct spellings *spellings, pid_t id, const struct node *directory,
                                         const struct entry *entry, uint32_t spelling) {
    enum spelling_answer answer = SPELLING_EXISTS;
    int64_t now = clock_ms();
    pthread_mutex_lock(&spellings->lock);
    struct task *task = take_record(spellings, id, now);
    if (task && task->state == SEEN_STORED && is_about(task, directory, entry, now)) {
        answer = SPELLING_ABSENT;
        set_state(spellings, task, DONE);
    } else if (task && may_be_repeating(task, directory, spelling, now)) {
        set_state(spellings, task, DONE);
    } else if (task) {
        answer = SPELLING_ASK_AGAIN;
        task->asked = now;
        task->directory = directory->index;
        task->hash = entry->hash;
        task->spelling = spelling;
        set_state(spellings, task, ASKED);
    }
    pthread_mutex_unlock(&spellings->lock);
    return answer;
}

enum spelling_answer spellings_answer(struct spellings *spellings, pid_t task, const struct node *directory,
                                      const struct entry *entry, const char *name) {
    if (S_ISDIR(entry->node->type) || task == 0)
        return SPELLING_EXISTS;
    if (strcmp(entry->name, name) == 0) {
        see_stored(spellings, task, directory, entry);
        return SPELLING_EXISTS;
    }
    uint32_t spelling = names_spelling(&spellings->volume->names, name, strlen(name));
    return answer_other(spellings, task, directory, entry, spelling);
}

/* ---- dropping -------------------------------------------------------------------------------------------------- */

static void add(struct queue *queue, struct shown *shown, int64_t due) {
    shown->next = NULL;
    shown->due = due;
    *queue->last = shown;
    queue->last = &shown->next;
    queue->count++;
}

static struct shown *take_first(struct queue *queue) {
    struct shown *shown = queue->first;
    queue->first = shown->next;
    if (!queue->first)
        queue->last = &queue->first;
    return shown; /* counted until it has been dropped */
}

/* Each spelling has to be dropped: one that the kernel keeps also keeps the file, when that is
 * removed by another one. */
void spellings_shown(struct spellings *spellings, const struct node *directory, struct node *node, const char *name) {
    uint32_t spelling = names_spelling(&spellings->volume->names, name, strlen(name));
    spelling = (spelling ^ directory->index * FIBONACCI) | 1; /* a file may have that name in several directories */
    if (atomic_exchange(&node->spelling_shown, spelling) == spelling)
        return; /* waits already */
    struct shown *shown = malloc(sizeof *shown);
    pthread_mutex_lock(&spellings->lock);
    bool room = shown && spellings->begun && !spellings->end && spellings->soon.count < SHOWN_MAX;
    if (room) {
        *shown = (struct shown){.node = node_hold(node), .directory = node_inode(directory)};
        memcpy(shown->name, name, strlen(name) + 1);
        add(&spellings->soon, shown, clock_ms() + DROP_AFTER_MS);
        pthread_cond_signal(&spellings->changed);
    }
    pthread_mutex_unlock(&spellings->lock);
    if (!room) {
        atomic_store(&node->spelling_shown, 0);
        free(shown);
    }
}

/* The name of an open file would be shown as deleted in /proc; of one that is deleted that is right. */
static bool is_open(struct node *node) {
    lock_shared(&node->lock);
    bool open = node->links > 0 && atomic_load(&node->opens) > 0;
    unlock_shared(&node->lock);
    return open;
}

static void drop(struct spellings *spellings, struct shown *shown, bool tell) {
    if (tell)
        linfsp_notify_entry(spellings->volume->mounted, shown->directory, shown->name);
    node_drop(spellings->volume, shown->node, 1);
    free(shown);
}

/* With the lock held, which it lets go of meanwhile. */
static void try_first(struct spellings *spellings, struct queue *queue) {
    struct shown *shown = take_first(queue);
    bool tell = !spellings->end, keep = tell && !spellings->hurry && spellings->open.count < SHOWN_MAX;
    pthread_mutex_unlock(&spellings->lock);
    atomic_store(&shown->node->spelling_shown, 0);
    keep = keep && is_open(shown->node);
    if (!keep)
        drop(spellings, shown, tell);
    pthread_mutex_lock(&spellings->lock);
    queue->count--;
    if (keep)
        add(&spellings->open, shown, clock_ms() + OPEN_RETRY_MS);
}

static void wait_until(struct spellings *spellings, int64_t due) {
    struct timespec time = {due / 1000, due % 1000 * 1000000};
    pthread_cond_timedwait(&spellings->changed, &spellings->lock, &time);
}

static struct queue *next_queue(struct spellings *spellings) {
    const struct shown *soon = spellings->soon.first, *open = spellings->open.first;
    return !open || (soon && soon->due <= open->due) ? &spellings->soon : &spellings->open;
}

static void *run_dropper(void *argument) {
    struct spellings *spellings = argument;
    pthread_mutex_lock(&spellings->lock);
    for (;;) {
        struct queue *queue = next_queue(spellings);
        if (!queue->first && spellings->end)
            break;
        if (!queue->first)
            pthread_cond_wait(&spellings->changed, &spellings->lock);
        else if (!spellings->end && !spellings->hurry && queue->first->due > clock_ms())
            wait_until(spellings, queue->first->due);
        else
            try_first(spellings, queue);
    }
    pthread_mutex_unlock(&spellings->lock);
    return NULL;
}

void spellings_begin(struct spellings *spellings) {
    spellings->remembered = linfsp_notify_names(spellings->volume->mounted) == 0;
    spellings->begun = pthread_create(&spellings->dropper, NULL, run_dropper, spellings) == 0;
}

void spellings_end(struct spellings *spellings) {
    if (!spellings || !spellings->begun)
        return;
    pthread_mutex_lock(&spellings->lock);
    spellings->end = true;
    pthread_cond_signal(&spellings->changed);
    pthread_mutex_unlock(&spellings->lock);
    pthread_join(spellings->dropper, NULL);
    spellings->begun = false;
}

bool spellings_idle(struct spellings *spellings) {
    bool idle = !spellings;
    for (unsigned tries = 0; !idle && tries < IDLE_TRIES; tries++) {
        if (tries > 0)
            usleep(1000);
        pthread_mutex_lock(&spellings->lock);
        idle = spellings->soon.count + spellings->open.count == 0;
        spellings->hurry = !idle && tries + 1 < IDLE_TRIES;
        pthread_cond_signal(&spellings->changed);
        pthread_mutex_unlock(&spellings->lock);
    }
    return idle;
}

/* A name that only has to be asked for anew would still keep the file, and its memory. */
void spellings_removed(struct spellings *spellings, const struct node *directory, struct node *node,
                       const char *stored) {
    if (spellings->remembered)
        linfsp_notify_names(spellings->volume->mounted);
    spellings_shown(spellings, directory, node, stored);
}
