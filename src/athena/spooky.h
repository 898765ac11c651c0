/* athena/spooky.h: SpookyHash V2, Bob Jenkins's hash of the public domain.
 *
 * Both seeds are 0; the 64 bits are the first of its 128, the 32 the least of these. */
#pragma once
#include "base/slice.h"

uint64_t athena_spooky(struct mr_slice bytes);
