/* The wire: user-defined functions. The catalog keeps them for engines that load their classes;
 * Athena is none. Stored: "glue/function/<database>|<function>", the wire's UserDefinedFunction. */
#include "glue/internal.h"
#include "protocol/pattern.h"
#include <regex.h>

static bool call_database(struct protocol_call *call, struct mr_slice *ret_database)
{
    struct mr_slice name = mr_json_get_text(call->in, "DatabaseName"), json;
    *ret_database = glue_lower(call->arena, name);
    enum mr_status status = glue_database_get(call->service, call->arena, name, &json);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void fail_function(struct protocol_call *call, struct mr_slice name)
{
    protocol_fail(call, &glue_fault_not_found, "Function %.*s not found.", MR_ARG(name));
}

static struct mr_slice function_json(struct protocol_call *call, struct mr_slice database,
                                     struct mr_slice name, yyjson_val *input, double created)
{
    static const char *const skip[] = {"FunctionName", NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "FunctionName", name);
    mr_json_key_string(&json, "DatabaseName", database);
    glue_copy_members(&json, input, skip);
    mr_json_key_number(&json, "CreateTime", created);
    mr_json_key_string(&json, "CatalogId", call->account);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void put(struct protocol_call *call, bool replace)
{
    struct glue *glue = call->service;
    yyjson_val *input = mr_json_get(call->in, "FunctionInput"), *old = NULL;
    struct mr_slice database, name = mr_json_get_text(replace ? call->in : input, "FunctionName");
    if (!call_database(call, &database))
        return;
    if (name.len == 0) {
        protocol_fail(call, &glue_fault_invalid_input, "FunctionName is required.");
        return;
    }
    struct mr_slice lower = glue_lower(call->arena, name);
    struct mr_slice key = glue_name2(call->arena, database, lower);
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_doc(glue, call->arena, "function", key, &old);
    if (status == MR_OK && !replace)
        protocol_fail(call, &glue_fault_exists, "Function already exists.");
    else if (status == MR_NOT_FOUND && replace)
        fail_function(call, name);
    if (status >= 0 && !protocol_failed(call)) {
        const double now = (double)store_now(glue->store) / 1000;
        store_doc_put(&entry, "glue", "function", key,
                      function_json(call, database, lower, input,
                                    mr_json_get_double(old, "CreateTime", now)));
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    protocol_fail_internal(call, status);
}

static void create_function(struct protocol_call *call)
{
    put(call, false);
}

static void update_function(struct protocol_call *call)
{
    put(call, true);
}

static void get_function(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct mr_slice name = mr_json_get_text(call->in, "FunctionName"), database, json;
    if (!call_database(call, &database))
        return;
    enum mr_status status =
        store_doc_get(glue->store, call->arena, "glue", "function",
                      glue_name2(call->arena, database, glue_lower(call->arena, name)), &json);
    if (status == MR_OK)
        mr_json_key_raw(&call->out, "UserDefinedFunction", json);
    else if (status == MR_NOT_FOUND)
        fail_function(call, name);
    protocol_fail_internal(call, status);
}

static void delete_function(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "FunctionName"), database;
    if (!call_database(call, &database))
        return;
    enum mr_status status = glue_doc_remove(
        call, "function", glue_name2(call->arena, database, glue_lower(call->arena, name)));
    if (status == MR_NOT_FOUND)
        fail_function(call, name);
}

struct listing {
    struct protocol_call *call;
    struct glue_pager pager;
    struct pattern *pattern;
    struct mr_slice type;
};

static enum mr_status list_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    struct mr_arena *arena = listing->call->arena;
    struct mr_slice function =
        mr_slice_sub(name, mr_slice_find(name, GLUE_SEPARATOR) + 1, SIZE_MAX);
    const enum mr_status fits = glue_pattern_fits(listing->call, listing->pattern, function);
    if (fits != MR_OK)
        return fits == MR_AGAIN ? MR_OK : MR_END;
    if (listing->type.len > 0 &&
        !mr_slice_equal(listing->type, mr_json_get_text(glue_parse(arena, json), "FunctionType")))
        return MR_OK;
    enum mr_status status = glue_pager_next(&listing->pager);
    if (status == MR_OK)
        mr_json_raw(&listing->call->out, json);
    return status == MR_END ? MR_END : MR_OK;
}

static void get_functions(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct listing listing = {.call = call, .type = mr_json_get_text(call->in, "FunctionType")};
    struct mr_slice database = MR_S(""), below = MR_S("");
    if (mr_json_get(call->in, "DatabaseName") != NULL) {
        if (!call_database(call, &database))
            return;
        below = glue_below(call->arena, &database, 1);
    }
    if (!glue_pager_init(&listing.pager, call, 100) ||
        (listing.pattern = glue_pattern_new(call, mr_json_get_text(call->in, "Pattern"))) == NULL)
        return;
    mr_json_key(&call->out, "UserDefinedFunctions");
    mr_json_array(&call->out);
    enum mr_status status =
        store_doc_each(glue->store, "glue", "function", below, list_one, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    pattern_free(listing.pattern);
    protocol_fail_internal(call, status);
}

const struct protocol_handler glue_function_handlers[] = {
    {.operation = "CreateUserDefinedFunction", .run = create_function},
    {.operation = "UpdateUserDefinedFunction", .run = update_function},
    {.operation = "GetUserDefinedFunction", .run = get_function},
    {.operation = "GetUserDefinedFunctions", .run = get_functions},
    {.operation = "DeleteUserDefinedFunction", .run = delete_function},
};
const size_t glue_function_handler_count = MR_COUNT(glue_function_handlers);
