/* CreateTable's request, checked in the order and words of AWS, as a table in memory. */
#include "dynamodb/internal.h"

#define INVALID "One or more parameter values were invalid: "
#define NO_DEFINITION "Invalid KeySchema: Some index key attribute have no definition"

static enum mr_status refuse(struct protocol_call *call, const char *text)
{
    return protocol_fail(call, &protocol_validation, "%s", text);
}

/* What a table may ask for that does not exist here: said plainly instead of being left out. */
static enum mr_status refuse_unsupported(struct protocol_call *call)
{
    static const char *const members[] = {"GlobalTableSourceArn",
                                          "GlobalTableSettingsReplicationMode"};
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        if (mr_json_get(call->in, members[i]) != NULL)
            return protocol_fail(call, &dynamodb_not_implemented,
                                 "CreateTable with %s is not implemented", members[i]);
    }
    return MR_OK;
}

/* A key's id, alias or ARN; always told as an ARN. Without one AWS names its own key. */
void dynamodb_sse_change(struct dynamodb_table *table, yyjson_val *wish)
{
    struct mr_slice key = mr_json_get_text(wish, "KMSMasterKeyId");
    if (wish == NULL)
        return;
    table->locked.encrypted = mr_json_get_bool(wish, "Enabled", false);
    mr_buf_reset(&table->locked.kms_key);
    if (mr_slice_starts_with(key, MR_S("arn:")))
        mr_buf_append(&table->locked.kms_key, key);
    else
        mr_buf_printf(&table->locked.kms_key, "arn:aws:kms:%.*s:%.*s:%s%.*s", MR_ARG(table->region),
                      MR_ARG(table->account),
                      mr_slice_starts_with(key, MR_S("alias/")) ? "" : "key/",
                      MR_ARG(key.len > 0 ? key : table->uuid));
}

enum mr_status dynamodb_sse_check(struct protocol_call *call, yyjson_val *wish)
{
    const struct mr_slice type = mr_json_get_text(wish, "SSEType");
    const bool key = mr_json_get(wish, "KMSMasterKeyId") != NULL;
    const char *text = NULL;
    if (!mr_json_get_bool(wish, "Enabled", false))
        text = type.len > 0 ? INVALID "SSEType can not be specified if Enabled is false"
               : key        ? INVALID "KMSMasterKeyId can not be specified if Enabled is false"
                            : NULL;
    else if (key && type.len == 0)
        text = INVALID "SSEType KMS is required if KMSMasterKeyId is specified";
    else if (type.len > 0 && !mr_slice_equal(type, MR_S("KMS")))
        text = INVALID "SSEType AES256 is not supported";
    return text == NULL ? MR_OK : refuse(call, text);
}

static enum mr_status read_definitions(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(call->in, "AttributeDefinitions"));
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct mr_slice name = mr_json_get_text(each, "AttributeName");
        for (size_t i = 0; i < table->definition_count; i++) {
            if (mr_slice_equal(table->definitions[i].name, name))
                return protocol_fail(call, &protocol_validation,
                                     "Attribute Name is duplicated: %.*s", MR_ARG(name));
        }
        if (table->definition_count == DYNAMODB_DEFINITIONS_MAX)
            return refuse(call, INVALID "Too many AttributeDefinitions");
        table->definitions[table->definition_count++] = (struct dynamodb_key){
            .name = mr_arena_copy(&table->arena, name),
            .type = item_type_parse(mr_json_get_text(each, "AttributeType")),
        };
    }
    return MR_OK;
}

static const struct dynamodb_key *definition_of(const struct dynamodb_table *table,
                                                struct mr_slice name)
{
    for (size_t i = 0; i < table->definition_count; i++) {
        if (mr_slice_equal(table->definitions[i].name, name))
            return &table->definitions[i];
    }
    return NULL;
}

/* "Keys: [a, b], AttributeDefinitions: [c]" */
static struct mr_slice keys_and_definitions(struct protocol_call *call,
                                            const struct dynamodb_table *table,
                                            yyjson_val *elements)
{
    struct item_writer text = item_writer_make(call->arena, 128);
    yyjson_arr_iter iter = yyjson_arr_iter_with(elements);
    item_write_raw(&text, MR_S("Keys: ["));
    const char *comma = "";
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL; comma = ", ") {
        item_write_raw(&text, mr_slice_cstr(comma));
        item_write_raw(&text, mr_json_get_text(each, "AttributeName"));
    }
    item_write_raw(&text, MR_S("], AttributeDefinitions: ["));
    for (size_t i = 0; i < table->definition_count; i++) {
        if (i > 0)
            item_write_raw(&text, MR_S(", "));
        item_write_raw(&text, table->definitions[i].name);
    }
    item_write_byte(&text, ']');
    return item_writer_slice(&text);
}

