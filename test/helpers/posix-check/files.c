/* SPDX-License-Identifier: MIT */
/* Regular files: opening, reading, writing, appending, mapping, syncing, and being unlinked while open. */
#include "posix-check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

static void file_write_and_read(void) {
    char got[16];
    int fd = open_new("f");
    EQUAL(write(fd, "hello world", 11), 11);
    EQUAL(pread(fd, got, sizeof got, 6), 5);
    EXPECT(memcmp(got, "world", 5) == 0);
    EQUAL(pread(fd, got, sizeof got, 11), 0);
    EQUAL(pread(fd, got, sizeof got, 1000), 0);
    EQUAL(pwrite(fd, "H", 1, 0), 1);
    EQUAL(stat_of("f").st_size, 11);
    EQUAL(stat_of("f").st_blocks, 8);
    OK(close(fd));
    expect_file("f", "Hello world");
}

static void file_open_flags(void) {
    put_file("f", "x");
    OK(mkdir("d", 0777));
    FAILS(EEXIST, open("f", O_CREAT | O_EXCL | O_RDWR, 0666));
    FAILS(EEXIST, open("d", O_CREAT | O_EXCL | O_RDWR, 0666));
    FAILS(ENOENT, open("g", O_RDWR));
    FAILS(ENOTDIR, open("f/x", O_RDONLY));
    FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
    FAILS(EISDIR, open("d", O_WRONLY));
    FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0666));
    OK(symlink("f", "l"));
    OK(symlink("nowhere", "dangling"));
    FAILS(ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
    FAILS(EEXIST, open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0666));
    int fd = (int)OK(open("dangling", O_CREAT | O_WRONLY, 0666));
    OK(close(fd));
    EXPECT(S_ISREG(stat_of("nowhere").st_mode));
    fd = (int)OK(open("f", O_RDONLY));
    FAILS(EBADF, write(fd, "x", 1));
}

static void file_o_trunc(void) {
    put_file("f", "much of it");
    int reader = (int)OK(open("f", O_RDONLY));
    int fd = (int)OK(open("f", O_WRONLY | O_TRUNC));
    EQUAL(stat_of("f").st_size, 0);
    EQUAL(stat_of("f").st_blocks, 0);
    char got[16];
    EQUAL(read(reader, got, sizeof got), 0);
    EQUAL(write(fd, "new", 3), 3);
    EQUAL(pread(reader, got, sizeof got, 0), 3);
    expect_file("f", "new");
}

static void file_o_append(void) {
    int a = (int)OK(open("f", O_CREAT | O_WRONLY | O_APPEND, 0666));
    int b = (int)OK(open("f", O_WRONLY | O_APPEND));
    EQUAL(write(a, "one", 3), 3);
    EQUAL(write(b, "two", 3), 3);
    EQUAL(lseek(a, 0, SEEK_SET), 0);
    EQUAL(write(a, "three", 5), 5);
    EQUAL(lseek(a, 0, SEEK_CUR), 11);
    OK(truncate("f", 3));
    EQUAL(write(b, "!", 1), 1);
    expect_file("f", "one!");
}

