/* The wire: databases and tables. */
#include "glue/internal.h"
#include "protocol/pattern.h"
#include <stdlib.h>

/* ---- databases ---- */

static void create_database(struct protocol_call *call)
{
    yyjson_val *input = mr_json_get(call->in, "DatabaseInput");
    if (mr_json_get(input, "FederatedDatabase") != NULL) {
        protocol_fail(call, &glue_fault_unsupported,
                      "FederatedDatabase of CreateDatabase is not implemented.");
        return;
    }
    if (!glue_check_catalog(call,
                            mr_json_get_text(mr_json_get(input, "TargetDatabase"), "CatalogId")) ||
        !glue_tags_check(call, mr_json_get(call->in, "Tags")))
        return;
    enum mr_status status =
        glue_database_create(call->service, call->arena, call->account, input, &call->ticket);
    if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_exists, "Database already exists.");
    protocol_fail_internal(call, status);
    glue_tag_created(call, "database", glue_lower(call->arena, mr_json_get_text(input, "Name")));
}

static void get_database(struct protocol_call *call)
{
    const struct glue_reader reader = {.glue = call->service};
    struct mr_slice name = mr_json_get_text(call->in, "Name"), json;
    yyjson_val *shown;
    enum mr_status status = glue_database_get(call->service, call->arena, name, &json);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    if (status == MR_OK)
        status =
            glue_link_show_database(&reader, call->arena, glue_parse(call->arena, json), &shown);
    if (status == MR_OK)
        mr_json_key_value(&call->out, "Database", shown);
    protocol_fail_internal(call, status);
}

