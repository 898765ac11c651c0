/* view/hash.h: the hash of a stored key, for the memtables' filters and the runs' buckets. It is
 * stored nowhere as such, but sixteen of its bits and the bucket they lie in are: to change it is
 * to change the format of runs. */
#pragma once
#include "base/slice.h"
#include <stdint.h>
#include <string.h>

static inline uint64_t view_hash(struct mr_slice key)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = key.len * odd, word;
    size_t at = 0;
    for (; key.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, key.ptr + at, sizeof(word));
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    word = 0;
    if (key.len > at)
        memcpy(&word, key.ptr + at, key.len - at);
    hash = (hash ^ word) * odd;
    return (hash ^ hash >> 29) * odd;
}
