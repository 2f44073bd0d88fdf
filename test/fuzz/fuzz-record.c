/* SPDX-License-Identifier: MIT */
/* Docker's record of a container, its OCI bundle, and its pod's, whoever wrote them: what is taken from them is
 * terminated. The first byte of the input chooses which of them it is, and the engine. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "worker/labels.h"
#include "worker/record.h"

#define TERMINATED(text) (memchr(text, 0, sizeof(text)) != NULL)

static const char *const engines[] = {"docker", "containerd", "cri-o", "podman"};

static int read_one(uint8_t kind, const char *text, struct job_description *description) {
    char path[64];
    snprintf(description->engine, sizeof description->engine, "%s", engines[kind >> 4 & 3]);
    int r = record_image_of_docker(text, path, sizeof path);
    PROPERTY(r != 0 || (TERMINATED(path) && strncmp(path, "image/", strlen("image/")) == 0 && !strstr(path, "/../")));
    if (kind & 1)
        return record_from_docker(text, kind & 2 ? text : NULL, description);
    return kind & 2 ? record_from_sandbox(text, description) : record_from_bundle(text, description);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[65536];
    static struct job_description description;
    char group[WIRE_COMPONENT_MAX] = "";
    if (size < 1 || size > sizeof text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    memset(&description, 0, sizeof description);
    int r = read_one(data[0], text, &description);
    PROPERTY(r == 0 || r == -EBADMSG);
    PROPERTY(TERMINATED(description.id) && TERMINATED(description.engine) && TERMINATED(description.name) &&
             TERMINATED(description.image) && TERMINATED(description.cgroup));
    const char *end = description.labels + sizeof description.labels;
    const char *label = description.labels;
    while (label < end && *label) /* each label has its end, and the list has one */
        label += strnlen(label, (size_t)(end - label)) + 1;
    PROPERTY(label < end);
    labels_group(&description, group, sizeof group);
    PROPERTY(TERMINATED(group));
    return 0;
}