static bool is_hash(yyjson_val *element)
{
    return mr_slice_equal(mr_json_get_text(element, "KeyType"), MR_S("HASH"));
}

/* A table's or local index's: one partition key, and one sort key or none. */
static enum mr_status check_plain(struct protocol_call *call, yyjson_val *elements)
{
    yyjson_val *first = yyjson_arr_get(elements, 0), *second = yyjson_arr_get(elements, 1);
    if (second != NULL && mr_slice_equal(mr_json_get_text(first, "AttributeName"),
                                         mr_json_get_text(second, "AttributeName")))
        return refuse(call, "Both the Hash Key and the Range Key element in the KeySchema have the "
                            "same name");
    if (!is_hash(first))
        return refuse(call, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    if (second != NULL && is_hash(second))
        return refuse(call,
                      "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    return MR_OK;
}

/* A global index's: up to four partition keys, then up to four sort keys. */
static enum mr_status check_several(struct protocol_call *call, yyjson_val *elements)
{
    size_t count = yyjson_arr_size(elements), counts[2] = {0, 0};
    if (!is_hash(yyjson_arr_get(elements, 0)))
        return refuse(call, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
    for (size_t i = 0; i < count; i++) {
        yyjson_val *element = yyjson_arr_get(elements, i);
        if (is_hash(element) && counts[1] > 0)
            return refuse(call, INVALID "All HASH key attributes must precede RANGE key attributes "
                                        "in the KeySchema");
        counts[!is_hash(element)]++;
        for (size_t j = 0; j < i; j++) {
            if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(elements, j), "AttributeName"),
                               mr_json_get_text(element, "AttributeName")))
                return refuse(call, "The KeySchema contains multiple key attributes with the same "
                                    "name");
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (counts[i] > DYNAMODB_HASH_KEYS_MAX)
            return protocol_fail(call, &protocol_validation,
                                 INVALID "The KeySchema exceeds the maximum allowed number of %s "
                                         "key attributes",
                                 i == 0 ? "HASH" : "RANGE");
    }
    return MR_OK;
}

static enum mr_status read_schema(struct protocol_call *call, struct dynamodb_table *table,
                                  yyjson_val *elements, bool several,
                                  struct dynamodb_schema *ret_schema)
{
    size_t count = yyjson_arr_size(elements), hashes = 0;
    struct dynamodb_key keys[DYNAMODB_KEYS_MAX];
    several = several && (count > 2 || (count == 2 && is_hash(yyjson_arr_get(elements, 1))));
    for (size_t i = 0; i < count; i++) {
        yyjson_val *element = yyjson_arr_get(elements, i);
        const struct dynamodb_key *key =
            definition_of(table, mr_json_get_text(element, "AttributeName"));
        if (key == NULL)
            return protocol_fail(call, &protocol_validation,
                                 INVALID "Some index key attributes are not defined in "
                                         "AttributeDefinitions. %.*s",
                                 MR_ARG(keys_and_definitions(call, table, elements)));
        if (i < DYNAMODB_KEYS_MAX)
            keys[i] = *key;
        hashes += is_hash(element);
    }
    enum mr_status status = several ? check_several(call, elements) : check_plain(call, elements);
    if (status == MR_OK)
        *ret_schema = dynamodb_schema_make(keys, hashes, count);
    return status;
}

static enum mr_status read_table_schema(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *elements = mr_json_get(call->in, "KeySchema");
    if (yyjson_arr_size(elements) > table->definition_count)
        return refuse(call, NO_DEFINITION);
    return read_schema(call, table, elements, false, &table->schema);
}

/* ---- indexes ---- */

static bool includes(const struct dynamodb_index *index, struct mr_slice name)
{
    for (size_t i = 0; i < index->included_count; i++)
        if (mr_slice_equal(index->included[i], name))
            return true;
    return false;
}

/* AWS tells them sorted, whatever their order in the request. */
static void include_sorted(struct dynamodb_index *index, struct mr_slice name)
{
    size_t at = index->included_count++;
    for (; at > 0 && mr_slice_compare(index->included[at - 1], name) > 0; at--)
        index->included[at] = index->included[at - 1];
    index->included[at] = name;
}

static enum mr_status read_projection(struct protocol_call *call, struct dynamodb_table *table,
                                      struct dynamodb_index *index, yyjson_val *projection)
{
    struct mr_slice type = mr_json_get_text(projection, "ProjectionType");
    yyjson_val *included = mr_json_get(projection, "NonKeyAttributes");
    if (type.len == 0)
        return refuse(call, INVALID "Unknown ProjectionType: null");
    index->projection = mr_slice_equal(type, MR_S("ALL"))         ? DYNAMODB_ALL
                        : mr_slice_equal(type, MR_S("KEYS_ONLY")) ? DYNAMODB_KEYS_ONLY
                                                                  : DYNAMODB_INCLUDE;
    if (included != NULL && index->projection != DYNAMODB_INCLUDE)
        return protocol_fail(call, &protocol_validation,
                             INVALID "ProjectionType is %.*s, but NonKeyAttributes is specified",
                             MR_ARG(type));
    if (included == NULL && index->projection == DYNAMODB_INCLUDE)
        return refuse(call, INVALID "ProjectionType is INCLUDE, but NonKeyAttributes is not "
                                    "specified");
    index->included = MR_NEW_ARRAY(&table->arena, struct mr_slice, yyjson_arr_size(included) + 1);
    yyjson_arr_iter iter = yyjson_arr_iter_with(included);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (includes(index, mr_json_text(name)))
            return protocol_fail(call, &protocol_validation,
                                 INVALID "Duplicate element in NonKeyAttributes: %.*s",
                                 MR_ARG(mr_json_text(name)));
        include_sorted(index, mr_arena_copy(&table->arena, mr_json_text(name)));
    }
    return MR_OK;
}

