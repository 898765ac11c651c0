/* Opening, closing, and what the wire handlers share. */
#include "athena/cache.h"
#include "athena/write.h"
#include <stdarg.h>
#include <stdlib.h>

const struct protocol_fault athena_invalid_request = {"InvalidRequestException", 400, false};
const struct protocol_fault athena_too_many = {"TooManyRequestsException", 400, false};
const struct protocol_fault athena_not_found = {"ResourceNotFoundException", 400, false};
const struct protocol_fault athena_metadata = {"MetadataException", 400, false};

enum mr_status athena_call_fail(struct protocol_call *call, const char *error_code,
                                const char *format, ...)
{
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    protocol_fail_member(call, "AthenaErrorCode",
                         mr_arena_printf(call->arena, "\"%s\"", error_code));
    enum mr_status status = protocol_fail_slice(call, &athena_invalid_request,
                                                mr_arena_copy(call->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return status;
}

bool athena_pager_init(struct athena_pager *pager, struct protocol_call *call, size_t max_default)
{
    *pager = (struct athena_pager){0};
    pager->max = (size_t)mr_json_get_i64(call->in, "MaxResults", (int64_t)max_default);
    struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    uint64_t from = 0;
    if (token.len > 0 && mr_slice_to_u64(token, &from) != MR_OK) {
        athena_call_fail(call, "INVALID_INPUT", "Invalid NextToken");
        return false;
    }
    pager->from = (size_t)from;
    return true;
}

bool athena_pager_next(struct athena_pager *pager)
{
    if (pager->seen++ < pager->from)
        return false;
    if (pager->taken == pager->max) {
        pager->more = true;
        return false;
    }
    pager->taken++;
    return true;
}

void athena_pager_end(const struct athena_pager *pager, struct protocol_call *call)
{
    if (pager->more)
        mr_json_key_string(&call->out, "NextToken",
                           mr_arena_printf(call->arena, "%zu", pager->from + pager->taken));
}

enum mr_status athena_open(struct athena **ret_athena, const struct athena_options *options)
{
    const struct athena_engine_options engine = {.library = options->duckdb_library,
                                                 .memory_mb = 1024,
                                                 .cache_bytes = options->cache_bytes,
                                                 .threads = "2",
                                                 .folder = store_folder(options->store)};
    struct athena *athena = mr_calloc(1, sizeof *athena);
    athena->locked.deadlines_ms = INT64_MAX;
    athena->options = *options;
    pthread_mutex_init(&athena->lock, NULL);
    pthread_mutex_init(&athena->catalog_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&athena->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    athena_engine_init(&athena->engine, &engine);
    athena->engine.scans.store = options->store;
    enum mr_status status = athena_writes_open(athena);
    if (status == MR_OK)
        status = athena_queries_open(athena);
    if (status != MR_OK) {
        athena_close(athena);
        return status;
    }
    *ret_athena = athena;
    return MR_OK;
}

void athena_register(struct athena *athena, struct protocol *protocol)
{
    protocol_register(protocol, "athena", athena_query_handlers, athena_query_handler_count,
                      athena);
    protocol_register(protocol, "athena", athena_workgroup_handlers, athena_workgroup_handler_count,
                      athena);
    protocol_register(protocol, "athena", athena_catalog_handlers, athena_catalog_handler_count,
                      athena);
    protocol_register(protocol, "athena", athena_tag_handlers, athena_tag_handler_count, athena);
}

void athena_cache_stats_get(struct athena *athena, struct athena_cache_stats *ret_stats)
{
    athena_cache_stats(athena->engine.cache, ret_stats);
}

void athena_close(struct athena *athena)
{
    if (athena == NULL)
        return;
    athena_queries_close(athena);
    athena_engine_fini(&athena->engine);
    pthread_mutex_destroy(&athena->lock);
    pthread_mutex_destroy(&athena->catalog_lock);
    pthread_cond_destroy(&athena->idle);
    free(athena);
}
