/* SPDX-License-Identifier: MIT */
/* The stream between two servers: bytes and descriptors in their order, and every way in which it can break off. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/stream.h"
#include "util/cleanup.h"
#include "util/sockets.h"

static struct linfsp_stream from, to;
static int ends[2];

static int set_up(void **state) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 || fsp_stream_init(&to, ends[0], 2000) < 0 ||
                   fsp_stream_init(&from, ends[1], 2000) < 0
               ? -1
               : 0;
}

static int tear_down(void **state) {
    close_fd(&ends[0]);
    close_fd(&ends[1]);
    return 0;
}

#define MANY 1000000u

static void *write_much(void *arg) {
    unsigned char byte = 0;
    for (unsigned i = 0; i < MANY; i++, byte++)
        if (linfsp_stream_write(&to, &byte, 1) < 0)
            return "write";
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (linfsp_stream_send_fd(&to, fd) < 0)
        return "fd";
    close(fd);
    if (linfsp_stream_write(&to, "end", 3) < 0 || fsp_stream_send(&to, FSP_PACKET_END, NULL, 0, NULL, 0) < 0)
        return "end";
    return NULL;
}

static void test_order(void **state) {
    pthread_t writer;
    unsigned char bytes[999];
    size_t seen = 0;
    int fd = -1;
    void *result;
    assert_int_equal(pthread_create(&writer, NULL, write_much, NULL), 0);
    while (seen < MANY) {
        size_t step = MANY - seen < sizeof bytes ? MANY - seen : sizeof bytes;
        assert_int_equal(linfsp_stream_read(&from, bytes, step), 0);
        for (size_t i = 0; i < step; i++)
            assert_int_equal(bytes[i], (unsigned char)(seen + i));
        seen += step;
    }
    assert_int_equal(linfsp_stream_receive_fd(&from, &fd), 0);
    assert_int_equal(read(fd, bytes, 5), 5);
    close(fd);
    assert_int_equal(linfsp_stream_read(&from, bytes, 3), 0);
    assert_memory_equal(bytes, "end", 3);
    assert_int_equal(fsp_stream_receive(&from, NULL, 0, NULL), FSP_PACKET_END);
    pthread_join(writer, &result);
    assert_null(result);
}

static void test_not_in_order(void **state) {
    int fd;
    char byte;
    assert_int_equal(linfsp_stream_write(&to, "ab", 2), 0);
    assert_int_equal(linfsp_stream_send_fd(&to, 0), 0);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), 0);
    assert_int_equal(linfsp_stream_receive_fd(&from, &fd), -EPROTO); /* there is a byte before it */
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), -EPROTO); /* for good */
}

static void test_other_has_ended(void **state) {
    char byte;
    assert_int_equal(linfsp_stream_write(&to, "a", 1), 0);
    assert_int_equal(fsp_stream_flush(&to), 0);
    close_fd(&ends[0]);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), 0);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), -ECONNRESET);
}

static void test_other_does_not_read(void **state) {
    char *bytes = calloc(1, 1 << 20);
    int r = fsp_stream_init(&to, ends[0], 50);
    for (unsigned i = 0; i < 100 && r == 0; i++)
        r = linfsp_stream_write(&to, bytes, 1 << 20);
    free(bytes);
    assert_int_equal(r, -ETIMEDOUT);
    assert_int_equal(linfsp_stream_write(&to, "a", 1), -ETIMEDOUT);
}

static void test_other_does_not_write(void **state) {
    char byte;
    assert_int_equal(fsp_stream_init(&from, ends[1], 50), 0);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), -ETIMEDOUT);
}

static void test_other_has_given_up(void **state) {
    char bytes[3];
    int32_t error = -ENOMEM;
    assert_int_equal(linfsp_stream_write(&to, "a", 1), 0);
    assert_int_equal(fsp_stream_send(&to, FSP_PACKET_REFUSED, &error, sizeof error, NULL, 0), 0);
    assert_int_equal(linfsp_stream_read(&from, bytes, 3), -ENOMEM);
}

static void test_other_version(void **state) {
    struct fsp_packet packet = {.magic = FSP_STREAM_MAGIC, .version = FSP_STREAM_VERSION + 1, .type = FSP_PACKET_DATA};
    char byte;
    assert_int_equal(socket_send(ends[0], &packet, sizeof packet, (int[]){0}, 1), 0);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), -EMSGSIZE); /* a descriptor that does not belong there */
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
    assert_int_equal(socket_send(ends[0], &packet, sizeof packet, NULL, 0), 0);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), -EPROTO);
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
    assert_int_equal(socket_send(ends[0], "xyz", 3, NULL, 0), 0);
    assert_int_equal(linfsp_stream_read(&from, &byte, 1), -EPROTO);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_order),
        TEST(test_not_in_order),
        TEST(test_other_has_ended),
        TEST(test_other_does_not_read),
        TEST(test_other_does_not_write),
        TEST(test_other_has_given_up),
        TEST(test_other_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
