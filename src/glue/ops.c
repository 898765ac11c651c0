/* The wire: what the files ops_*.c share, and registration. */
#include "glue/internal.h"

const struct protocol_fault glue_fault_not_found = {"EntityNotFoundException", 400, false};
const struct protocol_fault glue_fault_exists = {"AlreadyExistsException", 400, false};
const struct protocol_fault glue_fault_invalid_input = {"InvalidInputException", 400, false};
const struct protocol_fault glue_fault_crawler_running = {"CrawlerRunningException", 400, false};
const struct protocol_fault glue_fault_crawler_not_running = {"CrawlerNotRunningException", 400,
                                                              false};
const struct protocol_fault glue_fault_crawler_stopping = {"CrawlerStoppingException", 400, false};
const struct protocol_fault glue_fault_unsupported = {"NotImplemented", 501, true};

bool glue_pager_init(struct glue_pager *pager, struct protocol_call *call, size_t max_default)
{
    *pager = (struct glue_pager){0};
    pager->max = (size_t)mr_json_get_i64(call->in, "MaxResults", (int64_t)max_default);
    struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    uint64_t from = 0;
    if (token.len > 0 && mr_slice_to_u64(token, &from) != MR_OK) {
        protocol_fail(call, &glue_fault_invalid_input, "Invalid NextToken");
        return false;
    }
    pager->from = (size_t)from;
    return true;
}

enum mr_status glue_pager_next(struct glue_pager *pager)
{
    if (pager->seen++ < pager->from)
        return MR_AGAIN;
    if (pager->taken == pager->max) {
        pager->more = true;
        return MR_END;
    }
    pager->taken++;
    return MR_OK;
}

void glue_pager_end(const struct glue_pager *pager, struct protocol_call *call)
{
    if (pager->more)
        mr_json_key_string(&call->out, "NextToken",
                           mr_arena_printf(call->arena, "%zu", pager->from + pager->taken));
}

void glue_fail_database(struct protocol_call *call, struct mr_slice name)
{
    protocol_fail(call, &glue_fault_not_found, "Database %.*s not found.", MR_ARG(name));
}

void glue_fail_table(struct protocol_call *call, struct mr_slice name)
{
    protocol_fail(call, &glue_fault_not_found, "Table %.*s not found.", MR_ARG(name));
}

bool glue_call_table(struct protocol_call *call, struct glue_table *ret_table)
{
    struct glue *glue = call->service;
    struct mr_slice database = mr_json_get_text(call->in, "DatabaseName");
    struct mr_slice name = mr_json_get_text(call->in, "TableName"), json;
    if (name.len == 0)
        name = mr_json_get_text(call->in, "Name");
    enum mr_status status = glue_database_get(glue, call->arena, database, &json);
    if (status == MR_NOT_FOUND) {
        glue_fail_database(call, database);
        return false;
    }
    if (status == MR_OK)
        status = glue_table_get(glue, call->arena, database, name, ret_table);
    if (status == MR_NOT_FOUND)
        glue_fail_table(call, name);
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

void glue_register(struct glue *glue, struct protocol *protocol)
{
    protocol_register(protocol, "glue", glue_catalog_handlers, glue_catalog_handler_count, glue);
    protocol_register(protocol, "glue", glue_partition_handlers, glue_partition_handler_count,
                      glue);
    protocol_register(protocol, "glue", glue_crawler_handlers, glue_crawler_handler_count, glue);
    protocol_register(protocol, "glue", glue_tag_handlers, glue_tag_handler_count, glue);
}
