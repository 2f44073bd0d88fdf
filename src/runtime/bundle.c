/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define STAGE "createRuntime"
#define CONFIG_MAX (64 << 20)
#define DEPTH_MAX 256

static void json_object_done(json_object **object) {
    json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_object_done)

static int read_file(int fd, off_t size, char **ret_text) {
    if (size > CONFIG_MAX)
        return -EFBIG;
    _cleanup_free_ char *text = malloc((size_t)size + 1);
    if (!text)
        return -ENOMEM;
    for (off_t at = 0; at < size;) {
        ssize_t got = read(fd, text + at, (size_t)(size - at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EBADMSG;
        at += got;
    }
    text[size] = '\0';
    *ret_text = steal_pointer(text);
    return 0;
}

/* Strictly: what json-c only guesses at, the runtime is to complain of, not to get mended. */
static int parse(const char *text, size_t size, json_object **ret) {
    json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (!tokener)
        return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    _cleanup_json_ json_object *object = json_tokener_parse_ex(tokener, text, (int)size);
    bool whole = json_tokener_get_error(tokener) == json_tokener_success;
    const char *rest = text ? text + json_tokener_get_parse_end(tokener) : "";
    json_tokener_free(tokener);
    if (!whole || rest[strspn(rest, " \t\r\n")] != '\0' || !json_object_is_type(object, json_type_object))
        return -EBADMSG;
    *ret = steal_pointer(object);
    return 0;
}

/* The member of that name, made where it is missing or null. NULL where it is of another type. */
static json_object *member_of(json_object *object, const char *name, json_type type) {
    json_object *member = NULL;
    if (json_object_object_get_ex(object, name, &member) && member)
        return json_object_is_type(member, type) ? member : NULL;
    member = type == json_type_array ? json_object_new_array() : json_object_new_object();
    return json_object_object_add(object, name, member) == 0 ? member : NULL;
}

static bool is_ours(json_object *hook, const char *program) {
    json_object *path, *arguments, *verb;
    return json_object_is_type(hook, json_type_object) && json_object_object_get_ex(hook, "path", &path) &&
           json_object_is_type(path, json_type_string) && strcmp(json_object_get_string(path), program) == 0 &&
           json_object_object_get_ex(hook, "args", &arguments) && json_object_is_type(arguments, json_type_array) &&
           (verb = json_object_array_get_idx(arguments, 1)) && strcmp(json_object_get_string(verb), "hook") == 0;
}

static int add_hook(json_object *config, const char *program) {
    json_object *hooks = member_of(config, "hooks", json_type_object);
    json_object *stage = hooks ? member_of(hooks, STAGE, json_type_array) : NULL;
    if (!stage)
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(stage); i++)
        if (is_ours(json_object_array_get_idx(stage, i), program))
            return 0;
    json_object *hook = json_object_new_object(), *arguments = json_object_new_array();
    json_object_array_add(arguments, json_object_new_string("linfsp"));
    json_object_array_add(arguments, json_object_new_string("hook"));
    json_object_object_add(hook, "path", json_object_new_string(program));
    json_object_object_add(hook, "args", arguments);
    return json_object_array_add(stage, hook) == 0 ? 1 : -ENOMEM;
}

static int write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

static int replace(const char *path, const struct stat *old, json_object *config) {
    char new_path[PATH_MAX];
    size_t size;
    const char *text =
        json_object_to_json_string_length(config, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    if (!text)
        return -ENOMEM;
    if ((size_t)snprintf(new_path, sizeof new_path, "%s.linfsp-XXXXXX", path) >= sizeof new_path)
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = mkostemp(new_path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, text, size);
    if (r == 0 && (fchown(fd, old->st_uid, old->st_gid) < 0 || fchmod(fd, old->st_mode & 07777) < 0 ||
                   rename(new_path, path) < 0))
        r = -errno;
    if (r < 0)
        (void)unlink(new_path);
    return r;
}

/* ---- seccomp --------------------------------------------------------------------------------------------------- */

static bool is_told_of(const char *name) {
    static const char *const names[] = {"mount", "umount", "umount2"};
    for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static json_object *find(json_object *object, const char *name) {
    json_object *member = NULL;
    return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, name, &member) ? member
                                                                                                             : NULL;
}

/* CAP_SYS_ADMIN in the bounding set. */
static bool may_mount(json_object *config) {
    json_object *bounding = find(find(find(config, "process"), "capabilities"), "bounding");
    for (size_t i = 0; json_object_is_type(bounding, json_type_array) && i < json_object_array_length(bounding); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(bounding, i));
        if (name && strcmp(name, "CAP_SYS_ADMIN") == 0)
            return true;
    }
    return false;
}

/* What other rules say of these calls goes: a filter may have one word for a call. */
static void take_names_out(json_object *rules) {
    for (size_t i = json_object_array_length(rules); i-- > 0;) {
        json_object *names = find(json_object_array_get_idx(rules, i), "names");
        if (!json_object_is_type(names, json_type_array))
            continue;
        for (size_t n = json_object_array_length(names); n-- > 0;)
            if (is_told_of(json_object_get_string(json_object_array_get_idx(names, n))))
                json_object_array_del_idx(names, n, 1);
        if (json_object_array_length(names) == 0)
            json_object_array_del_idx(rules, i, 1);
    }
}

static bool is_our_socket(json_object *path) {
    return json_object_is_type(path, json_type_string) &&
           strncmp(json_object_get_string(path), BUNDLE_SOCKETS, strlen(BUNDLE_SOCKETS)) == 0;
}

/* Without a notifier a bundle must not name one that has ended: the runtime would not start the container. */
static int drop_notifier(json_object *config, const char *unused) {
    json_object *filter = find(find(config, "linux"), "seccomp");
    if (!is_our_socket(find(filter, "listenerPath")))
        return 0;
    json_object *rules = find(filter, "syscalls");
    if (json_object_is_type(rules, json_type_array))
        take_names_out(rules);
    json_object_object_del(filter, "listenerPath");
    return 1;
}

static int add_notifier(json_object *config, const char *socket) {
    json_object *linux_part = find(config, "linux");
    if (!json_object_is_type(linux_part, json_type_object) || may_mount(config))
        return 0;
    json_object *filter = member_of(linux_part, "seccomp", json_type_object);
    if (!filter)
        return -EBADMSG;
    json_object *listener = find(filter, "listenerPath");
    if (is_our_socket(listener)) { /* of an earlier run of this bundle, whose notifier has ended */
        json_object_object_add(filter, "listenerPath", json_object_new_string(socket));
        return 1;
    }
    if (listener)
        return 0;
    if (!find(filter, "defaultAction"))
        json_object_object_add(filter, "defaultAction", json_object_new_string("SCMP_ACT_ALLOW"));
    json_object *rules = member_of(filter, "syscalls", json_type_array);
    if (!rules)
        return -EBADMSG;
    take_names_out(rules);
    json_object *rule = json_object_new_object(), *names = json_object_new_array();
    json_object_array_add(names, json_object_new_string("mount"));
    json_object_array_add(names, json_object_new_string("umount"));
    json_object_array_add(names, json_object_new_string("umount2"));
    json_object_object_add(rule, "names", names);
    json_object_object_add(rule, "action", json_object_new_string("SCMP_ACT_NOTIFY"));
    json_object_object_add(filter, "listenerPath", json_object_new_string(socket));
    return json_object_array_add(rules, rule) == 0 ? 1 : -ENOMEM;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static int change(const char *path, int (*add)(json_object *config, const char *text), const char *text_added) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EBADMSG;
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_object *config = NULL;
    int r = read_file(fd, status.st_size, &text);
    if (r < 0 || (r = parse(text, (size_t)status.st_size, &config)) < 0 || (r = add(config, text_added)) <= 0)
        return r;
    r = replace(path, &status, config);
    return r < 0 ? r : 1;
}

int bundle_add_hook(const char *path, const char *program) {
    return change(path, add_hook, program);
}

int bundle_add_notifier(const char *path, const char *socket) {
    return change(path, add_notifier, socket);
}

int bundle_drop_notifier(const char *path) {
    return change(path, drop_notifier, NULL);
}
