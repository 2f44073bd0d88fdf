/* SPDX-License-Identifier: MIT */
/* `linfsp metrics`: the service and its volumes in Prometheus's text format. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/meters.h"

struct settings {
    const char *output, *listen;
};

/* A label's value: what would end it is escaped. */
static void print_value(FILE *to, const char *text) {
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if (*text == '\n')
            fputs("\\n", to);
        else
            fputc(*text, to);
}

static void print_labels(FILE *to, const struct metered *row) {
    fprintf(to, "{volume=\"%" PRIu64 "\",silo=\"", row->volume.id);
    print_value(to, row->volume.silo);
    fputs("\",name=\"", to);
    print_value(to, row->name);
    fputs("\",prefix=\"", to);
    print_value(to, row->volume.prefix);
    fputs("\",mount_point=\"", to);
    print_value(to, row->volume.mount_point);
    fputs("\"", to);
}

struct metric {
    const char *name, *type, *help;
    size_t offset; /* in struct sample */
};

static const struct metric metrics[] = {
    {"linfsp_volume_requests_total", "counter", "Requests that the server answered.",
     offsetof(struct sample, requests)},
    {"linfsp_volume_errors_total", "counter", "Requests that the server answered with an error.",
     offsetof(struct sample, errors)},
    {"linfsp_volume_read_bytes_total", "counter", "Bytes that the server gave to readers.",
     offsetof(struct sample, bytes_read)},
    {"linfsp_volume_written_bytes_total", "counter", "Bytes that the server took from writers.",
     offsetof(struct sample, bytes_written)},
};

static void print_counters(FILE *to, const struct meter_table *table) {
    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        const struct metric *metric = &metrics[i];
        fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, metric->type);
        for (size_t n = 0; n < table->count; n++) {
            if (table->rows[n].fd < 0)
                continue;
            fputs(metric->name, to);
            print_labels(to, &table->rows[n]);
            fprintf(to, "} %" PRIu64 "\n", *(const uint64_t *)((const char *)&table->rows[n].now + metric->offset));
        }
    }
}

static void print_histogram(FILE *to, const struct metered *row) {
    static const char name[] = "linfsp_volume_latency_seconds";
    uint64_t count = 0;
    for (unsigned i = 0; i < METERS_BUCKETS; i++) {
        count += row->now.latency[i];
        if (i % 4 != 0 && i != METERS_BUCKETS - 1)
            continue; /* a quarter of them is plenty for a graph */
        fprintf(to, "%s_bucket", name);
        print_labels(to, row);
        if (i == METERS_BUCKETS - 1)
            fprintf(to, ",le=\"+Inf\"} %" PRIu64 "\n", count);
        else
            fprintf(to, ",le=\"%.9g\"} %" PRIu64 "\n", (double)meters_bucket_end(i) / 1e9, count);
    }
    fprintf(to, "%s_sum", name);
    print_labels(to, row);
    fprintf(to, "} %.9f\n%s_count", (double)row->now.latency_sum / 1e9, name);
    print_labels(to, row);
    fprintf(to, "} %" PRIu64 "\n", count);
}

static void print_volumes(FILE *to, const struct meter_table *table) {
    print_counters(to, table);
    fputs("# HELP linfsp_volume_latency_seconds How long the server took to answer.\n"
          "# TYPE linfsp_volume_latency_seconds histogram\n",
          to);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].fd >= 0)
            print_histogram(to, &table->rows[i]);
    fputs("# HELP linfsp_volume_waiting Requests that the kernel has no answer to yet.\n"
          "# TYPE linfsp_volume_waiting gauge\n",
          to);
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].waiting == UINT32_MAX)
            continue;
        fputs("linfsp_volume_waiting", to);
        print_labels(to, &table->rows[i]);
        fprintf(to, "} %" PRIu32 "\n", table->rows[i].waiting);
    }
}

static void print_number(FILE *to, const char *name, const char *type, const char *help, uint64_t number) {
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, number);
}

static void print_service(FILE *to, const struct wire_status *status) {
    print_number(to, "linfsp_silos", "gauge", "Containers that have LinFsp.", status->silos);
    print_number(to, "linfsp_volumes", "gauge", "Volumes that are mounted.", status->volumes);
    print_number(to, "linfsp_shares", "gauge", "Prefixes that are claimed.", status->shares);
    print_number(to, "linfsp_injections_total", "counter", "Containers that were set up.", status->injections);
    print_number(to, "linfsp_failures_total", "counter", "Containers that could not be set up.", status->failures);
    print_number(to, "linfsp_resident_bytes", "gauge", "Memory of the service.", status->resident_bytes);
    fprintf(to,
            "# HELP linfsp_cpu_seconds_total CPU time of the service.\n# TYPE linfsp_cpu_seconds_total counter\n"
            "linfsp_cpu_seconds_total %.6f\n",
            (double)status->cpu_ns / 1e9);
}

