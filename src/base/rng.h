/* base/rng.h: random numbers from a named source: the system's in the server, a seed in tests.
 * Thread-safe for the system source only. */
#pragma once
#include "base/slice.h"

struct mr_rng {
    uint64_t state[4]; /* xoshiro256**; unused when `system` */
    bool system;       /* getrandom(2), buffered per thread */
};
void mr_rng_init_system(struct mr_rng *rng);
void mr_rng_init_seed(struct mr_rng *rng, uint64_t seed);
uint64_t mr_rng_u64(struct mr_rng *rng);
uint64_t mr_rng_below(struct mr_rng *rng, uint64_t bound); /* 0 .. bound-1, unbiased */
void mr_rng_fill(struct mr_rng *rng, void *ret, size_t len);
/* Lower-case "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" into 37 bytes (NUL added). */
void mr_rng_uuid(struct mr_rng *rng, char ret[static 37]);
/* `len` characters of `alphabet` and a NUL. */
void mr_rng_text(struct mr_rng *rng, const char *alphabet, size_t len, char *ret);
