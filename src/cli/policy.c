/* SPDX-License-Identifier: MIT */
/* `linfsp policy test`: what the service would decide, and by which rule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/format.h"

struct question {
    struct wire_ask_policy request;
    bool json;
};

static int set_user(const struct verb *verb, const char *text, struct question *question) {
    char *end;
    unsigned long uid = strtoul(text, &end, 10);
    if (end == text || *end || *text == '-' || uid > 0xfffffffe) {
        verb_fail(verb, "--user takes a number, not '%s'", text);
        return verb_usage(verb);
    }
    question->request.uid = (uint32_t)uid;
    return -1;
}

static int take_options(const struct verb *verb, int argc, char **argv, struct question *question) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"silo", required_argument, NULL, 's'},
                                            {"user", required_argument, NULL, 'u'},
                                            {0}};
    int done = -1;
    for (int c; done < 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'h':
            return verb_show_help(verb);
        case 'j':
            question->json = true;
            break;
        case 's':
            if (WIRE_SET(question->request.silo, optarg) < 0)
                return verb_fail(verb, "no container has so long a name: %s", optarg);
            break;
        case 'u':
            done = set_user(verb, optarg, question);
            break;
        default:
            return verb_usage(verb);
        }
    }
    return done;
}

/* test claim PREFIX | test open PREFIX | test disk */
static int take_words(const struct verb *verb, int count, char **words, struct question *question) {
    static const char *const kinds[] = {
        [WIRE_POLICY_DISK] = "disk", [WIRE_POLICY_CLAIM] = "claim", [WIRE_POLICY_OPEN] = "open"};
    if (count < 2 || strcmp(words[0], "test") != 0) {
        verb_fail(verb, "what is to be tested?");
        return verb_usage(verb);
    }
    for (uint32_t i = WIRE_POLICY_DISK; i <= WIRE_POLICY_OPEN; i++)
        if (strcmp(words[1], kinds[i]) == 0)
            question->request.what = i;
    if (!question->request.what || count != (question->request.what == WIRE_POLICY_DISK ? 2 : 3)) {
        verb_fail(verb, "it is one of: test disk, test claim PREFIX, test open PREFIX");
        return verb_usage(verb);
    }
    if (count == 3 && WIRE_SET(question->request.prefix, words[2]) < 0)
        return verb_fail(verb, "%s: the prefix is too long", words[2]);
    return -1;
}

static void show(const struct wire_verdict *verdict, bool json) {
    const char *word = !verdict->allowed ? "refused" : verdict->read_only ? "allowed, read-only" : "allowed";
    if (!json) {
        printf("%s: %s\n", word, verdict->why);
        return;
    }
    json_object *object = json_object_new_object();
    json_object_object_add(object, "allowed", json_object_new_boolean(verdict->allowed));
    json_object_object_add(object, "read_only", json_object_new_boolean(verdict->read_only));
    json_object_object_add(object, "rule", verdict->rule[0] ? json_object_new_string(verdict->rule) : NULL);
    json_add_text(object, "why", verdict->why);
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

static int run(const struct verb *verb, int argc, char **argv) {
    static union wire_message answer;
    struct question question = {0};
    wire_begin(&question.request, WIRE_ASK_POLICY, 1);
    WIRE_SET(question.request.silo, "host");
    int done = take_options(verb, argc, argv, &question);
    if (done < 0)
        done = take_words(verb, argc - optind, argv + optind, &question);
    if (done >= 0)
        return done;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    if (client_call(socket, &question.request, NULL, 0, CLIENT_TIMEOUT_MS, NULL, NULL, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    show(&answer.verdict, question.json);
    return answer.verdict.allowed ? 0 : EXIT_FAILURE;
}

const struct verb verb_policy = {
    .name = "policy",
    .summary = "tell what a container may do, and by which rule",
    .help = "usage: linfsp policy test [--silo NAME|ID] [--user UID] [--json] disk\n"
            "       linfsp policy test [--silo NAME|ID] [--user UID] [--json] claim|open PREFIX\n\n"
            "Says what the service would decide: whether that container (the host, where none\n"
            "is named) may have a disk, have a network volume under PREFIX, or open the one\n"
            "that has PREFIX now; and which rule of linfsp.conf(5) decides. --user is who\n"
            "opens it, a number as the host counts; root unless given. The exit status is 0\n"
            "for \"allowed\", 1 for \"refused\".\n\n"
            "examples:\n"
            "  sudo linfsp policy test --silo web claim '\\nas\\photos'\n"
            "  sudo linfsp policy test --user 1000 open //nas/photos\n",
    .run = run,
};
