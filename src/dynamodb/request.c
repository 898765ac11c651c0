/* What the operations on items share: parameters, expressions, capacity. */
#include "dynamodb/access.h"

static const struct expression_parameter {
    unsigned kind;
    struct mr_slice name;
} expression_parameters[] = {
    {DYNAMODB_PROJECTION, MR_S_INIT("ProjectionExpression")},
    {DYNAMODB_UPDATE, MR_S_INIT("UpdateExpression")},
    {DYNAMODB_CONDITION, MR_S_INIT("ConditionExpression")},
    {DYNAMODB_FILTER, MR_S_INIT("FilterExpression")},
    {DYNAMODB_KEY_CONDITION, MR_S_INIT("KeyConditionExpression")},
};

/* In AWS's order. `kinds`: of the operations that know it. */
static const struct old_parameter {
    unsigned kinds, but_not;
    struct mr_slice name;
} old_parameters[] = {
    {DYNAMODB_PROJECTION, 0, MR_S_INIT("AttributesToGet")},
    {DYNAMODB_UPDATE, 0, MR_S_INIT("AttributeUpdates")},
    {DYNAMODB_KEY_CONDITION, 0, MR_S_INIT("QueryFilter")},
    {DYNAMODB_FILTER, DYNAMODB_KEY_CONDITION, MR_S_INIT("ScanFilter")},
    {DYNAMODB_CONDITION, 0, MR_S_INIT("Expected")},
    {DYNAMODB_CONDITION | DYNAMODB_FILTER, 0, MR_S_INIT("ConditionalOperator")},
    {DYNAMODB_KEY_CONDITION, 0, MR_S_INIT("KeyConditions")},
};

static bool knows_old(const struct old_parameter *parameter, unsigned kinds)
{
    return (kinds & DYNAMODB_LEGACY) != 0 && (parameter->kinds & kinds) != 0 &&
           (parameter->but_not & kinds) == 0;
}

/* Whether one of them is there, or what goes with them; mostly none is. */
static bool has_parameters(yyjson_val *members)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(members, index, max, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        for (size_t i = 0; i < MR_COUNT(expression_parameters); i++)
            if (mr_slice_equal(expression_parameters[i].name, name))
                return true;
        for (size_t i = 0; i < MR_COUNT(old_parameters); i++)
            if (mr_slice_equal(old_parameters[i].name, name))
                return true;
        if (mr_slice_starts_with(name, MR_S("ExpressionAttribute")))
            return true;
    }
    return false;
}

static struct mr_slice list_names(struct mr_arena *arena, yyjson_val *members, unsigned kinds,
                                  bool old)
{
    struct item_writer text = item_writer_make(arena, 64);
    size_t count = old ? MR_COUNT(old_parameters) : MR_COUNT(expression_parameters);
    for (size_t i = 0; i < count; i++) {
        const struct mr_slice name = old ? old_parameters[i].name : expression_parameters[i].name;
        bool known = old ? knows_old(&old_parameters[i], kinds)
                         : (expression_parameters[i].kind & kinds) != 0;
        if (!known || mr_json_getn(members, name) == NULL)
            continue;
        /* AWS: KeyConditions go with any expression but the one that takes their place. */
        if (old && old_parameters[i].kinds == DYNAMODB_KEY_CONDITION &&
            mr_slice_equal(name, MR_S("KeyConditions")) &&
            mr_json_get(members, "KeyConditionExpression") == NULL)
            continue;
        if (text.len > 0)
            item_write_raw(&text, MR_S(", "));
        item_write_raw(&text, name);
    }
    return item_writer_slice(&text);
}