static enum mr_status check_local(struct protocol_call *call, const struct dynamodb_table *table,
                                  const struct dynamodb_index *index)
{
    if (!index->schema.has_range)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Index KeySchema does not have a range key for index: %.*s",
                             MR_ARG(index->name));
    struct mr_slice own = index->schema.hash.name, tables = table->schema.hash.name;
    if (!mr_slice_equal(own, tables))
        return protocol_fail(call, &protocol_validation,
                             INVALID "Index KeySchema does not have the same leading hash key as "
                                     "table KeySchema for index: %.*s. index hash key: %.*s, table "
                                     "hash key: %.*s",
                             MR_ARG(index->name), MR_ARG(own), MR_ARG(tables));
    return MR_OK;
}

static enum mr_status read_index(struct protocol_call *call, struct dynamodb_table *table,
                                 yyjson_val *each, bool local)
{
    struct mr_slice name = mr_json_get_text(each, "IndexName");
    struct dynamodb_index *index = MR_NEW(&table->arena, struct dynamodb_index);
    index->name = mr_arena_copy(&table->arena, name);
    index->slot = table->index_count;
    index->number = (uint8_t)(index->slot + 1);
    index->local = local;
    enum mr_status status =
        read_schema(call, table, mr_json_get(each, "KeySchema"), !local, &index->schema);
    if (status == MR_OK && local)
        status = check_local(call, table, index);
    if (status == MR_OK)
        status = read_projection(call, table, index, mr_json_get(each, "Projection"));
    if (status != MR_OK)
        return status;
    if (dynamodb_table_index(table, name) != NULL)
        return protocol_fail(call, &protocol_validation, INVALID "Duplicate index name: %.*s",
                             MR_ARG(name));
    yyjson_val *throughput = mr_json_get(each, "ProvisionedThroughput");
    if (throughput != NULL && table->locked.on_demand)
        return protocol_fail(call, &protocol_validation,
                             INVALID "ProvisionedThroughput should not be specified for index: "
                                     "%.*s when BillingMode is PAY_PER_REQUEST",
                             MR_ARG(name));
    if (throughput == NULL && !local && !table->locked.on_demand)
        return protocol_fail(call, &protocol_validation,
                             INVALID "ProvisionedThroughput is not specified for index: %.*s",
                             MR_ARG(name));
    index->read_units = mr_json_get_i64(throughput, "ReadCapacityUnits", 0);
    index->write_units = mr_json_get_i64(throughput, "WriteCapacityUnits", 0);
    struct dynamodb_tuning_wish wish = {.owner = each,
                                        .index = index->name,
                                        .on_demand = table->locked.on_demand,
                                        .read_units = index->read_units,
                                        .write_units = index->write_units};
    if (dynamodb_tuning_read(call, &wish, &index->tuning) != MR_OK)
        return MR_FAULT;
    atomic_store(&table->slots[table->index_count++], index);
    table->last_index_number = index->number;
    return dynamodb_projected_check(call, table, NULL);
}

