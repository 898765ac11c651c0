/* The wire: what the files ops_*.c share, and registration. */
#include "glue/internal.h"
#include "protocol/pattern.h"

const struct protocol_fault glue_fault_not_found = {"EntityNotFoundException", 400, false};
const struct protocol_fault glue_fault_exists = {"AlreadyExistsException", 400, false};
const struct protocol_fault glue_fault_invalid_input = {"InvalidInputException", 400, false};
const struct protocol_fault glue_fault_denied = {"AccessDeniedException", 400, false};
const struct protocol_fault glue_fault_state = {"InvalidStateException", 400, false};
const struct protocol_fault glue_fault_limit = {"ResourceNumberLimitExceededException", 400, false};
const struct protocol_fault glue_fault_concurrent = {"ConcurrentModificationException", 400, false};
const struct protocol_fault glue_fault_crawler_running = {"CrawlerRunningException", 400, false};
const struct protocol_fault glue_fault_crawler_not_running = {"CrawlerNotRunningException", 400,
                                                              false};
const struct protocol_fault glue_fault_crawler_stopping = {"CrawlerStoppingException", 400, false};
const struct protocol_fault glue_fault_schedule_running = {"SchedulerRunningException", 400, false};
const struct protocol_fault glue_fault_schedule_stopped = {"SchedulerNotRunningException", 400,
                                                           false};
const struct protocol_fault glue_fault_no_schedule = {"NoScheduleException", 400, false};
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

struct listing {
    struct protocol_call *call;
    struct glue_pager pager;
};

static enum mr_status list_doc(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    (void)name;
    enum mr_status status = glue_pager_next(&listing->pager);
    if (status == MR_OK)
        mr_json_raw(&listing->call->out, json);
    return status == MR_END ? MR_END : MR_OK;
}

void glue_docs_list(struct protocol_call *call, const char *kind, const char *member)
{
    struct glue *glue = call->service;
    struct listing listing = {.call = call};
    if (!glue_pager_init(&listing.pager, call, 100))
        return;
    mr_json_key(&call->out, member);
    mr_json_array(&call->out);
    enum mr_status status = store_doc_each(glue->store, "glue", kind, MR_S(""), list_doc, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
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

/* AWS: "*" stands for any text, as in Hive, where it does not repeat a class or a group. */
struct pattern *glue_pattern_new(struct protocol_call *call, struct mr_slice text)
{
    bool repeats = false;
    struct mr_buf buf = {0};
    mr_buf_append(&buf, MR_S("("));
    for (size_t i = 0; i < text.len; i++) {
        const bool escape = text.ptr[i] == '\\' && i + 1 < text.len;
        if (escape)
            mr_buf_append(&buf, mr_slice_sub(text, i++, 2));
        else if (text.ptr[i] == '*' && !repeats)
            mr_buf_append(&buf, MR_S(".*"));
        else
            mr_buf_byte(&buf, text.ptr[i]);
        repeats = escape || mr_slice_find(MR_S(".])"), text.ptr[i]) != SIZE_MAX;
    }
    mr_buf_append(&buf, MR_S(")"));
    struct pattern *pattern = pattern_new(mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (pattern_try(pattern, MR_S("")) != MR_INVALID)
        return pattern;
    pattern_free(pattern);
    protocol_fail(call, &glue_fault_invalid_input, "Invalid regular expression: %.*s",
                  MR_ARG(text));
    return NULL;
}

enum mr_status glue_pattern_fits(struct protocol_call *call, const struct pattern *pattern,
                                 struct mr_slice name)
{
    switch (pattern_try(pattern, name)) {
    case MR_OK: return MR_OK;
    case MR_NOT_FOUND: return MR_AGAIN;
    default:
        return protocol_fail(call, &glue_fault_invalid_input,
                             "The regular expression is too hard to decide for %.*s", MR_ARG(name));
    }
}

enum mr_status glue_doc_remove(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct glue *glue = call->service;
    struct mr_slice json;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_doc_get(glue->store, call->arena, "glue", kind, name, &json);
    if (status == MR_OK) {
        store_doc_delete(&entry, "glue", kind, name);
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    protocol_fail_internal(call, status);
    return status;
}

void glue_write_error_detail(struct protocol_call *call, const struct protocol_fault *fault,
                             struct mr_slice message)
{
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "ErrorCode", fault->code);
    mr_json_key_string(&call->out, "ErrorMessage", message);
    mr_json_object_end(&call->out);
}

void glue_write_error(struct protocol_call *call, const struct protocol_fault *fault,
                      struct mr_slice message)
{
    mr_json_key(&call->out, "ErrorDetail");
    glue_write_error_detail(call, fault, message);
}

struct mr_slice glue_values_text(struct mr_arena *arena, yyjson_val *values)
{
    struct mr_buf buf = {0};
    size_t index, max;
    yyjson_val *value;
    yyjson_arr_foreach(values, index, max, value)
    {
        mr_buf_printf(&buf, "%s%.*s", index > 0 ? ", " : "", MR_ARG(mr_json_text(value)));
    }
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

bool glue_shares_ours(struct mr_slice share)
{
    return share.len == 0 || mr_slice_equal(share, MR_S("ALL"));
}

bool glue_refuse_members(struct protocol_call *call, const char *const *members)
{
    for (; *members != NULL; members++) {
        if (mr_json_get(call->in, *members) != NULL) {
            protocol_fail(call, &glue_fault_unsupported, "%s of %s is not implemented.", *members,
                          call->operation_name);
            return true;
        }
    }
    return false;
}

/* AWS: another account's catalog takes a policy of its own that lets us in. */
bool glue_check_catalog(struct protocol_call *call, struct mr_slice id)
{
    uint64_t number;
    if (id.len > 0 && mr_slice_to_u64(id, &number) != MR_OK)
        protocol_fail(call, &glue_fault_not_found, "Catalog %.*s not found.", MR_ARG(id));
    else if (id.len > 0 && !mr_slice_equal(id, call->account))
        protocol_fail(call, &glue_fault_denied,
                      "User: arn:aws:iam::%.*s:root is not authorized to perform: glue:%s on "
                      "resource: arn:aws:glue:%.*s:%.*s:catalog because no resource-based policy "
                      "allows the glue:%s action",
                      MR_ARG(call->account), call->operation_name, MR_ARG(call->region), MR_ARG(id),
                      call->operation_name);
    return !protocol_failed(call);
}

static void check_catalog_id(void *ctx, struct protocol_call *call)
{
    if (glue_check_catalog(call, mr_json_get_text(call->in, "CatalogId")))
        glue_authorize(ctx, call);
}

void glue_register(struct glue *glue, struct protocol *protocol)
{
    protocol_on_call(protocol, "glue", check_catalog_id, glue);
#define GLUE_REGISTER(name) \
    protocol_register(protocol, "glue", glue_##name##_handlers, glue_##name##_handler_count, glue);
    GLUE_HANDLERS(GLUE_REGISTER)
#undef GLUE_REGISTER
}
