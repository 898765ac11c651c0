#include "athena/spooky.h"
#include <string.h>

enum { SHORT = 4, LONG = 12, SHORT_BYTES = SHORT * 8, LONG_BYTES = LONG * 8, LONG_FROM = 192 };
#define FILLER UINT64_C(0xdeadbeefdeadbeef)

static uint64_t turned(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t word_at(struct mr_slice bytes, size_t at)
{
    uint64_t word = 0;
    const size_t left = at < bytes.len ? bytes.len - at : 0;
    memcpy(&word, bytes.ptr + (left > 0 ? at : 0), left < sizeof word ? left : sizeof word);
    return word;
}

/* ---- up to 191 bytes: four words of state ---- */

static void mix_short(uint64_t *state)
{
    static const int turns[] = {50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        uint64_t *word = &state[(i + 2) % SHORT];
        *word = turned(*word, turns[i]) + state[(i + 3) % SHORT];
        state[i % SHORT] ^= *word;
    }
}

static void end_short(uint64_t *state)
{
    static const int turns[] = {15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        uint64_t *word = &state[(i + 2) % SHORT], *next = &state[(i + 3) % SHORT];
        *next ^= *word;
        *word = turned(*word, turns[i]);
        *next += *word;
    }
}

static uint64_t hash_short(struct mr_slice bytes)
{
    uint64_t state[SHORT] = {0, 0, FILLER, FILLER};
    size_t at = 0;
    for (; bytes.len - at >= SHORT_BYTES; at += SHORT_BYTES) {
        state[2] += word_at(bytes, at);
        state[3] += word_at(bytes, at + 8);
        mix_short(state);
        state[0] += word_at(bytes, at + 16);
        state[1] += word_at(bytes, at + 24);
    }
    if (bytes.len - at >= SHORT_BYTES / 2) {
        state[2] += word_at(bytes, at);
        state[3] += word_at(bytes, at + 8);
        mix_short(state);
        at += SHORT_BYTES / 2;
    }
    state[3] += (uint64_t)bytes.len << 56;
    state[2] += at < bytes.len ? word_at(bytes, at) : FILLER;
    state[3] += at < bytes.len ? word_at(bytes, at + 8) : FILLER;
    end_short(state);
    return state[0];
}

/* ---- more: twelve ---- */

static void mix_long(uint64_t *state, struct mr_slice bytes, size_t at)
{
    static const int turns[LONG] = {11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46};
    for (size_t i = 0; i < LONG; i++) {
        uint64_t *word = &state[i], *last = &state[(i + 11) % LONG];
        *word += word_at(bytes, at + i * 8);
        state[(i + 2) % LONG] ^= state[(i + 10) % LONG];
        *last ^= *word;
        *word = turned(*word, turns[i]);
        *last += state[(i + 1) % LONG];
    }
}

static void end_long(uint64_t *state)
{
    static const int turns[LONG] = {44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54};
    for (size_t i = 0; i < LONG; i++) {
        uint64_t *word = &state[(i + 1) % LONG], *last = &state[(i + 11) % LONG];
        *last += *word;
        state[(i + 2) % LONG] ^= *last;
        *word = turned(*word, turns[i]);
    }
}

static uint64_t hash_long(struct mr_slice bytes)
{
    uint64_t state[LONG];
    char rest[LONG_BYTES] = {0};
    size_t at = 0;
    for (size_t i = 0; i < LONG; i++)
        state[i] = i % 3 == 2 ? FILLER : 0;
    for (; bytes.len - at >= LONG_BYTES; at += LONG_BYTES)
        mix_long(state, bytes, at);
    memcpy(rest, bytes.ptr + at, bytes.len - at);
    rest[LONG_BYTES - 1] = (char)(bytes.len - at);
    for (size_t i = 0; i < LONG; i++)
        state[i] += word_at(mr_slice_make(rest, sizeof rest), i * 8);
    for (int i = 0; i < 3; i++)
        end_long(state);
    return state[0];
}

uint64_t athena_spooky(struct mr_slice bytes)
{
    return bytes.len < LONG_FROM ? hash_short(bytes) : hash_long(bytes);
}