static void update_database(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    enum mr_status status = glue_database_update(
        call->service, call->arena, name, mr_json_get(call->in, "DatabaseInput"), &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    else if (status == MR_INVALID)
        protocol_fail(call, &glue_fault_invalid_input, "The name of a database cannot be changed.");
    protocol_fail_internal(call, status);
}

static void delete_database(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    enum mr_status status = glue_database_delete(call->service, call->arena, name, &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    protocol_fail_internal(call, status);
}

struct listing {
    struct protocol_call *call;
    struct glue_pager pager;
    struct pattern *expression; /* NULL: everything */
    yyjson_val *attributes;     /* AttributesToGet; NULL: all */
    bool tables;                /* false: databases */
};

/* The members that AttributesToGet names: NAME, TABLE_TYPE, TARGET_DATABASE. */
static void write_attributes(struct mr_json *json, yyjson_val *attributes, yyjson_val *row)
{
    static const struct {
        struct mr_slice word;
        const char *member;
    } names[] = {{MR_S_INIT("TABLE_TYPE"), "TableType"},
                 {MR_S_INIT("TARGET_DATABASE"), "TargetDatabase"}};
    size_t index, max;
    yyjson_val *attribute;
    mr_json_object(json);
    mr_json_key_value(json, "Name", mr_json_get(row, "Name"));
    mr_json_key_value(json, "DatabaseName", mr_json_get(row, "DatabaseName"));
    mr_json_key_value(json, "CatalogId", mr_json_get(row, "CatalogId"));
    yyjson_arr_foreach(attributes, index, max, attribute)
    {
        for (size_t i = 0; i < MR_COUNT(names); i++) {
            if (mr_slice_equal(mr_json_text(attribute), names[i].word))
                mr_json_key_value(json, names[i].member, mr_json_get(row, names[i].member));
        }
    }
    mr_json_object_end(json);
}

/* What is shown of a database or a table that is a link. */
static enum mr_status follow(struct listing *listing, struct mr_slice json, yyjson_val **ret_row)
{
    const struct glue_reader reader = {.glue = listing->call->service};
    struct mr_arena *arena = listing->call->arena;
    struct glue_table table;
    *ret_row = glue_parse(arena, mr_arena_copy(arena, json));
    if (!listing->tables)
        return glue_link_show_database(&reader, arena, *ret_row, ret_row);
    glue_table_view(arena, *ret_row, &table);
    enum mr_status status = glue_link_table(&reader, arena, &table);
    *ret_row = table.json;
    return status;
}

static bool is_link(const struct listing *listing, struct mr_slice json)
{
    return mr_slice_search(json, listing->tables ? MR_S("\"TargetTable\":")
                                                 : MR_S("\"TargetDatabase\":")) != SIZE_MAX;
}

static enum mr_status list_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    if (listing->expression != NULL) {
        /* The document's name is "<database>|<table>". */
        struct mr_slice table =
            mr_slice_sub(name, mr_slice_find(name, GLUE_SEPARATOR) + 1, SIZE_MAX);
        const enum mr_status fits = glue_pattern_fits(listing->call, listing->expression, table);
        if (fits != MR_OK)
            return fits == MR_AGAIN ? MR_OK : MR_END;
    }
    enum mr_status status = glue_pager_next(&listing->pager);
    yyjson_val *row;
    if (status != MR_OK)
        return status == MR_END ? MR_END : MR_OK;
    if (listing->attributes != NULL) {
        write_attributes(&listing->call->out, listing->attributes,
                         glue_parse(listing->call->arena, json));
    } else if (is_link(listing, json)) {
        status = follow(listing, json, &row);
        if (status == MR_OK)
            mr_json_value(&listing->call->out, row);
    } else {
        mr_json_raw(&listing->call->out, json);
    }
    return status;
}

/* AWS: whoever names attributes names NAME too. False: the fault is set. */
static bool attributes_check(const struct listing *listing)
{
    size_t index, max;
    yyjson_val *attribute;
    bool named = listing->attributes == NULL;
    yyjson_arr_foreach(listing->attributes, index, max, attribute)
    {
        named = named || mr_slice_equal(mr_json_text(attribute), MR_S("NAME"));
    }
    if (!named)
        protocol_fail(listing->call, &glue_fault_invalid_input,
                      "AttributesToGet cannot be empty and must include NAME");
    return named;
}

static void get_databases(struct protocol_call *call)
{
    struct listing listing = {.call = call, .attributes = mr_json_get(call->in, "AttributesToGet")};
    if (!attributes_check(&listing) || !glue_pager_init(&listing.pager, call, 100))
        return;
    mr_json_key(&call->out, "DatabaseList");
    mr_json_array(&call->out);
    enum mr_status status = MR_OK;
    if (glue_shares_ours(mr_json_get_text(call->in, "ResourceShareType")))
        status = glue_database_each(call->service, list_one, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

/* ---- tables ---- */

static void fail_put(struct protocol_call *call, const struct glue_table_put *put,
                     enum mr_status status)
{
    struct mr_slice json;
    if (status == MR_NOT_FOUND &&
        glue_database_get(call->service, call->arena, put->database, &json) == MR_NOT_FOUND)
        glue_fail_database(call, put->database);
    else if (status == MR_NOT_FOUND)
        glue_fail_table(call, mr_json_get_text(put->input, "Name"));
    else if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_exists, "Table already exists.");
    else if (status == MR_INVALID)
        protocol_fail(call, &glue_fault_invalid_input,
                      "Resource links to tables are not supported through resource links to "
                      "databases.");
    else if (status == MR_AGAIN)
        protocol_fail(call, &glue_fault_concurrent,
                      "Update table failed due to concurrent modifications.");
    protocol_fail_internal(call, status);
}

/* AWS: tables are parted by plain values alone. False: the fault is set. */
static bool check_keys(struct protocol_call *call, yyjson_val *keys)
{
    static const char *const nested[] = {"array<", "map<", "struct<", "uniontype<"};
    size_t index, max;
    yyjson_val *key;
    yyjson_arr_foreach(keys, index, max, key)
    {
        const struct mr_slice type = glue_lower(call->arena, mr_json_get_text(key, "Type"));
        for (size_t i = 0; i < MR_COUNT(nested); i++)
            if (mr_slice_starts_with(type, mr_slice_cstr(nested[i])))
                protocol_fail(call, &glue_fault_invalid_input,
                              "Only primitive types are supported as partition keys: %.*s",
                              MR_ARG(type));
    }
    return !protocol_failed(call);
}

static void put_table(struct protocol_call *call, bool replace)
{
    static const char *const refused[] = {"OpenTableFormatInput", "UpdateOpenTableFormatInput",
                                          "TransactionId", "ViewUpdateAction", NULL};
    const struct glue_reader reader = {.glue = call->service};
    yyjson_val *input = mr_json_get(call->in, "TableInput");
    struct store_entry entry = store_entry_make(call->arena);
    struct glue_table_put put = {
        .database = mr_json_get_text(call->in, "DatabaseName"),
        .account = call->account,
        .input = input,
        .replace = replace,
        .skip_archive = mr_json_get_bool(call->in, "SkipArchive", false),
        .if_version = replace ? mr_json_get_text(call->in, "VersionId") : MR_S(""),
        .with = &entry,
    };
    if (glue_refuse_members(call, refused))
        return;
    if (input == NULL) {
        protocol_fail(call, &glue_fault_invalid_input, "TableInput is required.");
        return;
    }
    if (!glue_check_catalog(call,
                            mr_json_get_text(mr_json_get(input, "TargetTable"), "CatalogId")) ||
        !check_keys(call, mr_json_get(input, "PartitionKeys")))
        return;
    struct mr_slice database = glue_lower(call->arena, put.database);
    enum mr_status status = glue_link_database(&reader, call->arena, database, &database);
    protocol_fail_internal(call, status);
    if (status < 0)
        return;
    if (!replace && !glue_index_add_all(call, &entry, database,
                                        glue_lower(call->arena, mr_json_get_text(input, "Name")),
                                        mr_json_get(input, "PartitionKeys"),
                                        mr_json_get(call->in, "PartitionIndexes")))
        return;
    put.created_by = mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account));
    fail_put(call, &put, glue_table_put(call->service, call->arena, &put, &call->ticket));
}