enum mr_status dynamodb_projected_check(struct protocol_call *call,
                                        const struct dynamodb_table *table,
                                        const struct dynamodb_index *added)
{
    size_t total = added != NULL ? added->included_count : 0;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        total += index != NULL ? index->included_count : 0;
    }
    if (total <= DYNAMODB_PROJECTED_MAX)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         INVALID "NonKeyAttributes count exceeds the per-table limit of %d",
                         DYNAMODB_PROJECTED_MAX);
}

/* ---- an attribute that is defined anew ---- */

static bool names_key(yyjson_val *index, struct mr_slice name)
{
    size_t at, count;
    yyjson_val *element;
    yyjson_arr_foreach(mr_json_get(index, "KeySchema"), at, count, element)
    {
        if (mr_slice_equal(mr_json_get_text(element, "AttributeName"), name))
            return true;
    }
    return false;
}

static void schema_element(struct mr_buf *text, struct mr_slice name, enum item_type type,
                           struct mr_slice kind)
{
    mr_buf_printf(text, "%sSchemaElement: key{%.*s:%s:%.*s}", text->len > 0 ? ", " : "",
                  MR_ARG(name), item_type_name(type), MR_ARG(kind));
}

/* That of the table, or of the first index, which has that key. */
static const struct dynamodb_schema *schema_with(const struct dynamodb_table *table,
                                                 struct mr_slice name)
{
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (!dynamodb_is_key(&table->schema, name) && index != NULL &&
            dynamodb_is_key(&index->schema, name))
            return &index->schema;
    }
    return &table->schema;
}

static enum mr_status refuse_redefined(struct protocol_call *call,
                                       const struct dynamodb_table *scratch,
                                       const struct dynamodb_table *table, yyjson_val *index,
                                       struct mr_slice name)
{
    struct mr_buf old MR_CLEANUP(mr_buf_fini) = {0}, new MR_CLEANUP(mr_buf_fini) = {0};
    const struct dynamodb_schema *schema = schema_with(table, name);
    size_t at, count;
    yyjson_val *element;
    for (size_t i = 0; i < schema->key_count; i++)
        schema_element(&old, schema->keys[i].name, schema->keys[i].type,
                       i < schema->hash_count ? MR_S("HASH") : MR_S("RANGE"));
    yyjson_arr_foreach(mr_json_get(index, "KeySchema"), at, count, element)
    {
        const struct mr_slice key = mr_json_get_text(element, "AttributeName");
        const struct dynamodb_key *defined = definition_of(scratch, key);
        schema_element(&new, key, defined != NULL ? defined->type : ITEM_NONE,
                       mr_json_get_text(element, "KeyType"));
    }
    return protocol_fail(call, &protocol_validation,
                         INVALID "Attributes cannot be redefined. Please check that your attribute "
                                 "has the same type as previously defined. Existing schema: "
                                 "Schema:[%.*s] New schema: Schema:[%.*s]",
                         MR_ARG(mr_buf_slice(&old)), MR_ARG(mr_buf_slice(&new)));
}

enum mr_status dynamodb_index_read(struct protocol_call *call, struct dynamodb_table *scratch,
                                   const struct dynamodb_table *table, yyjson_val *each)
{
    if (read_definitions(call, scratch) != MR_OK)
        return MR_FAULT;
    for (size_t i = 0; i < table->definition_count; i++) {
        const struct dynamodb_key *key = &table->definitions[i];
        const struct dynamodb_key *again = definition_of(scratch, key->name);
        if (again != NULL && again->type != key->type && names_key(each, key->name))
            return refuse_redefined(call, scratch, table, each, key->name);
    }
    /* AWS: the request itself defines the keys of a new index, also those that the table knows. */
    if (yyjson_arr_size(mr_json_get(each, "KeySchema")) > scratch->definition_count)
        return refuse(call, NO_DEFINITION);
    return read_index(call, scratch, each, false);
}