/* Records of several processes, none lost or torn. */
static void file_append_by_many(void) {
    enum { WRITERS = 4, RECORDS = 500, SIZE = 64 };
    for (int writer = 0; writer < WRITERS; writer++)
        if (OK(fork()) == 0) {
            char record[SIZE];
            int fd = (int)OK(open("f", O_CREAT | O_WRONLY | O_APPEND, 0666));
            memset(record, 'a' + writer, sizeof record);
            for (int i = 0; i < RECORDS; i++)
                EQUAL(write(fd, record, SIZE), SIZE);
            _exit(0);
        }
    int status, counts[WRITERS] = {0};
    for (int writer = 0; writer < WRITERS; writer++) {
        OK(wait(&status));
        EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    char record[SIZE];
    int fd = (int)OK(open("f", O_RDONLY));
    while (OK(read(fd, record, SIZE)) == SIZE) {
        for (int i = 1; i < SIZE; i++)
            EQUAL(record[i], record[0]);
        counts[record[0] - 'a']++;
    }
    for (int writer = 0; writer < WRITERS; writer++)
        EQUAL(counts[writer], RECORDS);
}

static void file_unlinked_but_open(void) {
    char got[8];
    int fd = open_new("f");
    EQUAL(write(fd, "before", 6), 6);
    OK(unlink("f"));
    expect_absent("f");
    EQUAL(pwrite(fd, "after", 5, 6), 5);
    EQUAL(pread(fd, got, 8, 6), 5);
    struct stat status;
    OK(fstat(fd, &status));
    EQUAL(status.st_nlink, 0);
    EQUAL(status.st_size, 11);
    OK(ftruncate(fd, 3));
    OK(fchmod(fd, 0600));
    put_file("f", "another");
    EQUAL(pread(fd, got, 8, 0), 3);
    EXPECT(memcmp(got, "bef", 3) == 0);
    expect_file("f", "another");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = (int)OK(open(path, O_RDONLY));
    EQUAL(read(again, got, 8), 3);
}

static void file_o_tmpfile(void) {
    int fd = (int)OK(open(".", O_TMPFILE | O_RDWR, 0640));
    EQUAL(write(fd, "hidden", 6), 6);
    struct stat status;
    OK(fstat(fd, &status));
    EQUAL(status.st_nlink, 0);
    EQUAL(status.st_mode, S_IFREG | 0640);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW));
    expect_file("shown", "hidden");
    EQUAL(stat_of("shown").st_nlink, 1);
    FAILS(EEXIST, linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW));
    int never = (int)OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    snprintf(path, sizeof path, "/proc/self/fd/%d", never);
    FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
}

static void file_truncate(void) {
    char got[16];
    put_file("f", "0123456789");
    OK(truncate("f", 5));
    expect_file("f", "01234");
    OK(truncate("f", 8));
    int fd = (int)OK(open("f", O_RDWR));
    EQUAL(read(fd, got, sizeof got), 8);
    EXPECT(memcmp(got, "01234\0\0\0", 8) == 0);
    OK(ftruncate(fd, 0));
    EQUAL(stat_of("f").st_size, 0);
    OK(ftruncate(fd, 10000));
    EQUAL(pread(fd, got, 4, 9996), 4);
    EXPECT(memcmp(got, "\0\0\0\0", 4) == 0);
    FAILS(EINVAL, ftruncate(fd, -1));
    int reader = (int)OK(open("f", O_RDONLY));
    FAILS(EINVAL, ftruncate(reader, 0));
    OK(mkdir("d", 0777));
    FAILS(EISDIR, truncate("d", 0));
    FAILS(ENOENT, truncate("g", 0));
}

/* Random reads, writes, truncations and mappings against a copy in memory. */
static void file_random_operations(void) {
    enum { SPAN = 300000, STEPS = 4000 };
    static char model[SPAN], bytes[SPAN], got[SPAN];
    size_t size = 0;
    int fd = open_new("f");
    for (int step = 0; step < STEPS; step++) {
        size_t offset = draw(SPAN), length = draw(draw(4) ? 5000 : SPAN);
        if (length > SPAN - offset)
            length = SPAN - offset;
        switch (draw(5)) {
        case 0:
            OK(ftruncate(fd, (off_t)offset));
            if (offset < size)
                memset(model + offset, 0, size - offset);
            size = offset;
            break;
        case 1:
        case 2:
            for (size_t i = 0; i < length; i++)
                bytes[i] = (char)draw(256);
            EQUAL(pwrite(fd, bytes, length, (off_t)offset), length);
            memcpy(model + offset, bytes, length);
            if (length > 0 && offset + length > size)
                size = offset + length;
            break;
        case 3:
            if (offset < size && length > 0) {
                char *map = mmap(NULL, SPAN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                EXPECT(map != MAP_FAILED);
                if (length > size - offset)
                    length = size - offset;
                memset(map + offset, (int)step, length);
                memset(model + offset, (int)step, length);
                EXPECT(memcmp(map, model, size) == 0);
                OK(munmap(map, SPAN));
            }
            break;
        default:
            length = size > offset && size - offset < length ? size - offset : size > offset ? length : 0;
            EQUAL(pread(fd, got, length, (off_t)offset), length);
            EXPECT(memcmp(got, model + offset, length) == 0);
        }
        struct stat status;
        OK(fstat(fd, &status));
        EQUAL(status.st_size, size);
    }
}

static void file_o_direct(void) {
    enum { SIZE = 1 << 19 };
    char *a, *b;
    EXPECT(posix_memalign((void **)&a, 4096, SIZE) == 0 && posix_memalign((void **)&b, 4096, SIZE) == 0);
    int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0666);
    if (fd < 0 && errno == EINVAL && on_tmpfs())
        skip("this kernel's tmpfs has no O_DIRECT");
    EXPECT(fd >= 0);
    int buffered = (int)OK(open("f", O_RDWR));
    for (int i = 0; i < SIZE; i++)
        a[i] = (char)draw(256);
    EQUAL(pwrite(fd, a, SIZE, 8192), SIZE);
    EQUAL(pread(fd, b, SIZE, 8192), SIZE);
    EXPECT(memcmp(a, b, SIZE) == 0);
    EQUAL(pread(buffered, b, SIZE, 8192), SIZE);
    EXPECT(memcmp(a, b, SIZE) == 0);
    EQUAL(pwrite(buffered, "through the cache", 17, 8192), 17);
    EQUAL(pread(fd, b, 4096, 8192), 4096);
    EXPECT(memcmp(b, "through the cache", 17) == 0);
    EQUAL(stat_of("f").st_size, 8192 + SIZE);
}