static void create_table(struct protocol_call *call)
{
    put_table(call, false);
}

static void update_table(struct protocol_call *call)
{
    put_table(call, true);
}

static void get_table(struct protocol_call *call)
{
    static const char *const refused[] = {"TransactionId", "QueryAsOfTime", NULL};
    struct glue_table table;
    if (!glue_refuse_members(call, refused) && glue_call_table(call, &table))
        mr_json_key_value(&call->out, "Table", table.json);
}

static void get_tables(struct protocol_call *call)
{
    static const char *const refused[] = {"TransactionId", "QueryAsOfTime", NULL};
    struct listing listing = {
        .call = call, .attributes = mr_json_get(call->in, "AttributesToGet"), .tables = true};
    struct mr_slice database = mr_json_get_text(call->in, "DatabaseName"), json;
    if (glue_refuse_members(call, refused) || !attributes_check(&listing))
        return;
    struct mr_slice pattern = mr_json_get_text(call->in, "Expression");
    enum mr_status status = glue_database_get(call->service, call->arena, database, &json);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, database);
    if (status != MR_OK || !glue_pager_init(&listing.pager, call, 100)) {
        protocol_fail_internal(call, status);
        return;
    }
    if (pattern.len > 0 && (listing.expression = glue_pattern_new(call, pattern)) == NULL)
        return;
    mr_json_key(&call->out, "TableList");
    mr_json_array(&call->out);
    status = glue_table_each(call->service, database, list_one, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    pattern_free(listing.expression);
    protocol_fail_internal(call, status);
}

/* A link goes, its target stays: the names are the call's. */
static void delete_table(struct protocol_call *call)
{
    static const char *const refused[] = {"TransactionId", NULL};
    struct mr_slice database = mr_json_get_text(call->in, "DatabaseName");
    struct mr_slice name = mr_json_get_text(call->in, "Name"), json;
    if (glue_refuse_members(call, refused))
        return;
    enum mr_status status = glue_database_get(call->service, call->arena, database, &json);
    if (status == MR_NOT_FOUND) {
        glue_fail_database(call, database);
        return;
    }
    if (status == MR_OK)
        status = glue_table_delete(call->service, call->arena, database, name, &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_table(call, name);
    protocol_fail_internal(call, status);
}

static void batch_delete_table(struct protocol_call *call)
{
    struct mr_slice database = mr_json_get_text(call->in, "DatabaseName"), json;
    static const char *const refused[] = {"TransactionId", NULL};
    size_t index, max;
    yyjson_val *value;
    yyjson_val *names = mr_json_get(call->in, "TablesToDelete");
    if (glue_refuse_members(call, refused))
        return;
    if (glue_database_get(call->service, call->arena, database, &json) == MR_NOT_FOUND) {
        glue_fail_database(call, database);
        return;
    }
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(names, index, max, value)
    {
        struct mr_slice name = mr_json_text(value);
        enum mr_status status =
            glue_table_delete(call->service, call->arena, database, name, &call->ticket);
        if (status == MR_NOT_FOUND) {
            mr_json_object(&call->out);
            mr_json_key_string(&call->out, "TableName", name);
            glue_write_error(call, &glue_fault_not_found,
                             mr_arena_printf(call->arena, "Table %.*s not found.", MR_ARG(name)));
            mr_json_object_end(&call->out);
        }
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
}

const struct protocol_handler glue_catalog_handlers[] = {
    {.operation = "CreateDatabase", .run = create_database},
    {.operation = "GetDatabase", .run = get_database},
    {.operation = "GetDatabases", .run = get_databases},
    {.operation = "UpdateDatabase", .run = update_database},
    {.operation = "DeleteDatabase", .run = delete_database},
    {.operation = "CreateTable", .run = create_table},
    {.operation = "UpdateTable", .run = update_table},
    {.operation = "GetTable", .run = get_table},
    {.operation = "GetTables", .run = get_tables},
    {.operation = "DeleteTable", .run = delete_table},
    {.operation = "BatchDeleteTable", .run = batch_delete_table},
};
const size_t glue_catalog_handler_count = MR_COUNT(glue_catalog_handlers);
