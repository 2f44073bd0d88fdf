/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <utf8proc.h>

#include "util/utf8.h"

int names_init(struct names *names, bool fold) {
    uint64_t key[2];
    if (getrandom(key, sizeof key, 0) != sizeof key)
        return -errno;
    *names = (struct names){.fold = fold, .key = {key[0], key[1]}};
    return 0;
}

/* ---- folding --------------------------------------------------------------------------------------------------- */

/* utf8proc knows the full folding (C and F) and the lower case. A full folding of one character is the simple one;
 * where it is several, the S row, if there is one, is the lower case. Only U+0130 has a lower case (of Turkic folding)
 * and no S row. */
static uint32_t fold_character(uint32_t character) {
    if (character < 0x80)
        return character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : character;
    utf8proc_int32_t folded[8];
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char((utf8proc_int32_t)character, folded,
                                                     sizeof folded / sizeof *folded, UTF8PROC_CASEFOLD, &boundary);
    if (count == 1)
        return (uint32_t)folded[0];
    return character == 0x130 ? character : (uint32_t)utf8proc_tolower((utf8proc_int32_t)character);
}

static bool is_utf8(const char *name, size_t size) {
    for (size_t at = 0; at < size;) {
        uint32_t character;
        size_t step = (unsigned char)name[at] < 0x80 ? 1 : utf8_decode(name + at, size - at, &character);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

/* The folded character at *at of a valid name; moves on. */
static uint32_t next_folded(const char *name, size_t size, size_t *at) {
    uint32_t character = (unsigned char)name[*at];
    size_t step = character < 0x80 ? 1 : utf8_decode(name + *at, size - *at, &character);
    *at += step;
    return fold_character(character);
}

static bool equal_folded(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t a_at = 0, b_at = 0;
    while (a_at < a_size && b_at < b_size)
        if (next_folded(a, a_size, &a_at) != next_folded(b, b_size, &b_at))
            return false;
    return a_at == a_size && b_at == b_size;
}

bool names_equal(const struct names *names, const char *a, size_t a_size, const char *b, size_t b_size) {
    if (a_size == b_size && memcmp(a, b, a_size) == 0)
        return true;
    return names->fold && is_utf8(a, a_size) && is_utf8(b, b_size) && equal_folded(a, a_size, b, b_size);
}

/* ---- hashing --------------------------------------------------------------------------------------------------- */

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, int by) {
    return value << by | value >> (64 - by);
}

static inline void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word) {
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static uint32_t hash_bytes(const uint64_t key[2], const char *bytes, size_t size) {
    struct sip s = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                    key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word;
    size_t at = 0;
    for (; at + sizeof word <= size; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        sip_word(&s, word);
    }
    word = 0;
    memcpy(&word, bytes + at, size - at);
    sip_word(&s, word | (uint64_t)size << 56);
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    uint64_t hash = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    return (uint32_t)(hash ^ hash >> 32);
}

/* Folding may lengthen a character's form, by one byte to at most twice its size. */
static size_t fold_name(const char *name, size_t size, char ret_folded[2 * 256]) {
    size_t used = 0;
    for (size_t at = 0; at < size;)
        used += (size_t)utf8proc_encode_char((utf8proc_int32_t)next_folded(name, size, &at),
                                             (utf8proc_uint8_t *)ret_folded + used);
    return used;
}

uint32_t names_spelling(const struct names *names, const char *name, size_t size) {
    return hash_bytes(names->key, name, size);
}

uint32_t names_hash(const struct names *names, const char *name, size_t size) {
    char folded[2 * 256];
    if (!names->fold || size > 255 || !is_utf8(name, size))
        return hash_bytes(names->key, name, size);
    return hash_bytes(names->key, folded, fold_name(name, size, folded));
}