/* ":values" make sense with any expression but a projection. */
static enum mr_status check_values(struct protocol_call *call, yyjson_val *members, unsigned kinds)
{
    struct item_writer text = item_writer_make(call->arena, 64);
    size_t known = 0;
    if (mr_json_get(members, "ExpressionAttributeValues") == NULL)
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(expression_parameters); i++) {
        const struct expression_parameter *parameter = &expression_parameters[i];
        if ((parameter->kind & kinds & ~(unsigned)DYNAMODB_PROJECTION) == 0)
            continue;
        if (mr_json_getn(members, parameter->name) != NULL)
            return MR_OK;
        if (known++ > 0)
            item_write_raw(&text, MR_S(" and "));
        item_write_raw(&text, parameter->name);
    }
    if (known == 0)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "ExpressionAttributeValues can only be specified when using expressions: "
                         "%.*s %s null",
                         MR_ARG(item_writer_slice(&text)), known > 1 ? "are" : "is");
}

enum mr_status dynamodb_check_parameters(struct protocol_call *call, yyjson_val *members,
                                         unsigned kinds)
{
    if (!has_parameters(members))
        return MR_OK;
    struct mr_slice old = list_names(call->arena, members, kinds, true);
    struct mr_slice expressions = list_names(call->arena, members, kinds, false);
    if (old.len > 0 && expressions.len > 0)
        return protocol_fail(call, &protocol_validation,
                             "Can not use both expression and non-expression parameters in the "
                             "same request: Non-expression parameters: {%.*s} Expression "
                             "parameters: {%.*s}",
                             MR_ARG(old), MR_ARG(expressions));
    if (expressions.len == 0 && (kinds & DYNAMODB_ACTION) != 0)
        return MR_OK; /* AWS: in transactions names and values may stand for nothing */
    if (expressions.len == 0 && mr_json_get(members, "ExpressionAttributeNames") != NULL)
        return protocol_fail(call, &protocol_validation,
                             "ExpressionAttributeNames can only be specified when using "
                             "expressions");
    return check_values(call, members, kinds);
}

/* AttributesToGet: top-level names. */
static enum mr_status read_attributes(struct protocol_call *call, yyjson_val *list,
                                      struct item_projection **ret_projection)
{
    size_t count = yyjson_arr_size(list), i = 0;
    struct item_path *paths = MR_NEW_ARRAY(call->arena, struct item_path, count + 1);
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&iter)) != NULL; i++) {
        paths[i].steps = MR_NEW(call->arena, struct item_step);
        paths[i].steps[0].name = mr_json_text(name);
        paths[i].count = 1;
        if (paths[i].steps[0].name.len == 0)
            return protocol_fail(call, &protocol_validation,
                                 "One or more parameter values were invalid: Empty attribute name");
        for (size_t j = 0; j < i; j++) {
            if (mr_slice_equal(paths[j].steps[0].name, paths[i].steps[0].name))
                return protocol_fail(call, &protocol_validation,
                                     "One or more parameter values were invalid: Duplicate value "
                                     "in attribute name: %.*s",
                                     MR_ARG(paths[i].steps[0].name));
        }
    }
    *ret_projection = item_projection_make(call->arena, paths, count);
    return MR_OK;
}

static yyjson_val *text_member(yyjson_val *members, const char *name, struct mr_slice *ret_text)
{
    yyjson_val *value = mr_json_get(members, name);
    *ret_text = mr_json_text(value);
    return value;
}

static enum mr_status parse_all(struct protocol_call *call, yyjson_val *members, unsigned kinds,
                                struct item_placeholders *placeholders,
                                struct dynamodb_expressions *ret, struct mr_slice *error)
{
    struct mr_arena *arena = call->arena;
    struct mr_slice text;
    enum mr_status status = MR_OK;
    if ((kinds & DYNAMODB_UPDATE) && text_member(members, "UpdateExpression", &text) != NULL) {
        ret->has_update = true;
        status = item_update_parse(arena, placeholders, text, &ret->update, error);
    }
    if (status == MR_OK && (kinds & DYNAMODB_CONDITION) &&
        text_member(members, "ConditionExpression", &text) != NULL) {
        ret->has_condition = true;
        status = item_condition_parse(arena, placeholders, text, "ConditionExpression",
                                      &ret->condition, error);
    }
    if (status == MR_OK && (kinds & DYNAMODB_KEY_CONDITION) &&
        text_member(members, "KeyConditionExpression", &text) != NULL) {
        ret->has_key_condition = true;
        status = item_key_condition_parse(arena, placeholders, text, &ret->key_condition, error);
    }
    if (status == MR_OK && (kinds & DYNAMODB_FILTER) &&
        text_member(members, "FilterExpression", &text) != NULL) {
        ret->has_filter = true;
        status = item_condition_parse(arena, placeholders, text, "FilterExpression", &ret->filter,
                                      error);
    }
    if (status == MR_OK && (kinds & DYNAMODB_PROJECTION) &&
        text_member(members, "ProjectionExpression", &text) != NULL) {
        ret->projected = true;
        status = item_projection_parse(arena, placeholders, text, &ret->projection, error);
    }
    return status;
}

