/* IP addresses: 16 bytes, those of version 4 as ::ffff:a.b.c.d, so that bytes compare as Trino
 * compares addresses. */
#include "athena/rows.h"
#include <arpa/inet.h>

enum { BYTES = 16, V4_BEHIND = 12 };
static const uint8_t v4_prefix[V4_BEHIND] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const uint8_t *bytes)
{
    return memcmp(bytes, v4_prefix, sizeof v4_prefix) == 0;
}

static bool parse(struct mr_slice text, uint8_t bytes[static BYTES])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memcpy(bytes, v4_prefix, sizeof v4_prefix);
    return inet_pton(AF_INET, copy, bytes + V4_BEHIND) == 1 ||
           inet_pton(AF_INET6, copy, bytes) == 1;
}

/* What else has another length is none; NULL comes of it. */
static const uint8_t *address_of(const struct athena_row *row, size_t input)
{
    struct mr_slice bytes = athena_row_slice(row, input);
    return bytes.len == BYTES ? (const uint8_t *)bytes.ptr : NULL;
}

static void put_bytes(struct athena_row *row, const uint8_t *bytes, size_t len)
{
    athena_row_put_text(row, mr_slice_make((const char *)bytes, len));
}

/* mr_to_ip(text, try) */
static bool from_text(struct athena_row *row)
{
    uint8_t bytes[BYTES];
    struct mr_slice text = athena_row_slice(row, 0);
    if (parse(text, bytes))
        put_bytes(row, bytes, sizeof bytes);
    else if (!athena_row_boolean(row, 1))
        return athena_row_fail(row, "INVALID_CAST_ARGUMENT: Cannot cast value to IPADDRESS: %.*s",
                               MR_ARG(text));
    return true;
}

/* mr_bytes_to_ip(bytes, try): 4 or 16 of them. */
static bool from_bytes(struct athena_row *row)
{
    uint8_t bytes[BYTES];
    struct mr_slice given = athena_row_slice(row, 0);
    const bool fits = given.len == BYTES || given.len == BYTES - V4_BEHIND;
    if (!fits)
        return athena_row_boolean(row, 1) ||
               athena_row_fail(row, "INVALID_CAST_ARGUMENT: Invalid InetAddress binary length: %zu",
                               given.len);
    memcpy(bytes, v4_prefix, sizeof v4_prefix);
    memcpy(bytes + BYTES - given.len, given.ptr, given.len);
    put_bytes(row, bytes, sizeof bytes);
    return true;
}

static bool to_text(struct athena_row *row)
{
    char text[INET6_ADDRSTRLEN];
    const uint8_t *bytes = address_of(row, 0);
    const bool v4 = bytes != NULL && is_v4(bytes);
    if (bytes != NULL &&
        inet_ntop(v4 ? AF_INET : AF_INET6, bytes + (v4 ? V4_BEHIND : 0), text, sizeof text) != NULL)
        athena_row_put_text(row, mr_slice_make(text, strlen(text)));
    return true;
}

static bool to_bytes(struct athena_row *row)
{
    const uint8_t *bytes = address_of(row, 0);
    if (bytes == NULL)
        return true;
    const size_t from = is_v4(bytes) ? V4_BEHIND : 0;
    put_bytes(row, bytes + from, BYTES - from);
    return true;
}

/* mr_ip_contains('10.0.0.0/8', address) */
static bool contains(struct athena_row *row)
{
    uint8_t network[BYTES];
    uint64_t bits = 0;
    struct mr_slice text = athena_row_slice(row, 0);
    const uint8_t *address = address_of(row, 1);
    const size_t slash = mr_slice_find(text, '/');
    if (address == NULL)
        return true;
    if (slash == SIZE_MAX)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid CIDR");
    if (!parse(mr_slice_sub(text, 0, slash), network))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid network IP address");
    const size_t from = is_v4(network) ? V4_BEHIND : 0;
    if (mr_slice_to_u64(mr_slice_sub(text, slash + 1, SIZE_MAX), &bits) != MR_OK ||
        bits > (BYTES - from) * 8)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid prefix length");
    bool within = is_v4(network) == is_v4(address);
    for (size_t i = 0; i < bits && within; i++) {
        const uint8_t bit = (uint8_t)(0x80 >> i % 8);
        within = ((network[from + i / 8] ^ address[from + i / 8]) & bit) == 0;
    }
    athena_row_put_boolean(row, within);
    return true;
}

enum mr_status athena_ip_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define X DUCKDB_TYPE_BLOB
#define Z DUCKDB_TYPE_BOOLEAN
    static const struct athena_row_function functions[] = {
        {"mr_to_ip", {V, Z}, X, from_text},      {"mr_bytes_to_ip", {X, Z}, X, from_bytes},
        {"mr_ip_text", {X}, V, to_text},         {"mr_ip_bytes", {X}, X, to_bytes},
        {"mr_ip_contains", {V, X}, Z, contains},
    };
#undef V
#undef X
#undef Z
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
