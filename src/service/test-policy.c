/* SPDX-License-Identifier: MIT */
/* Who may have what: by silo, peer and request, with the rules of a real configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "service/connection.h"
#include "service/mount-options.h"
#include "service/policy.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "wire/codec.h"

#define USER 1000

static const char configuration[] = "max_volumes_per_silo = 2\n"
                                    "max_connections_per_silo = 4\n"
                                    "[rule small]\n"
                                    "engine = docker\n"
                                    "max_volumes = 1\n"
                                    "disks = no\n";

static struct service service;
static struct silo silo, host;
static const struct ucred root = {.pid = 1, .uid = 0, .gid = 0}, user = {.pid = 2, .uid = USER, .gid = USER};
static char message[WIRE_TEXT_MAX];

static void complain(void *context, const char *path, unsigned number, const char *text) {
    fail_msg("line %u: %s", number, text);
}

static struct config *read_configuration(void) {
    char path[64];
    struct config *config = NULL;
    _cleanup_close_ int file = memfd_create("configuration", MFD_CLOEXEC);
    assert_int_equal(write(file, configuration, sizeof configuration - 1), (ssize_t)sizeof configuration - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    assert_int_equal(config_read(path, complain, NULL, &config), 0);
    return config;
}

static void make_silo(struct silo *made, uint64_t number, bool is_host) {
    *made = (struct silo){.service = &service, .number = number, .host = is_host, .state = SILO_READY};
    list_init(&made->volume_list);
    list_init(&made->connection_list);
}

static int set_up(void **state) {
    service = (struct service){.config = read_configuration()};
    service.limits = service.config->limits;
    make_silo(&silo, 7, false);
    make_silo(&host, 1, true);
    return 0;
}

static int tear_down(void **state) {
    config_free(service.config);
    return 0;
}

static struct wire_create_volume disk(void) {
    struct wire_create_volume request;
    memset(&request, 0, sizeof request);
    wire_begin(&request, WIRE_CREATE_VOLUME, 1);
    snprintf(request.file_system_name, sizeof request.file_system_name, "NTFS");
    snprintf(request.letter, sizeof request.letter, "z");
    return request;
}

static int create(const struct silo *where, const struct ucred *peer, bool network,
                  const struct wire_create_volume *request) {
    message[0] = 0;
    int r = policy_create(where, peer, network, request, message, sizeof message);
    assert_true((r == 0) == (message[0] == 0)); /* a refusal says why */
    return r;
}

static void a_request_must_be_whole(void **state) {
    struct wire_create_volume request = disk();
    assert_int_equal(create(&silo, &user, false, &request), 0);
    static const char *const names[] = {"", "a b", "a/b", "a\nb", "fuse,x", "\303\244"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(request.file_system_name, sizeof request.file_system_name, "%s", names[i]);
        assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    }
    static const char *const letters[] = {"Z", "zz", "1", "/", "**"};
    for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
        request = disk();
        snprintf(request.letter, sizeof request.letter, "%s", letters[i]);
        assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    }
    request = disk();
    request.flags = WIRE_CREATE_MOUNT_POINT_FD; /* a letter, too */
    assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    request = disk();
    request.clones = WIRE_CLONES_MAX + 1;
    assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    request = disk();
    request.root_mode = 010000;
    assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    request = disk();
    request.letter[0] = 0;
    assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
}

static void a_made_mount_point_has_a_plain_name(void **state) {
    static const char *const wrong[] = {"", ".", "..", "a/b", "/"};
    struct wire_create_volume request = disk();
    request.letter[0] = 0;
    request.flags = WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT;
    snprintf(request.made_name, sizeof request.made_name, "volume");
    assert_int_equal(create(&silo, &user, false, &request), 0);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        snprintf(request.made_name, sizeof request.made_name, "%s", wrong[i]);
        assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    }
    request.flags = WIRE_CREATE_MADE_MOUNT_POINT;
    snprintf(request.made_name, sizeof request.made_name, "volume");
    assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
}

static void a_prefix_belongs_to_the_network(void **state) {
    struct wire_create_volume request = disk();
    assert_int_equal(create(&silo, &user, true, &request), -EINVAL);
    snprintf(request.prefix, sizeof request.prefix, "\\server\\share");
    assert_int_equal(create(&silo, &user, true, &request), 0);
    assert_int_equal(create(&silo, &user, false, &request), -EINVAL);
    request.letter[0] = 0; /* nowhere but on the network */
    assert_int_equal(create(&silo, &user, true, &request), 0);
}

static void letters_of_the_host_are_roots(void **state) {
    struct wire_create_volume request = disk();
    assert_int_equal(create(&host, &user, false, &request), -EPERM);
    assert_ptr_equal(strstr(message, "on the host only root may use letters"), message); /* not "Z::" before it */
    assert_int_equal(create(&host, &root, false, &request), 0);
    request.letter[0] = 0;
    request.flags = WIRE_CREATE_MOUNT_POINT_FD;
    assert_int_equal(create(&host, &user, false, &request), 0);
}