static enum mr_status read_operator(struct protocol_call *call, yyjson_val *members,
                                    yyjson_val *conditions, bool *ret_any)
{
    struct mr_slice text = mr_json_get_text(members, "ConditionalOperator");
    *ret_any = mr_slice_equal(text, MR_S("OR"));
    if (text.len > 0 && conditions == NULL)
        return protocol_fail(call, &protocol_validation,
                             "ConditionalOperator cannot be used without Filter or Expected");
    if (text.len > 0 && yyjson_obj_size(conditions) < 2)
        return protocol_fail(call, &protocol_validation,
                             "ConditionalOperator can only be used when Filter or Expected has two "
                             "or more elements");
    return MR_OK;
}

/* Expected, or the filter. */
static enum mr_status read_old_condition(struct protocol_call *call, yyjson_val *members,
                                         unsigned kinds, struct dynamodb_expressions *ret)
{
    bool expected = (kinds & DYNAMODB_CONDITION) != 0, any;
    yyjson_val *conditions =
        mr_json_get(members, expected                           ? "Expected"
                             : (kinds & DYNAMODB_KEY_CONDITION) ? "QueryFilter"
                                                                : "ScanFilter");
    struct mr_slice error;
    if (read_operator(call, members, conditions, &any) != MR_OK)
        return MR_FAULT;
    if (conditions == NULL)
        return MR_OK;
    enum mr_status status = item_legacy_condition(
        call->arena, conditions, expected, any, expected ? &ret->condition : &ret->filter, &error);
    if (status != MR_OK)
        return dynamodb_refuse(call, status, error);
    ret->has_condition = expected;
    ret->has_filter = ret->legacy_filter = !expected;
    return MR_OK;
}

static enum mr_status parse_attributes(struct protocol_call *call, yyjson_val *members,
                                       struct dynamodb_expressions *ret)
{
    yyjson_val *attributes = mr_json_get(members, "AttributesToGet");
    if (attributes == NULL)
        return MR_OK;
    ret->projected = true;
    return read_attributes(call, attributes, &ret->projection);
}

static enum mr_status read_old_updates(struct protocol_call *call, yyjson_val *members,
                                       struct dynamodb_expressions *ret)
{
    yyjson_val *updates = mr_json_get(members, "AttributeUpdates");
    struct mr_slice error;
    if (updates == NULL)
        return MR_OK;
    ret->has_update = true;
    enum mr_status status = item_legacy_update(call->arena, updates, &ret->update, &error);
    return status == MR_OK ? MR_OK : dynamodb_refuse(call, status, error);
}

enum mr_status dynamodb_parse_filters(struct protocol_call *call, yyjson_val *members,
                                      unsigned kinds, struct dynamodb_expressions *ret)
{
    enum mr_status status = MR_OK;
    *ret = (struct dynamodb_expressions){0};
    if ((kinds & DYNAMODB_KEY_CONDITION) == 0)
        status = parse_attributes(call, members, ret);
    if (status == MR_OK)
        status = read_old_condition(call, members, kinds, ret);
    if (status == MR_OK && (kinds & DYNAMODB_KEY_CONDITION) != 0)
        status = parse_attributes(call, members, ret);
    return status;
}

