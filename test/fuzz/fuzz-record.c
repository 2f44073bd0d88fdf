/* SPDX-License-Identifier: MIT */
/* Docker's record of a container, and its OCI bundle, whoever wrote them: what is taken from them is terminated. The
 * first byte of the input chooses which of them it is. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "worker/record.h"

#define TERMINATED(text) (memchr(text, 0, sizeof(text)) != NULL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[65536];
    static struct job_description description;
    char group[WIRE_COMPONENT_MAX] = "";
    if (size < 1 || size > sizeof text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    memset(&description, 0, sizeof description);
    int r = data[0] & 1 ? record_from_docker(text, &description) : record_from_bundle(text, &description);
    PROPERTY(r == 0 || r == -EBADMSG);
    PROPERTY(TERMINATED(description.id) && TERMINATED(description.engine) && TERMINATED(description.name) &&
             TERMINATED(description.image) && TERMINATED(description.cgroup));
    const char *end = description.labels + sizeof description.labels;
    const char *label = description.labels;
    while (label < end && *label) /* each label has its end, and the list has one */
        label += strnlen(label, (size_t)(end - label)) + 1;
    PROPERTY(label < end);
    record_group(description.labels, group, sizeof group);
    PROPERTY(TERMINATED(group));
    return 0;
}