static void file_shared_mmap(void) {
    char got[8];
    int fd = open_new("f");
    OK(ftruncate(fd, 10000));
    char *a = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(NULL, 10000, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT(a != MAP_FAILED && b != MAP_FAILED);
    memcpy(a + 5000, "mapped", 6);
    EXPECT(memcmp(b + 5000, "mapped", 6) == 0);
    EQUAL(pread(fd, got, 6, 5000), 6);
    EXPECT(memcmp(got, "mapped", 6) == 0);
    EQUAL(pwrite(fd, "written", 7, 100), 7);
    EXPECT(memcmp(a + 100, "written", 7) == 0);
    OK(msync(a, 10000, MS_SYNC));
    if (OK(fork()) == 0) {
        a[1] = 'c';
        _exit(0);
    }
    int status;
    OK(wait(&status));
    EQUAL(b[1], 'c');
    OK(munmap(a, 10000));
    OK(close(fd));
    fd = (int)OK(open("f", O_RDONLY | O_DIRECT | O_CLOEXEC));
    static char block[4096] __attribute__((aligned(4096)));
    EQUAL(pread(fd, block, 4096, 4096), 4096);
    EXPECT(memcmp(block + 5000 - 4096, "mapped", 6) == 0);
}

static void file_private_mmap(void) {
    put_file("f", "unchanged");
    int fd = (int)OK(open("f", O_RDONLY));
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    EXPECT(map != MAP_FAILED);
    memcpy(map, "other", 5);
    expect_file("f", "unchanged");
    FAILS(EACCES, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
}

static void touch_behind_end(void) {
    int fd = (int)OK(open("f", O_RDWR));
    volatile char *map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED);
    EQUAL(map[4095], 0); /* of the last page: zeros */
    EQUAL(map[4096], 0); /* of no page */
}

static void file_mmap_behind_end(void) {
    int status;
    put_file("f", "short");
    pid_t child = (pid_t)OK(fork());
    if (child == 0) {
        touch_behind_end();
        _exit(0);
    }
    OK(waitpid(child, &status, 0));
    EXPECT(WIFSIGNALED(status));
    EQUAL(WTERMSIG(status), SIGBUS);
}

static void file_sync(void) {
    int fd = open_new("f"), directory = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
    EQUAL(write(fd, "x", 1), 1);
    OK(fsync(fd));
    OK(fdatasync(fd));
    OK(fsync(directory));
    OK(fdatasync(directory));
    OK(syncfs(directory));
    int synchronous = (int)OK(open("f", O_WRONLY | O_SYNC));
    EQUAL(write(synchronous, "y", 1), 1);
    expect_file("f", "y");
}

static void file_splice_and_sendfile(void) {
    int ends[2], from = open_new("a"), to = open_new("b");
    static char bytes[100000], got[100000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)draw(256);
    EQUAL(write(from, bytes, sizeof bytes), sizeof bytes);
    off_t offset = 0;
    while (offset < (off_t)sizeof bytes)
        EXPECT(OK(sendfile(to, from, &offset, sizeof bytes - (size_t)offset)) > 0);
    EQUAL(pread(to, got, sizeof got, 0), sizeof got);
    EXPECT(memcmp(bytes, got, sizeof got) == 0);
    OK(pipe(ends));
    loff_t at = 10;
    EQUAL(splice(from, &at, ends[1], NULL, 4000, 0), 4000);
    at = 50000;
    EQUAL(splice(ends[0], NULL, to, &at, 4000, 0), 4000);
    EQUAL(pread(to, got, 4000, 50000), 4000);
    EXPECT(memcmp(bytes + 10, got, 4000) == 0);
}

static void run_copy(void) {
    execl("./true", "true", "--list", NULL);
    fail_at(__FILE__, __LINE__, "exec: %s", strerror(errno));
}

static void file_execute(void) {
    int from = (int)OK(open("/proc/self/exe", O_RDONLY)), to = (int)OK(open("true", O_WRONLY | O_CREAT, 0755));
    off_t offset = 0, size = lseek(from, 0, SEEK_END);
    errno = 0;
    while (offset < size)
        if (sendfile(to, from, &offset, (size_t)(size - offset)) < 0 && errno == ENOSPC)
            skip("files may not be as large as this program (memfs -s)");
        else
            EQUAL(errno, 0);
    OK(close(to));
    OK(dup2(OK(open("/dev/null", O_WRONLY)), STDOUT_FILENO));
    in_child(run_copy);
    FAILS(ENOENT, open("nothing", O_RDONLY));
}

/* ---- many at once ---------------------------------------------------------------------------------------------- */

enum { HANDS = 4, STEPS = 1500, HELD = 3, BLOCKS = 96, BLOCK = 4096, GROWTHS = 3000 };

/* Runs function(i) in a process for each i below count. */
static void all_hands(int count, void (*function)(int)) {
    pid_t hands[HANDS];
    int status, failed = 0;
    for (int i = 0; i < count; i++) {
        hands[i] = (pid_t)OK(fork());
        if (hands[i] == 0) {
            function(i);
            _exit(0);
        }
    }
    for (int i = 0; i < count; i++) {
        OK(waitpid(hands[i], &status, 0));
        failed = status ? status : failed;
    }
    if (WIFSIGNALED(failed))
        fail_at(__FILE__, __LINE__, "one of many ended by signal %d", WTERMSIG(failed));
    if (failed != 0)
        _exit(WEXITSTATUS(failed)); /* it has said why */
}

/* What a word of a block holds once it was written, whoever wrote it; else it is zero. "lasting" is never made shorter,
 * so it can be mapped; the others come and go under two names. */
static uint64_t word_of(bool lasting, uint64_t block) {
    return (uint64_t)(lasting ? 2 : 1) << 32 | (block + 1);
}

static void expect_blocks(const uint64_t *words, bool lasting, uint64_t block, size_t size) {
    for (size_t i = 0; i < size / sizeof *words; i++) {
        uint64_t at = block + i * sizeof *words / BLOCK;
        if (words[i] != 0 && words[i] != word_of(lasting, at))
            fail_at(__FILE__, __LINE__, "block %llu holds %llx", (unsigned long long)at, (unsigned long long)words[i]);
    }
}

static void write_blocks(int fd, bool lasting, uint64_t block, uint64_t count) {
    static uint64_t words[BLOCKS * BLOCK / sizeof(uint64_t)];
    for (size_t i = 0; i < count * BLOCK / sizeof *words; i++)
        words[i] = word_of(lasting, block + i * sizeof *words / BLOCK);
    EQUAL(pwrite(fd, words, count * BLOCK, (off_t)(block * BLOCK)), count * BLOCK);
}

static void read_blocks(int fd, bool lasting, uint64_t block, uint64_t count) {
    static uint64_t words[BLOCKS * BLOCK / sizeof(uint64_t)];
    ssize_t size = OK(pread(fd, words, count * BLOCK, (off_t)(block * BLOCK)));
    expect_blocks(words, lasting, block, (size_t)size);
}

/* All there is, and the last block with an even chance. lseek waits for whoever writes. Through FUSE fstat does not:
 * while a write makes a file longer it may know of that before the page cache does (docs/adr/0020). */
static void map_blocks(int fd) {
    size_t size = (size_t)OK(lseek(fd, 0, SEEK_END)), count = size / BLOCK;
    if (count == 0)
        return;
    uint64_t *words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(words != MAP_FAILED);
    size_t block = draw(2) ? draw(count) : count - 1;
    words[block * BLOCK / sizeof *words] = word_of(true, block);
    expect_blocks(words, true, 0, size);
    OK(munmap(words, size));
}

static void disturb_file(int fd, bool lasting) {
    uint64_t block = draw(BLOCKS), count = 1 + draw(BLOCKS - block);
    switch (draw(lasting ? 5 : 7)) {
    case 0:
    case 1:
        write_blocks(fd, lasting, block, draw(3) ? 1 : count);
        return;
    case 2:
    case 3:
        read_blocks(fd, lasting, block, count);
        return;
    case 4:
        if (lasting)
            map_blocks(fd);
        return;
    case 5:
        OK(ftruncate(fd, (off_t)(block * BLOCK)));
        return;
    default:
        OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(block * BLOCK), (off_t)(count * BLOCK)));
    }
}