enum mr_status dynamodb_parse_key_conditions(struct protocol_call *call, yyjson_val *members,
                                             struct dynamodb_expressions *ret)
{
    yyjson_val *keys = mr_json_get(members, "KeyConditions");
    struct mr_slice error;
    if (keys == NULL || ret->has_key_condition)
        return MR_OK;
    ret->has_key_condition = true;
    enum mr_status status =
        item_legacy_key_condition(call->arena, keys, &ret->key_condition, &error);
    return status == MR_OK ? MR_OK : dynamodb_refuse(call, status, error);
}

enum mr_status dynamodb_parse_new(struct protocol_call *call, yyjson_val *members, unsigned kinds,
                                  struct dynamodb_expressions *ret)
{
    struct item_placeholders placeholders;
    struct mr_slice error;
    enum mr_status status = item_placeholders_make(
        call->arena, mr_json_get(members, "ExpressionAttributeNames"),
        mr_json_get(members, "ExpressionAttributeValues"), &placeholders, &error);
    if (status == MR_OK)
        status = parse_all(call, members, kinds, &placeholders, ret, &error);
    const bool any = ret->has_update || ret->has_condition || ret->has_key_condition ||
                     ret->has_filter || ret->projected;
    if (status == MR_OK && (any || (kinds & DYNAMODB_ACTION) == 0))
        status = item_placeholders_finish(call->arena, &placeholders, &error);
    return status == MR_OK ? MR_OK : dynamodb_refuse(call, status, error);
}

/* AWS: the old parameters are looked at first. */
enum mr_status dynamodb_parse_expressions(struct protocol_call *call, yyjson_val *members,
                                          unsigned kinds, struct dynamodb_expressions *ret)
{
    enum mr_status status = MR_OK;
    *ret = (struct dynamodb_expressions){0};
    if ((kinds & DYNAMODB_LEGACY) != 0) {
        if ((kinds & DYNAMODB_UPDATE) != 0)
            status = read_old_updates(call, members, ret);
        if (status == MR_OK && (kinds & DYNAMODB_CONDITION) != 0)
            status = read_old_condition(call, members, kinds, ret);
        if (status == MR_OK && (kinds & DYNAMODB_PROJECTION) != 0)
            status = parse_attributes(call, members, ret);
    }
    return status == MR_OK ? dynamodb_parse_new(call, members, kinds, ret) : status;
}

enum mr_status dynamodb_name_check(struct protocol_call *call, struct mr_slice name)
{
    bool fits = name.len > 0;
    for (size_t i = 0; fits && i < name.len; i++) {
        char c = name.ptr[i];
        fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-';
    }
    if (fits)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "1 validation error detected: Value '%.*s' at 'tableName' failed to "
                         "satisfy constraint: Member must satisfy regular expression pattern: "
                         "[a-zA-Z0-9_.-]+",
                         MR_ARG(name));
}

/* The table has one name in all regions, and keeps the ARN that it was made with. */
static bool in_region(struct protocol_call *call, struct mr_slice arn, struct mr_slice region)
{
    struct mr_slice rest = dynamodb_table_name(arn), name = {0};
    if (mr_slice_equal(region, call->region))
        return true;
    (void)mr_slice_split(&rest, '/', &name);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_find(call->service, name);
    return table != NULL && mr_slice_starts_with(arn, table->arn);
}

enum mr_status dynamodb_place_check(struct protocol_call *call, struct mr_slice arn,
                                    const char *action)
{
    struct mr_slice rest = arn, parts[5] = {0}; /* "arn:aws:dynamodb:region:account:..." */
    if (call->exchange == NULL)
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(parts); i++)
        (void)mr_slice_split(&rest, ':', &parts[i]);
    if (!in_region(call, arn, parts[3]))
        return protocol_fail(call, &protocol_validation,
                             "1 validation error detected: Invalid AWS region in '%.*s'",
                             MR_ARG(arn));
    return mr_slice_equal(parts[4], call->account) ? MR_OK
                                                   : dynamodb_deny_stranger(call, action, arn);
}