static enum mr_status read_indexes(struct protocol_call *call, struct dynamodb_table *table,
                                   bool local)
{
    const char *name = local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes";
    yyjson_val *list = mr_json_get(call->in, name);
    size_t limit = local ? 5 : 20;
    if (list == NULL)
        return MR_OK;
    if (yyjson_arr_size(list) == 0)
        return protocol_fail(call, &protocol_validation, INVALID "List of %s is empty", name);
    if (local && !table->schema.has_range)
        return refuse(call, INVALID "Table KeySchema does not have a range key, which is required "
                                    "when specifying a LocalSecondaryIndex");
    if (yyjson_arr_size(list) > limit)
        return protocol_fail(call, &protocol_validation,
                             local ? INVALID "Number of LocalSecondaryIndexes exceeds per-table "
                                             "limit of %zu"
                                   : INVALID "GlobalSecondaryIndex count exceeds the per-table "
                                             "limit of %zu",
                             limit);
    enum mr_status status = MR_OK;
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *each; status == MR_OK && (each = yyjson_arr_iter_next(&iter)) != NULL;)
        status = read_index(call, table, each, local);
    return status;
}

static bool is_key_of(yyjson_val *owner, struct mr_slice name)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(owner, "KeySchema"));
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;)
        if (mr_slice_equal(mr_json_get_text(each, "AttributeName"), name))
            return true;
    return false;
}

/* Of the table that is asked for, or of one of its indexes. */
static bool is_key_somewhere(const struct protocol_call *call, struct mr_slice name)
{
    static const char *const lists[] = {"LocalSecondaryIndexes", "GlobalSecondaryIndexes"};
    bool used = is_key_of(call->in, name);
    for (size_t i = 0; !used && i < MR_COUNT(lists); i++) {
        yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(call->in, lists[i]));
        for (yyjson_val *each; !used && (each = yyjson_arr_iter_next(&iter)) != NULL;)
            used = is_key_of(each, name);
    }
    return used;
}

static void list_name(struct item_writer *list, struct mr_slice name)
{
    if (list->len > 0)
        item_write_raw(list, MR_S(", "));
    item_write_raw(list, name);
}

/* AWS: what is defined must be a key somewhere; this comes before all that may be wrong with
 * indexes. */
static enum mr_status check_definitions(struct protocol_call *call,
                                        const struct dynamodb_table *table)
{
    size_t keys = table->schema.has_range ? 2 : 1;
    const size_t indexes = yyjson_arr_size(mr_json_get(call->in, "LocalSecondaryIndexes")) +
                           yyjson_arr_size(mr_json_get(call->in, "GlobalSecondaryIndexes"));
    if (indexes == 0 && table->definition_count != keys)
        return refuse(call, INVALID "Number of attributes in KeySchema does not exactly match "
                                    "number of attributes defined in AttributeDefinitions");
    struct item_writer all = item_writer_make(call->arena, 128);
    struct item_writer used = item_writer_make(call->arena, 128);
    size_t used_count = 0;
    for (size_t i = 0; i < table->definition_count; i++) {
        struct mr_slice name = table->definitions[i].name;
        list_name(&all, name);
        if (!is_key_somewhere(call, name))
            continue;
        list_name(&used, name);
        used_count++;
    }
    if (used_count == table->definition_count)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         INVALID "Some AttributeDefinitions are not used. AttributeDefinitions: "
                                 "[%.*s], keys used: [%.*s]",
                         MR_ARG(item_writer_slice(&all)), MR_ARG(item_writer_slice(&used)));
}

/* ---- the rest ---- */

static enum mr_status read_billing(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *throughput = mr_json_get(call->in, "ProvisionedThroughput");
    struct mr_slice mode = mr_json_get_text(call->in, "BillingMode");
    table->locked.on_demand = mr_slice_equal(mode, MR_S("PAY_PER_REQUEST"));
    if (table->locked.on_demand && throughput != NULL)
        return refuse(call, INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be "
                                    "specified when BillingMode is PAY_PER_REQUEST");
    if (!table->locked.on_demand && throughput == NULL)
        return refuse(call, INVALID "ReadCapacityUnits and WriteCapacityUnits must both be "
                                    "specified when BillingMode is PROVISIONED");
    table->locked.read_units = mr_json_get_i64(throughput, "ReadCapacityUnits", 0);
    table->locked.write_units = mr_json_get_i64(throughput, "WriteCapacityUnits", 0);
    if (table->locked.on_demand)
        table->locked.on_demand_since_ms = call->now_ms;
    struct dynamodb_tuning_wish wish = {.owner = call->in,
                                        .on_demand = table->locked.on_demand,
                                        .read_units = table->locked.read_units,
                                        .write_units = table->locked.write_units};
    enum mr_status status = dynamodb_throughput_check(call, throughput);
    return status == MR_OK ? dynamodb_tuning_read(call, &wish, &table->locked.tuning) : status;
}