static void move_file(const char *name) {
    int r = draw(2) ? unlink(name) : rename(name, *name == 'a' ? "b" : "a");
    EXPECT(r == 0 || errno == ENOENT);
}

/* Keeps some files open, reads through others, and never is refused. */
static void disturb_all(int hand) {
    static const char *const names[] = {"a", "b", "lasting"};
    int held[HELD] = {-1, -1, -1}, which[HELD] = {0};
    for (int i = 0; i <= hand * 7; i++)
        draw(2);
    for (int step = 0; step < STEPS; step++) {
        int slot = (int)draw(HELD), file = (int)draw(3);
        if (held[slot] >= 0 && draw(3) == 0) {
            OK(close(held[slot]));
            held[slot] = -1;
        }
        if (held[slot] < 0) {
            int truncate = file < 2 && draw(8) == 0 ? O_TRUNC : 0;
            held[slot] = (int)OK(open(names[file], O_RDWR | O_CREAT | truncate, 0666));
            which[slot] = file;
        }
        disturb_file(held[slot], which[slot] == 2);
        int fd = open(names[file], O_RDONLY);
        EXPECT(fd >= 0 || errno == ENOENT);
        if (fd >= 0) {
            read_blocks(fd, file == 2, draw(BLOCKS), 1);
            OK(close(fd));
        }
        if (file < 2 && draw(20) == 0)
            move_file(names[file]);
    }
}

