/* Fn::Cidr. */
#include "cloudformation/cidr.h"
#include "base/slice.h"
#include <arpa/inet.h>

enum { CIDR_BLOCKS_MAX = 256 }; /* AWS */

/* Puts `index`, of 8 bits at most, above the lowest `bits` bits, which with these are zero. */
static void place(unsigned char *address, size_t len, size_t bits, unsigned index)
{
    const unsigned shifted = index << bits % 8;
    if (bits / 8 < len)
        address[len - 1 - bits / 8] |= (unsigned char)shifted;
    if (bits / 8 + 1 < len)
        address[len - 2 - bits / 8] |= (unsigned char)(shifted >> 8);
}

static void mask(unsigned char *address, size_t len, int64_t prefix)
{
    for (size_t i = 0; i < len; i++) {
        const int64_t kept = prefix - (int64_t)i * 8;
        if (kept < 8)
            address[i] = (unsigned char)(kept <= 0 ? 0 : address[i] & (0xff << (8 - kept)));
    }
}

const char *cidr_block(struct mr_arena *arena, struct mr_slice block, int64_t count, int64_t bits,
                       int64_t index, struct mr_slice *ret_block)
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];
    int64_t prefix;
    const size_t slash = mr_slice_find(block, '/');
    const bool is_v6 = mr_slice_find(block, ':') != SIZE_MAX;
    const int family = is_v6 ? AF_INET6 : AF_INET;
    const int64_t width = is_v6 ? 128 : 32;
    if (slash == SIZE_MAX ||
        inet_pton(family, mr_arena_cstr(arena, mr_slice_sub(block, 0, slash)), address) != 1 ||
        mr_slice_to_i64(mr_slice_sub(block, slash + 1, SIZE_MAX), &prefix) != MR_OK || prefix < 0 ||
        prefix > width)
        return "the address block is none";
    if (count < 1 || count > CIDR_BLOCKS_MAX)
        return "the count must be from 1 to 256";
    if (bits < 1 || bits > width - prefix)
        return "the bits do not fit into the address block";
    const int64_t room = width - prefix - bits;
    if (room < 8 && count > (int64_t)1 << room)
        return "the address block has no room for so many blocks";
    mask(address, (size_t)width / 8, prefix);
    place(address, (size_t)width / 8, (size_t)bits, (unsigned)index);
    (void)inet_ntop(family, address, text, sizeof text);
    *ret_block = mr_arena_printf(arena, "%s/%lld", text, (long long)(width - bits));
    return NULL;
}
