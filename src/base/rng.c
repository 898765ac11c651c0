#include "base/rng.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum { SYSTEM_WORDS = 64 };

static _Thread_local struct {
    uint64_t words[SYSTEM_WORDS];
    size_t left;
} system_pool;

static void system_fill(void *ret, size_t len)
{
    char *at = ret;
    while (len > 0) {
        ssize_t done = getrandom(at, len, 0);
        if (done < 0 && errno != EINTR)
            abort(); /* no kernel that millrace runs on lacks it */
        if (done > 0) {
            at += done;
            len -= (size_t)done;
        }
    }
}

static uint64_t system_u64(void)
{
    if (system_pool.left == 0) {
        system_fill(system_pool.words, sizeof(system_pool.words));
        system_pool.left = SYSTEM_WORDS;
    }
    uint64_t value = system_pool.words[--system_pool.left];
    system_pool.words[system_pool.left] = 0; /* handed out once, kept nowhere */
    return value;
}

void mr_rng_init_system(struct mr_rng *rng)
{
    *rng = (struct mr_rng){.system = true};
}

void mr_rng_init_seed(struct mr_rng *rng, uint64_t seed)
{
    *rng = (struct mr_rng){0};
    for (size_t i = 0; i < MR_COUNT(rng->state); i++) { /* splitmix64 */
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate(uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

uint64_t mr_rng_u64(struct mr_rng *rng)
{
    if (rng->system)
        return system_u64();
    uint64_t *s = rng->state; /* xoshiro256** */
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t mr_rng_below(struct mr_rng *rng, uint64_t bound)
{
    assert(bound > 0);
    uint64_t uneven = (0 - bound) % bound; /* 2^64 mod bound: draws below it would favour some */
    for (;;) {
        uint64_t draw = mr_rng_u64(rng);
        if (draw >= uneven)
            return draw % bound;
    }
}

void mr_rng_fill(struct mr_rng *rng, void *ret, size_t len)
{
    char *at = ret;
    while (len > 0) {
        uint64_t word = mr_rng_u64(rng);
        size_t part = len < sizeof(word) ? len : sizeof(word);
        memcpy(at, &word, part);
        at += part;
        len -= part;
    }
}

void mr_rng_uuid(struct mr_rng *rng, char ret[static 37])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    mr_rng_fill(rng, bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret[at++] = '-';
        ret[at++] = digits[bytes[i] >> 4];
        ret[at++] = digits[bytes[i] & 15];
    }
    ret[at] = '\0';
}

void mr_rng_text(struct mr_rng *rng, const char *alphabet, size_t len, char *ret)
{
    size_t letters = strlen(alphabet);
    for (size_t i = 0; i < len; i++)
        ret[i] = alphabet[mr_rng_below(rng, letters)];
    ret[len] = '\0';
}