/* However its openings overlap, and whatever size it is meanwhile, a file is one file, to be opened, and the same to
 * all. */
static void file_many_hands(void) {
    all_hands(HANDS, disturb_all);
}

static void read_last_byte(int fd, off_t size) {
    char byte = 0;
    EQUAL(pread(fd, &byte, 1, size - 1), 1);
    EQUAL(byte, 'x');
}

static void touch_last_byte(int fd, off_t size) {
    off_t page = (size - 1) / BLOCK * BLOCK;
    char *map = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
    EXPECT(map != MAP_FAILED);
    EQUAL(((volatile char *)map)[size - 1 - page], 'x');
    OK(munmap(map, BLOCK));
}

/* The first makes it longer, at times by less than a page; the others look at its end, wherever that is. */
static void grow_or_look(int hand) {
    static const char bytes[BLOCK] = {[0 ... BLOCK - 1] = 'x'};
    int fd = (int)OK(open("f", O_RDWR));
    off_t size = 0, end = (off_t)GROWTHS / 2 * (BLOCK + 100);
    while (size < end) {
        if (hand == 0) {
            size_t step = size % (BLOCK + 100) ? 100 : BLOCK;
            EQUAL(pwrite(fd, bytes, step, size), step);
            size += (off_t)step;
            continue;
        }
        off_t now = OK(lseek(fd, 0, SEEK_END));
        EXPECT(now >= size);
        size = now;
        if (size > 0)
            (hand == 1 ? read_last_byte : touch_last_byte)(fd, size);
    }
}

/* What is there by lseek is there to be read and to be mapped. */
static void file_grows_under_readers(void) {
    OK(close(open_new("f")));
    all_hands(3, grow_or_look);
}

const struct check file_checks[] = {
    CHECK(file_write_and_read),
    CHECK(file_open_flags),
    CHECK(file_o_trunc),
    CHECK(file_o_append),
    CHECK(file_append_by_many),
    CHECK(file_unlinked_but_open),
    CHECK(file_o_tmpfile),
    CHECK(file_truncate),
    CHECK(file_random_operations),
    CHECK(file_o_direct),
    CHECK(file_shared_mmap),
    CHECK(file_private_mmap),
    CHECK(file_mmap_behind_end),
    CHECK(file_sync),
    CHECK(file_splice_and_sendfile),
    CHECK(file_execute),
    CHECK(file_many_hands),
    CHECK(file_grows_under_readers),
    CHECKS_END,
};
