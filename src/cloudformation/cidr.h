/* cloudformation/cidr.h: address blocks cut into smaller ones. Pure. */
#pragma once
#include "base/arena.h"

/* The `index`th of the `count` blocks of `bits` host bits each within `block` ("10.0.0.0/16",
 * "2001:db8::/56"). NULL, or what is wrong. */
const char *cidr_block(struct mr_arena *arena, struct mr_slice block, int64_t count, int64_t bits,
                       int64_t index, struct mr_slice *ret_block);
