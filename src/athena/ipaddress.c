#include "athena/ipaddress.h"
#include <arpa/inet.h>
#include <stdio.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static uint64_t big_endian(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

static struct athena_ipaddress of_bytes(const unsigned char bytes[static 16])
{
    return (struct athena_ipaddress){.high = big_endian(bytes), .low = big_endian(bytes + 8)};
}

bool athena_ipaddress_parse(struct mr_slice text, struct athena_ipaddress *ret)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (text.len >= sizeof copy || mr_slice_find(text, '\0') != SIZE_MAX)
        return false;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memcpy(bytes, mapped, sizeof mapped);
    if (inet_pton(AF_INET, copy, bytes + sizeof mapped) != 1 &&
        inet_pton(AF_INET6, copy, bytes) != 1)
        return false;
    *ret = of_bytes(bytes);
    return true;
}

bool athena_ipaddress_from_bytes(struct mr_slice slice, struct athena_ipaddress *ret)
{
    unsigned char bytes[16];
    if (slice.len != 4 && slice.len != 16)
        return false;
    memcpy(bytes, mapped, sizeof mapped);
    memcpy(bytes + 16 - slice.len, slice.ptr, slice.len);
    *ret = of_bytes(bytes);
    return true;
}

void athena_ipaddress_bytes(struct athena_ipaddress address, unsigned char ret_bytes[static 16])
{
    for (size_t i = 0; i < 8; i++) {
        ret_bytes[i] = (unsigned char)(address.high >> (56 - 8 * i));
        ret_bytes[8 + i] = (unsigned char)(address.low >> (56 - 8 * i));
    }
}

void athena_ipaddress_print(struct mr_buf *buf, struct athena_ipaddress address)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[16];
    athena_ipaddress_bytes(address, bytes);
    const bool v4 = memcmp(bytes, mapped, sizeof mapped) == 0;
    /* The C library has points in these, too, which Java has not. */
    if (address.high == 0 && address.low <= UINT32_MAX && address.low > UINT16_MAX)
        snprintf(text, sizeof text, "::%x:%x", (unsigned)(address.low >> 16),
                 (unsigned)(address.low & UINT16_MAX));
    else
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + sizeof mapped : bytes, text,
                        sizeof text);
    mr_buf_append(buf, mr_slice_cstr(text));
}

/* ---- networks ---- */

/* The first bits of both are the same. */
static bool same_start(struct athena_ipaddress a, struct athena_ipaddress b, int bits)
{
    const int high = bits < 64 ? bits : 64, low = bits - high;
    return (high == 0 || (a.high ^ b.high) >> (64 - high) == 0) &&
           (low == 0 || (a.low ^ b.low) >> (64 - low) == 0);
}

static bool fail(struct mr_buf *error, const char *why)
{
    mr_buf_printf(error, "INVALID_FUNCTION_ARGUMENT: %s", why);
    return false;
}

/* As Java reads it: a plus may stand before it. */
static bool parse_length(struct mr_slice text, int64_t *ret)
{
    if (text.len > 1 && text.ptr[0] == '+' && text.ptr[1] != '-')
        text = mr_slice_sub(text, 1, SIZE_MAX);
    return mr_slice_to_i64(text, ret) == MR_OK && *ret >= INT32_MIN && *ret <= INT32_MAX;
}

bool athena_ipaddress_in(struct mr_slice network, struct athena_ipaddress address,
                         bool *ret_contained, struct mr_buf *error)
{
    const size_t slash = mr_slice_find(network, '/');
    struct mr_slice base = mr_slice_sub(network, 0, slash);
    struct athena_ipaddress first;
    int64_t bits;
    if (slash == SIZE_MAX)
        return fail(error, "Invalid CIDR");
    if (!athena_ipaddress_parse(base, &first))
        return fail(error, "Invalid network IP address");
    struct mr_slice length = mr_slice_sub(network, slash + 1, SIZE_MAX);
    if (!parse_length(length, &bits)) {
        mr_buf_printf(error, "GENERIC_INTERNAL_ERROR: For input string: \"%.*s\"", MR_ARG(length));
        return false;
    }
    if (bits < 0)
        return fail(error, "Invalid prefix length");
    /* By how it is written: a mapped network's length counts all 128 bits. */
    const bool v4 = mr_slice_find(base, ':') == SIZE_MAX;
    if (bits > (v4 ? 32 : 128) || (v4 && (first.low & (UINT64_C(0xffffffff) >> bits)) != 0))
        return fail(error, "Invalid CIDR");
    *ret_contained = same_start(first, address, (int)bits + (v4 ? 96 : 0));
    return true;
}
