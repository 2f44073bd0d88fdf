/* SPDX-License-Identifier: MIT */
/*
 * Names: when two are the same, and their hash.
 *
 * Model. Without folding two names are the same when their bytes are. With folding (-i) they are the same when
 * Unicode's simple case folding of them is: one character to one, the C and S rows of CaseFolding.txt, no
 * normalization, as on NTFS. A name that is not valid UTF-8 is the same only as its own bytes. The hash is SipHash-1-3
 * with a key chosen at random, over the folded name: nobody who can make names can choose them so that they all
 * collide.
 */
#ifndef MEMFS_NAMES_H
#define MEMFS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names {
    bool fold;
    uint64_t key[2];
};

/* Takes the key from the kernel. */
int names_init(struct names *names, bool fold);
uint32_t names_hash(const struct names *names, const char *name, size_t size);
/* Of the bytes as they are, whether folding or not. */
uint32_t names_spelling(const struct names *names, const char *name, size_t size);
bool names_equal(const struct names *names, const char *a, size_t a_size, const char *b, size_t b_size);

#endif