static enum mr_status read_tags(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    if (yyjson_arr_size(tags) == 0)
        return MR_OK;
    if (dynamodb_tags_check(call, tags) != MR_OK)
        return MR_INVALID;
    struct mr_json json = mr_json_make(&table->locked.tags);
    mr_json_value(&json, tags);
    return MR_OK;
}

static enum mr_status check_account(struct protocol_call *call)
{
    enum mr_status status =
        dynamodb_units_check(call, mr_json_get(call->in, "ProvisionedThroughput"), MR_S(""));
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(call->in, "GlobalSecondaryIndexes"));
    for (yyjson_val *each; status == MR_OK && (each = yyjson_arr_iter_next(&iter)) != NULL;)
        status = dynamodb_units_check(call, mr_json_get(each, "ProvisionedThroughput"),
                                      mr_json_get_text(each, "IndexName"));
    return status;
}

/* AWS: as many as it takes to serve what the table is to serve; one that is provisioned with little
 * has one, and so has its stream one shard. More than our most are shards of the same partitions
 * (roll.c). */
static size_t partitions_of(const struct dynamodb_table *table)
{
    struct dynamodb_growth growth = {.bytes = 0};
    dynamodb_warm_units(table->locked.on_demand, table->locked.read_units,
                        table->locked.write_units, &table->locked.tuning, &growth.read_units,
                        &growth.write_units);
    const size_t wanted = dynamodb_shards_wanted(&growth, 1, 0);
    return wanted < DYNAMODB_PARTITIONS ? wanted : DYNAMODB_PARTITIONS;
}

/* A name or an ARN; the model's bounds are not those of the name in the latter. */
static enum mr_status check_name(struct protocol_call *call, struct mr_slice name_or_arn,
                                 struct mr_slice name)
{
    if (dynamodb_arn_check(call, name_or_arn, call->operation_name) != MR_OK ||
        dynamodb_name_check(call, name) != MR_OK)
        return MR_FAULT;
    return name.len >= 3 && name.len <= 255
               ? MR_OK
               : refuse(call, "TableName must be at least 3 characters long and at most 255 "
                              "characters long");
}

static enum mr_status read_request(struct protocol_call *call, struct dynamodb_table *table)
{
    const struct mr_slice wanted = mr_json_get_text(call->in, "TableName");
    const struct mr_slice name = dynamodb_table_name(wanted);
    char uuid[37];
    mr_rng_uuid(table->dynamodb->rng, uuid);
    table->name = mr_arena_copy(&table->arena, name);
    table->region = mr_arena_copy(&table->arena, call->region);
    table->account = mr_arena_copy(&table->arena, call->account);
    table->uuid = mr_arena_copy(&table->arena, mr_slice_make(uuid, 36));
    table->arn = mr_arena_printf(&table->arena, "arn:aws:dynamodb:%.*s:%.*s:table/%.*s",
                                 MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name));
    table->created_ms = call->now_ms;
    table->locked.protection = mr_json_get_bool(call->in, "DeletionProtectionEnabled", false);
    table->locked.infrequent = mr_slice_equal(mr_json_get_text(call->in, "TableClass"),
                                              MR_S("STANDARD_INFREQUENT_ACCESS"));
    table->locked.class_given = mr_json_get(call->in, "TableClass") != NULL;
    dynamodb_sse_change(table, mr_json_get(call->in, "SSESpecification"));
    enum mr_status status = check_name(call, wanted, name);
    if (status == MR_OK)
        status = dynamodb_class_check(call);
    if (status == MR_OK)
        status = refuse_unsupported(call);
    if (status == MR_OK)
        status = read_billing(call, table);
    table->partitions = partitions_of(table);
    if (status == MR_OK)
        status = read_definitions(call, table);
    if (status == MR_OK)
        status = read_table_schema(call, table);
    if (status == MR_OK)
        status = check_definitions(call, table);
    if (status == MR_OK)
        status = read_indexes(call, table, true);
    if (status == MR_OK)
        status = read_indexes(call, table, false);
    if (status == MR_OK)
        status = dynamodb_sse_check(call, mr_json_get(call->in, "SSESpecification"));
    if (status == MR_OK)
        status = check_account(call);
    return status != MR_OK ? status : read_tags(call, table);
}

struct dynamodb_table *dynamodb_table_from_request(struct protocol_call *call)
{
    struct dynamodb_table *table = dynamodb_table_alloc(call->service);
    if (read_request(call, table) == MR_OK)
        return table;
    dynamodb_table_unref(table);
    return NULL;
}
