/* Addresses: Trino's casts and functions of IPADDRESS, which is a UHUGEINT inside DuckDB. */
#include "athena/ipaddress.h"
#include "athena/rows.h"

_Static_assert(sizeof(struct athena_ipaddress) == sizeof(duckdb_uhugeint) &&
                   offsetof(duckdb_uhugeint, upper) == offsetof(struct athena_ipaddress, high),
               "an address is laid out as DuckDB lays it out");

static struct athena_ipaddress address_at(const struct athena_row *row, size_t input)
{
    return ((const struct athena_ipaddress *)row->data[input])[row->at];
}

static bool put_address(struct athena_row *row, struct athena_ipaddress address)
{
    ((struct athena_ipaddress *)row->result)[row->at] = address;
    row->done = true;
    return true;
}

/* mr_to_ipaddress(text, try) */
static bool of_text(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    struct athena_ipaddress address;
    if (athena_ipaddress_parse(text, &address))
        return put_address(row, address);
    return athena_row_boolean(row, 1) ||
           athena_row_fail(row, "INVALID_CAST_ARGUMENT: Cannot cast value to IPADDRESS: %.*s",
                           MR_ARG(text));
}

/* mr_to_ipaddress(bytes, try) */
static bool of_bytes(struct athena_row *row)
{
    struct mr_slice bytes = athena_row_slice(row, 0);
    struct athena_ipaddress address;
    if (athena_ipaddress_from_bytes(bytes, &address))
        return put_address(row, address);
    return athena_row_boolean(row, 1) ||
           athena_row_fail(row, "INVALID_CAST_ARGUMENT: Invalid IP address binary length: %zu",
                           bytes.len);
}

/* mr_to_ipaddress(address, try) */
static bool of_address(struct athena_row *row)
{
    return put_address(row, address_at(row, 0));
}

/* mr_ipaddress_bytes(address) */
static bool to_bytes(struct athena_row *row)
{
    unsigned char bytes[16];
    athena_ipaddress_bytes(address_at(row, 0), bytes);
    athena_row_put_text(row, mr_slice_make((const char *)bytes, sizeof bytes));
    return true;
}

/* mr_ipaddress_in(network, address) */
static bool contained(struct athena_row *row)
{
    bool found = false;
    if (!athena_ipaddress_in(athena_row_slice(row, 0), address_at(row, 1), &found, &row->message))
        return false;
    athena_row_put_boolean(row, found);
    return true;
}

enum mr_status athena_ipaddress_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define L DUCKDB_TYPE_BOOLEAN
#define X DUCKDB_TYPE_BLOB
#define IP DUCKDB_TYPE_UHUGEINT
    static const struct athena_row_function functions[] = {
        {"mr_to_ipaddress", {V, L}, IP, of_text},     {"mr_to_ipaddress", {X, L}, IP, of_bytes},
        {"mr_to_ipaddress", {IP, L}, IP, of_address}, {"mr_ipaddress_bytes", {IP}, X, to_bytes},
        {"mr_ipaddress_in", {V, IP}, L, contained},
    };
#undef V
#undef L
#undef X
#undef IP
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