enum mr_status dynamodb_arn_check(struct protocol_call *call, struct mr_slice name_or_arn,
                                  const char *action)
{
    const struct mr_slice name = dynamodb_table_name(name_or_arn);
    if (name.len == name_or_arn.len)
        return MR_OK;
    if (mr_slice_starts_with(name_or_arn, MR_S("arn:aws:dynamodb:")) &&
        mr_slice_find(name, '/') == SIZE_MAX)
        return dynamodb_place_check(call, name_or_arn, action);
    return protocol_fail(call, &protocol_validation,
                         "1 validation error detected: Value '%.*s' at 'tableName' failed to "
                         "satisfy constraint: Member must satisfy regular expression pattern: "
                         "[a-zA-Z0-9_.-]+",
                         MR_ARG(name_or_arn));
}

/* A name that is found needs no check. */
struct dynamodb_table *dynamodb_need_table(struct protocol_call *call, struct mr_slice name_or_arn,
                                           bool described)
{
    struct mr_slice name = dynamodb_table_name(name_or_arn);
    if (dynamodb_arn_check(call, name_or_arn, call->operation_name) != MR_OK)
        return NULL;
    struct dynamodb_table *table = dynamodb_table_find(call->service, name);
    if (table != NULL && !described && atomic_load_explicit(&table->hidden, memory_order_relaxed)) {
        dynamodb_table_unref(table);
        table = NULL;
    }
    if (table != NULL && !described)
        dynamodb_meter_latency(call, table);
    if (table != NULL || dynamodb_name_check(call, name) != MR_OK)
        return table;
    if (described)
        protocol_fail(call, &dynamodb_not_found,
                      "Requested resource not found: Table: %.*s not found", MR_ARG(name));
    else
        protocol_fail(call, &dynamodb_not_found, "Requested resource not found");
    return NULL;
}

struct dynamodb_table *dynamodb_request_table(struct protocol_call *call)
{
    return dynamodb_need_table(call, mr_json_get_text(call->in, "TableName"), false);
}

enum dynamodb_return dynamodb_return_values(const struct protocol_call *call)
{
    static const char *const names[] = {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"};
    struct mr_slice text = mr_json_get_text(call->in, "ReturnValues");
    for (size_t i = 1; text.len > 0 && i < MR_COUNT(names); i++) {
        if (mr_slice_equal(text, mr_slice_cstr(names[i])))
            return (enum dynamodb_return)i;
    }
    return DYNAMODB_RETURN_NONE;
}

/* ---- capacity ---- */

enum dynamodb_capacity dynamodb_capacity_wanted(const struct protocol_call *call)
{
    struct mr_slice text = mr_json_get_text(call->in, "ReturnConsumedCapacity");
    if (mr_slice_equal(text, MR_S("TOTAL")))
        return DYNAMODB_CAPACITY_TOTAL;
    return mr_slice_equal(text, MR_S("INDEXES")) ? DYNAMODB_CAPACITY_INDEXES
                                                 : DYNAMODB_CAPACITY_NONE;
}

double dynamodb_read_units(uint64_t bytes, bool consistent)
{
    uint64_t blocks = (bytes + 4095) / 4096;
    return (double)(blocks == 0 ? 1 : blocks) * (consistent ? 1.0 : 0.5);
}

double dynamodb_write_units(uint64_t bytes)
{
    uint64_t blocks = (bytes + 1023) / 1024;
    return (double)(blocks == 0 ? 1 : blocks);
}

/* `kind`: what transactions say beside the sum; else NULL. */
static void units_json(struct mr_json *json, double units, const char *kind)
{
    if (kind != NULL)
        mr_json_key_number(json, kind, units);
    mr_json_key_number(json, "CapacityUnits", units);
}

static void index_units_json(struct mr_json *json, const struct dynamodb_table *table,
                             const struct dynamodb_units *units, bool local, const char *kind)
{
    bool any = false;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL || index->local != local || units->indexes[i] <= 0)
            continue;
        if (!any) {
            mr_json_key(json, local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes");
            mr_json_object(json);
        }
        any = true;
        mr_json_name(json, index->name);
        mr_json_object(json);
        units_json(json, units->indexes[i], kind);
        mr_json_object_end(json);
    }
    if (any)
        mr_json_object_end(json);
}

