/* SPDX-License-Identifier: MIT */
/* Entries of the journal, of whatever service wrote them: texts are terminated, whatever they hold. The first byte of
 * the input chooses the kind of entry. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/silo.h"
#include "service/volume.h"

#define TERMINATED(text) (memchr(text, 0, sizeof(text)) != NULL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct volume volume;
    struct silo_record record;
    if (size < 2)
        return 0;
    FILE *file = fmemopen((void *)(uintptr_t)(data + 1), size - 1, "r");
    if (!file)
        return 0;
    memset(&volume, 0, sizeof volume);
    if (data[0] % 3 == 0)
        (void)journal_parse_volume(file, &volume);
    else if (data[0] % 3 == 1)
        (void)intent_parse(file, &volume);
    else
        (void)journal_parse_silo(1, file, &record);
    fclose(file);
    PROPERTY(TERMINATED(volume.file_system_name) && TERMINATED(volume.mount_point) && TERMINATED(volume.prefix) &&
             TERMINATED(volume.unc_path) && TERMINATED(volume.made.name));
    return 0;
}
