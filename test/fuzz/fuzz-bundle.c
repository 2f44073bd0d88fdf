/* SPDX-License-Identifier: MIT */
/* The configuration of an OCI bundle, into which linfsp-runtime puts its hook and its notifier. What comes out is a
 * configuration that has them once, however often it is done; what is refused stays as it was. The first byte of the
 * input chooses what is done. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "runtime/bundle.h"
#include "util/cleanup.h"

#define HOOK "/usr/local/bin/linfsp-fuzz-program"
#define SOCKET BUNDLE_SOCKETS "fuzz"

static char folder[64], path[96];

static void remove_folder(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

static void make_folder(void) {
    if (folder[0])
        return;
    snprintf(folder, sizeof folder, "/dev/shm/fuzz-bundle.XXXXXX");
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/config.json", folder);
    atexit(remove_folder);
}

static void put(const uint8_t *data, size_t size) {
    _cleanup_close_ int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    PROPERTY(file >= 0 && write(file, data, size) == (ssize_t)size);
}

static size_t get(char *text, size_t room) {
    _cleanup_close_ int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, text, room - 1);
    PROPERTY(size >= 0);
    text[size] = 0;
    return (size_t)size;
}

static unsigned count(const char *text, const char *part) {
    unsigned n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static int change(unsigned what) {
    return what == 0   ? bundle_add_hook(path, HOOK)
           : what == 1 ? bundle_add_notifier(path, SOCKET)
                       : bundle_drop_notifier(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char before[65536], after[1 << 20];
    if (size < 1 || size > sizeof before)
        return 0;
    make_folder();
    put(data + 1, size - 1);
    memcpy(before, data + 1, size - 1);
    before[size - 1] = 0;
    unsigned what = data[0] % 3;
    int r = change(what);
    size_t length = get(after, sizeof after);
    PROPERTY(r == 0 || r == 1 || r == -EBADMSG);
    if (r <= 0) {
        PROPERTY(length == size - 1 && memcmp(before, after, length) == 0);
        return 0;
    }
    json_object *json = json_tokener_parse(after);
    PROPERTY(json);
    json_object_put(json);
    if (what == 0)
        PROPERTY(strstr(after, "linfsp-fuzz-program"));
    if (what < 2 && length < sizeof after - 1) { /* once more: nothing more is put in */
        unsigned had = count(after, "linfsp-");
        r = change(what);
        get(after, sizeof after);
        PROPERTY((what == 1 || r == 0) && count(after, "linfsp-") == had);
    }
    return 0;
}
