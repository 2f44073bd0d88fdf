/* SPDX-License-Identifier: MIT */
/* Container engines: LinFsp needs nothing of them, but when its devices are there depends on how they start a
 * container. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "cli/process.h"
#include "util/utf8.h"

#define ASK_TIMEOUT_MS 3000

#define BEFORE "its containers have LinFsp before their first program runs"
#define WITH_RUNTIME                                                                                                   \
    "by its runtime (below), its containers have LinFsp before or just after their first program starts"
#define AFTER "its containers have LinFsp within milliseconds of their start; programs of LinFsp wait for it"

static const struct engine {
    const char *program, *option, *works;
} engines[] = {
    {"docker", "--version", WITH_RUNTIME},
    {"podman", "--version", WITH_RUNTIME},
    {"containerd", "--version", WITH_RUNTIME},
    {"runc", "--version", BEFORE},
    {"crun", "--version", AFTER},
    {"lxc-start", "--version", AFTER},
    {"systemd-nspawn", "--version", AFTER},
    {"bwrap", "--version", AFTER},
};

/* The line that says something: a user's engine may complain first, of a file that the user may not read. */
static char *version_line(char *text) {
    char *line = text;
    while (strncmp(line, "WARNING:", 8) == 0 || strncmp(line, "time=", 5) == 0) {
        char *end = strchr(line, '\n');
        if (!end || !end[1])
            break;
        line = end + 1;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static bool report_engine(struct doctor *doctor, const struct engine *engine) {
    char path[4096], text[512], version[512];
    if (program_find(engine->program, path, sizeof path) < 0)
        return false;
    int status =
        program_ask((char *[]){path, (char *)(uintptr_t)engine->option, NULL}, ASK_TIMEOUT_MS, text, sizeof text);
    utf8_printable(version_line(text), version, sizeof version);
    if (status == -ETIMEDOUT)
        finding(doctor, LEVEL_NOTE, "engines", "none, if the machine is just busy", "linfsp doctor, later",
                "%s did not tell its version within %d s", path, ASK_TIMEOUT_MS / 1000);
    else if (status != 0 && !doctor->root)
        finding(doctor, LEVEL_NOTE, "engines", "it was not checked", "sudo linfsp doctor",
                "%s does not tell its version to this user (%s)", path, version[0] ? version : "no answer");
    else if (status != 0)
        finding(doctor, LEVEL_NOTE, "engines", "its containers may not start", "try it by hand",
                "%s does not tell its version (%s)", path, version[0] ? version : "no answer");
    else if (version[0] >= '0' && version[0] <= '9') /* lxc-start says nothing but a number */
        finding(doctor, LEVEL_OK, "engines", NULL, NULL, "%s %s: %s", engine->program, version, engine->works);
    else
        finding(doctor, LEVEL_OK, "engines", NULL, NULL, "%s: %s", version, engine->works);
    return true;
}

void doctor_engines(struct doctor *doctor) {
    unsigned found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        bool bubblewrap = strcmp(engines[i].program, "bwrap") == 0;
        if (report_engine(doctor, &engines[i]))
            found += !bubblewrap;
        else if (bubblewrap)
            finding(doctor, LEVEL_NOTE, "engines", "`linfsp run` does not work", "apt install bubblewrap",
                    "there is no bubblewrap");
    }
    if (found == 0)
        finding(doctor, LEVEL_NOTE, "engines", "only `linfsp run` and the host itself use LinFsp",
                "apt install docker.io, or podman", "no container engine was found");
}
