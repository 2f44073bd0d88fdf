/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "util/plural.h"
#include "wire/connect.h"

#define CONFIG_FILE "/etc/linfsp.conf"
#define TEXT_COLUMN 22

static const char *const level_names[] = {"ok", "note", "problem"};

void read_line(const char *path, char *ret_text, size_t size) {
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file || !fgets(ret_text, (int)size, file))
        ret_text[0] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
}

static void print_finding(enum level level, const char *area, const char *text, const char *costs, const char *mend) {
    static const enum colour colours[] = {COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED};
    printf("%s%-8s%s %-12s ", colour(colours[level]), level_names[level], colour(COLOUR_NONE), area);
    print_wrapped(TEXT_COLUMN, text);
    if (costs) {
        printf("%*scosts: ", TEXT_COLUMN, "");
        print_wrapped(TEXT_COLUMN + 7, costs);
    }
    if (mend) {
        printf("%*smend:  ", TEXT_COLUMN, "");
        print_wrapped(TEXT_COLUMN + 7, mend);
    }
}

void finding(struct doctor *doctor, enum level level, const char *area, const char *costs, const char *mend,
             const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    doctor->counts[level]++;
    if (!doctor->json) {
        print_finding(level, area, text, costs, mend);
        return;
    }
    json_object *object = json_object_new_object();
    json_add_text(object, "status", level_names[level]);
    json_add_text(object, "area", area);
    json_add_text(object, "finding", text);
    json_add_text(object, "cost", costs);
    json_add_text(object, "mend", mend);
    json_object_array_add(doctor->findings, object);
}

static void find_self(struct doctor *doctor) {
    ssize_t length = readlink("/proc/self/exe", doctor->self_folder, sizeof doctor->self_folder - 1);
    doctor->self_folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(doctor->self_folder, '/');
    if (slash)
        *slash = '\0';
}

static void report_status(struct doctor *doctor, const struct wire_status *status) {
    doctor->service_runs = true;
    doctor->service_pid = status->pid;
    if (strcmp(status->version, LINFSP_VERSION) == 0)
        finding(doctor, LEVEL_OK, "service", NULL, NULL, "linfspd %s runs", status->version);
    else
        finding(doctor, LEVEL_NOTE, "service", "an upgrade that is half done: the old service goes on serving",
                doctor->in_container ? "on the host: linfsp restart" : "sudo linfsp restart",
                "linfspd %s runs, this is linfsp %s", status->version, LINFSP_VERSION);
    if (status->failures > 0)
        finding(doctor, LEVEL_NOTE, "service",
                plural(status->failures, "file systems do not work in that container",
                       "file systems do not work in those containers"),
                "linfsp silos (its last column says why)", "%" PRIu64 " %s could not be set up since it started",
                status->failures, plural(status->failures, "container", "containers"));
    if (strcmp(status->monitor, "polling") == 0)
        finding(doctor, LEVEL_NOTE, "service", "new containers are found late, and it takes CPU time",
                "see \"containers\" below or use a kernel with CONFIG_PROC_EVENTS",
                "it finds containers by looking through /proc again and again");
}

void doctor_service(struct doctor *doctor) {
    _cleanup_close_ int socket = -1;
    static union wire_message status;
    char text[512];
    int result = client_open_quietly(&socket);
    if (result < 0 && doctor->in_container) {
        wire_no_service_message(text, sizeof text);
        finding(doctor, LEVEL_PROBLEM, "service", "no file system can be mounted here",
                "on the host, as root: linfsp start", "%s", text);
    } else if (result < 0) {
        finding(doctor, LEVEL_NOTE, "service", "no file system can be mounted, in any container", "linfsp start",
                "the service does not run");
    } else if (client_status(socket, &status) < 0) {
        finding(doctor, LEVEL_PROBLEM, "service", "file systems may hang or fail",
                "look at /var/log/linfspd.log or journalctl -u linfspd; then: linfsp restart",
                "the service is there, but: %s", status.error.message);
    } else
        report_status(doctor, &status.status);
}

static int print_end(const struct doctor *doctor) {
    int status = doctor->counts[LEVEL_PROBLEM] > 0 ? EXIT_FAILURE : 0;
    if (doctor->json) {
        json_print(doctor->findings);
        return status;
    }
    char problems[32] = "no problem";
    if (status)
        snprintf(problems, sizeof problems, "%u %s", doctor->counts[LEVEL_PROBLEM],
                 plural(doctor->counts[LEVEL_PROBLEM], "problem", "problems"));
    printf("\n%u ok, %u to note, %s: LinFsp %s here\n", doctor->counts[LEVEL_OK], doctor->counts[LEVEL_NOTE], problems,
           status ? "does not do its job yet" : "can do its job");
    return status;
}

static int run(const struct verb *verb, int argc, char **argv) {
    struct doctor doctor = {.root = geteuid() == 0, .in_container = wire_in_container()};
    const char *config = NULL;
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"config", required_argument, NULL, 'c'},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, "hc:", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c == 'j')
            doctor.json = true;
        else if (c == 'c')
            config = optarg;
        else
            return verb_usage(verb);
    }
    if (optind < argc) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    doctor.findings = doctor.json ? json_object_new_array() : NULL;
    find_self(&doctor);
    if (!doctor.in_container && !doctor.root)
        finding(&doctor, LEVEL_NOTE, "doctor", "some checks are left out", "sudo linfsp doctor",
                "it does not run as root");
    doctor_service(&doctor);
    doctor_kernel(&doctor);
    if (doctor.in_container)
        doctor_container(&doctor);
    else {
        doctor_host(&doctor);
        doctor_config(&doctor, config ? config : CONFIG_FILE, config != NULL);
        doctor_engines(&doctor);
    }
    doctor_mounts(&doctor);
    return print_end(&doctor);
}

const struct verb verb_doctor = {
    .name = "doctor",
    .summary = "check this machine, and say what is missing and how to mend it",
    .help = "usage: linfsp doctor [--json] [--config FILE]\n\n"
            "Checks the kernel and its features, limits, the service, the configuration,\n"
            "container engines and mounts that a dead file system left. Each finding is\n"
            "\"ok\", a \"note\" (something is slower or missing) or a \"problem\" (LinFsp does\n"
            "not work), with what it costs and what mends it. As root it sees more. In a\n"
            "container it checks what can be seen there. Exit status: 1 when there is a\n"
            "problem, else 0.\n\n"
            "  -c, --config FILE  the service's configuration, " CONFIG_FILE " unless given\n\n"
            "examples:\n"
            "  sudo linfsp doctor\n"
            "  linfsp doctor --json | jq -r '.[] | select(.status == \"problem\") | .mend'\n",
    .run = run,
};