void dynamodb_capacity_kind_json(struct mr_json *json, enum dynamodb_capacity wanted,
                                 struct mr_slice named, const struct dynamodb_table *table,
                                 const struct dynamodb_units *units, const char *kind)
{
    double total = units->table;
    for (size_t i = 0; i < table->index_count; i++)
        total += units->indexes[i];
    mr_json_object(json);
    mr_json_key_string(json, "TableName", named);
    units_json(json, total, kind);
    if (wanted == DYNAMODB_CAPACITY_INDEXES) {
        mr_json_key(json, "Table");
        mr_json_object(json);
        units_json(json, units->table, kind);
        mr_json_object_end(json);
        index_units_json(json, table, units, true, kind);
        index_units_json(json, table, units, false, kind);
    }
    mr_json_object_end(json);
}

void dynamodb_capacity_json(struct mr_json *json, enum dynamodb_capacity wanted,
                            struct mr_slice named, const struct dynamodb_table *table,
                            const struct dynamodb_units *units)
{
    dynamodb_capacity_kind_json(json, wanted, named, table, units, NULL);
}

/* ---- item collections ---- */

static bool has_collections(struct protocol_call *call, const struct dynamodb_table *table)
{
    if (!mr_slice_equal(mr_json_get_text(call->in, "ReturnItemCollectionMetrics"), MR_S("SIZE")))
        return false;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->local)
            return true;
    }
    return false;
}

/* The estimate is the lowest that there is: no collection is summed up. */
static void collection_json(struct mr_json *json, const struct dynamodb_table *table,
                            struct mr_slice item)
{
    struct item_value hash = item_get(item, table->schema.hash.name);
    mr_json_object(json);
    mr_json_key(json, "ItemCollectionKey");
    mr_json_object(json);
    mr_json_name(json, table->schema.hash.name);
    item_value_json(json, &hash);
    mr_json_object_end(json);
    mr_json_key(json, "SizeEstimateRangeGB");
    mr_json_array(json);
    mr_json_number(json, 0);
    mr_json_number(json, 1);
    mr_json_array_end(json);
    mr_json_object_end(json);
}

void dynamodb_collection_json(struct protocol_call *call, const struct dynamodb_table *table,
                              struct mr_slice item)
{
    if (!has_collections(call, table))
        return;
    mr_json_key(&call->out, "ItemCollectionMetrics");
    collection_json(&call->out, table, item);
}

void dynamodb_collections_json(struct protocol_call *call, dynamodb_next_item *next, void *ctx)
{
    const struct dynamodb_table *table, *open = NULL;
    struct item_value last = {.type = ITEM_NONE};
    struct mr_slice item;
    bool any = false;
    for (size_t at = 0; next(ctx, at, &table, &item); at++) {
        if (!has_collections(call, table))
            continue;
        if (!any) {
            mr_json_key(&call->out, "ItemCollectionMetrics");
            mr_json_object(&call->out);
        }
        any = true;
        struct item_value hash = item_get(item, table->schema.hash.name);
        if (table == open && item_value_equal(&hash, &last))
            continue;
        if (table != open) {
            if (open != NULL)
                mr_json_array_end(&call->out);
            mr_json_name(&call->out, table->name);
            mr_json_array(&call->out);
        }
        open = table;
        last = hash;
        collection_json(&call->out, table, item);
    }
    if (open != NULL)
        mr_json_array_end(&call->out);
    if (any)
        mr_json_object_end(&call->out);
}