/* A service that does not answer is a measurement, too. */
static int print_all(const struct verb *verb, FILE *to) {
    static union wire_message answer;
    _cleanup_close_ int socket = -1;
    struct meter_table table = {0};
    bool up = client_open_quietly(&socket) == 0 && client_status(socket, &answer) == 0;
    print_number(to, "linfsp_up", "gauge", "Whether the service answers.", up);
    if (!up)
        return 0;
    print_service(to, &answer.status);
    int status = meters_refresh(verb, &table);
    if (status == 0)
        print_volumes(to, &table);
    meters_free(&table);
    return status;
}

/* For the textfile collector, which must never see half a file. */
static int write_file(const struct verb *verb, const char *path) {
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return verb_fail(verb, "%s: the path is too long", path);
    _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
    FILE *to = fd < 0 || fchmod(fd, 0644) < 0 ? NULL : fdopen(fd, "w");
    if (!to)
        return verb_fail(verb, "%s: %s", temporary, strerror(errno));
    (void)steal_fd(&fd);
    int status = print_all(verb, to);
    if (fclose(to) != 0 || (status == 0 && rename(temporary, path) < 0))
        status = verb_fail(verb, "%s: %s", path, strerror(errno));
    if (status != 0)
        (void)unlink(temporary);
    return status;
}

/* ---- over HTTP ------------------------------------------------------------------------------------------------- */

/* An earlier one's socket is replaced; a file of another kind is not. */
static void remove_socket(const char *path) {
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        (void)unlink(path);
}

static int listen_unix(const struct verb *verb, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return verb_fail(verb, "%s: the path is too long", path), -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    remove_socket(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
        close_fd(&fd);
        return verb_fail(verb, "%s: %s", path, strerror(errno)), -1;
    }
    return fd;
}

/* ADDRESS:PORT, where the address is this machine's own: whoever reaches it learns which containers there are. */
static int listen_loopback(const struct verb *verb, const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[32];
    const char *colon = strrchr(text, ':');
    int one = 1;
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    if (!colon || (size_t)(colon - text) >= sizeof host || port < 1 || port > 65535)
        return verb_fail(verb, "'%s' is neither a path nor 127.0.0.1:PORT", text), -1;
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &address.sin_addr) != 1 ||
        ntohl(address.sin_addr.s_addr) >> 24 != 127)
        return verb_fail(verb, "'%s': only addresses of the loopback device are served", host), -1;
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
        close_fd(&fd);
        return verb_fail(verb, "%s: %s", text, strerror(errno)), -1;
    }
    return fd;
}

static void answer_client(const struct verb *verb, int client) {
    struct timeval limit = {.tv_sec = 5};
    char request[4096];
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ssize_t length = recv(client, request, sizeof request - 1, 0);
    request[length > 0 ? length : 0] = 0;
    bool get = strncmp(request, "GET /metrics ", 13) == 0 || strncmp(request, "GET / ", 6) == 0;
    FILE *body = open_memstream(&text, &size);
    if (body && get)
        (void)print_all(verb, body);
    if (!body || fclose(body) != 0)
        return;
    dprintf(client,
            "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\n"
            "Connection: close\r\n\r\n",
            get ? "200 OK" : "404 Not Found", size);
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(client, text + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += (size_t)sent;
    }
}

static int serve(const struct verb *verb, const char *where) {
    _cleanup_close_ int listener = where[0] == '/' ? listen_unix(verb, where) : listen_loopback(verb, where);
    if (listener < 0)
        return EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        _cleanup_close_ int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            answer_client(verb, client);
        else if (errno != EINTR && errno != ECONNABORTED)
            return verb_fail(verb, "cannot accept a client: %s", strerror(errno));
    }
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {0}};
    struct settings settings = {0};
    for (int c; (c = getopt_long(argc, argv, "ho:l:", options, NULL)) != -1;) {
        if (c == 'o')
            settings.output = optarg;
        else if (c == 'l')
            settings.listen = optarg;
        else
            return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
    }
    if (optind < argc || (settings.output && settings.listen)) {
        verb_fail(verb, optind < argc ? "unexpected argument '%s'" : "-o and -l exclude each other", argv[optind]);
        return verb_usage(verb);
    }
    if (settings.listen)
        return serve(verb, settings.listen);
    return settings.output ? write_file(verb, settings.output) : print_all(verb, stdout);
}

const struct verb verb_metrics = {
    .name = "metrics",
    .summary = "print the service's and volumes' numbers for Prometheus",
    .help = "usage: linfsp metrics [-o FILE | -l ADDRESS]\n\n"
            "Prints what the service and the volumes count, in Prometheus's text format. A\n"
            "service that does not answer is linfsp_up 0.\n\n"
            "  -o, --output=FILE     write to FILE, at once as a whole: for the textfile\n"
            "                        collector of the node exporter\n"
            "  -l, --listen=ADDRESS  answer HTTP on a Unix socket (a path) or on\n"
            "                        127.0.0.1:PORT, until it is ended, as the unit\n"
            "                        linfsp-metrics.service does\n\n"
            "examples:\n"
            "  sudo linfsp metrics -o /var/lib/prometheus/node-exporter/linfsp.prom\n"
            "  sudo linfsp metrics -l 127.0.0.1:9851\n",
    .run = run,
};