static void a_silo_has_a_limit(void **state) {
    struct wire_create_volume request = disk();
    silo.volumes = 1;
    assert_int_equal(create(&silo, &user, false, &request), 0);
    silo.volumes = 2;
    assert_int_equal(create(&silo, &user, false, &request), -EDQUOT);
    silo.connections = 3;
    assert_false(policy_connections_full(&silo, USER));
    silo.connections = 4;
    assert_true(policy_connections_full(&silo, USER));
}

static void a_rule_is_for_who_is_certain(void **state) {
    struct wire_create_volume request = disk();
    snprintf(silo.engine, sizeof silo.engine, "docker");
    assert_int_equal(create(&silo, &user, false, &request), 0);
    silo.words.certain = true;
    assert_true(create(&silo, &user, false, &request) < 0);
    snprintf(request.prefix, sizeof request.prefix, "\\server\\share");
    assert_int_equal(create(&silo, &user, true, &request), 0);
    silo.volumes = 1;
    assert_int_equal(create(&silo, &user, true, &request), -EDQUOT);
}

/* The host's users are strangers to each other, and must not keep root out together. */
static void users_of_the_host_have_limits_of_their_own(void **state) {
    struct volume volumes[17];
    struct wire_create_volume request = disk();
    struct ucred other = {.pid = 3, .uid = USER + 100};
    request.letter[0] = 0;
    request.flags = WIRE_CREATE_MOUNT_POINT_FD;
    memset(volumes, 0, sizeof volumes);
    for (unsigned i = 0; i < 16; i++) { /* two for each of eight users */
        volumes[i].peer.uid = USER + i / 2;
        list_append(&host.volume_list, &volumes[i].node);
        host.volumes++;
        assert_int_equal(create(&host, &user, false, &request), i < 1 ? 0 : -EDQUOT);
        assert_int_equal(create(&host, &other, false, &request), i < 15 ? 0 : -EDQUOT);
        assert_int_equal(create(&host, &root, false, &request), 0);
    }
}

static void who_may_end_a_volume(void **state) {
    struct volume volume = {.silo = silo.number, .peer = user};
    struct silo other;
    const struct ucred stranger = {.uid = USER + 1};
    make_silo(&other, 8, false);
    silo.target.root_uid = 100000; /* of its user namespace */
    const struct ucred silo_root = {.uid = 100000};
    assert_true(policy_may_end(&silo, &user, &volume));
    assert_true(policy_may_end(&silo, &silo_root, &volume));
    assert_true(policy_may_end(&host, &root, &volume));
    assert_false(policy_may_end(&silo, &root, &volume)); /* root of the host, but in a silo that is not its own */
    assert_false(policy_may_end(&silo, &stranger, &volume));
    assert_false(policy_may_end(&host, &user, &volume)); /* the same number, of another silo's user */
    assert_false(policy_may_end(&other, &user, &volume));
    assert_false(policy_may_end(&other, &root, &volume));
}

static void what_may_be_shared(void **state) {
    struct volume volume = {.allow_other = true};
    assert_int_equal(policy_share(&silo, &volume, message, sizeof message), 0);
    volume.allow_other = false;
    assert_int_equal(policy_share(&silo, &volume, message, sizeof message), -EPERM);
    volume.allow_other = true;
    silo.target.user_namespace = true;
    assert_int_equal(policy_share(&silo, &volume, message, sizeof message), -EPERM);
    silo.target.user_namespace = false;
    snprintf(volume.prefix, sizeof volume.prefix, "server/share");
    assert_int_equal(policy_share(&silo, &volume, message, sizeof message), -EEXIST);
}

static void fuse_programs(void **state) {
    struct mount_options options = {.subtype = "sshfs", .allow_other = true};
    assert_int_equal(policy_fusermount(&silo, &user, &options, message, sizeof message), 0);
    assert_true(policy_allow_other(&silo, &user, false) && policy_allow_other(&host, &root, false));
    assert_int_equal(policy_fusermount(&host, &root, &options, message, sizeof message), 0);
    snprintf(options.subtype, sizeof options.subtype, "a b");
    assert_int_equal(policy_fusermount(&silo, &user, &options, message, sizeof message), -EINVAL);
    snprintf(options.subtype, sizeof options.subtype, "sshfs");
    silo.volumes = 2;
    assert_int_equal(policy_fusermount(&silo, &user, &options, message, sizeof message), -EDQUOT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(a_request_must_be_whole),
                                       TEST(a_made_mount_point_has_a_plain_name),
                                       TEST(a_prefix_belongs_to_the_network),
                                       TEST(letters_of_the_host_are_roots),
                                       TEST(a_silo_has_a_limit),
                                       TEST(a_rule_is_for_who_is_certain),
                                       TEST(users_of_the_host_have_limits_of_their_own),
                                       TEST(who_may_end_a_volume),
                                       TEST(what_may_be_shared),
                                       TEST(fuse_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
