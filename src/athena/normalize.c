/* normalize(text, form): Unicode's four forms, by utf8proc. */
#include "athena/rows.h"
#include <stdlib.h>
#include <utf8proc.h>

static bool normalize(struct athena_row *row, utf8proc_option_t form)
{
    struct mr_slice text = athena_row_slice(row, 0);
    utf8proc_uint8_t *made = NULL;
    const utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)(text.len > 0 ? text.ptr : ""),
                     (utf8proc_ssize_t)text.len, &made, form | UTF8PROC_STABLE);
    if (len < 0) {
        athena_row_fail(row, "GENERIC_INTERNAL_ERROR: %s", utf8proc_errmsg(len));
        return false;
    }
    athena_row_put_text(row, mr_slice_make((const char *)made, (size_t)len));
    free(made);
    return true;
}

static bool nfd(struct athena_row *row)
{
    return normalize(row, UTF8PROC_DECOMPOSE);
}

static bool nfkc(struct athena_row *row)
{
    return normalize(row, UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}

static bool nfkd(struct athena_row *row)
{
    return normalize(row, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}

enum mr_status athena_normalize_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_nfd", {DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, nfd},
        {"mr_nfkc", {DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, nfkc},
        {"mr_nfkd", {DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, nfkd},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
