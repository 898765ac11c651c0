/* Resource policies act: what each call of the wire needs of the policies of the tables, indexes
 * and streams that it names.
 *
 * AWS: a Deny that fits refuses; what no policy speaks of, the account's own callers may do, for
 * access is by key here. The root can always delete a policy. */
#include "dynamodb/access.h"
#include "dynamodb/statement.h"
#include "policy/request.h"

static const struct protocol_fault access_denied = {"AccessDeniedException", 400, false};

/* ---- what has a policy: by the part of the ARN behind "table/" ---- */

void dynamodb_guarded_set(struct dynamodb *dynamodb, struct mr_slice arn, bool has_policy)
{
    policy_guarded_set(&dynamodb->guarded, dynamodb_table_name(arn), has_policy);
}

static enum mr_status load(void *ctx, struct mr_slice arn, struct mr_slice json)
{
    (void)json;
    dynamodb_guarded_set(ctx, arn, true);
    return MR_OK;
}

enum mr_status dynamodb_guarded_load(struct dynamodb *dynamodb)
{
    return store_doc_each(dynamodb->store, "dynamodb", "policy", MR_S(""), load, dynamodb);
}

/* ---- one question ---- */

/* A part of a call that is about one resource. */
struct part {
    struct mr_slice where;                  /* name or ARN of the table, or of what is below it */
    struct mr_slice index;                  /* of the table; empty: none */
    const char *action;                     /* "GetItem" */
    const char *enclosing;                  /* the operation, of a transaction; else NULL */
    yyjson_val *body;                       /* has the keys and expressions; may be NULL */
    const struct item_statement *statement; /* PartiQL; else NULL */
};

struct question {
    struct protocol_call *call;
    const struct part *part;
    const struct dynamodb_schema *schema; /* of the table or the index; NULL: a stream's question */
    struct policy_caller caller;
    bool parsed;
    struct dynamodb_expressions expressions; /* once parsed */
};

static bool acts(const struct question *question, const char *action)
{
    return strcmp(question->part->action, action) == 0;
}

/* ---- what the part says: attributes ---- */

struct texts {
    struct mr_arena *arena;
    struct mr_slice *of;
    size_t count, room;
};

static void add(struct texts *texts, struct mr_slice text)
{
    if (texts->count == texts->room) {
        const size_t room = texts->room * 2 + 8;
        texts->of = mr_arena_realloc(texts->arena, texts->of, texts->room * sizeof *texts->of,
                                     room * sizeof *texts->of);
        texts->room = room;
    }
    texts->of[texts->count++] = text;
}

static void add_head(struct texts *texts, const struct item_path *path)
{
    if (path->count > 0)
        add(texts, path->steps[0].name);
}

static void add_node(struct texts *texts, const struct item_node *node)
{
    if (node == NULL)
        return;
    add_head(texts, &node->path);
    for (size_t i = 0; i < node->count; i++)
        add_node(texts, node->args[i]);
}

static void add_update(struct texts *texts, const struct item_update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        add_head(texts, &update->actions[i].path);
        add_node(texts, update->actions[i].value);
    }
}

/* A part that cannot be read says nothing; the operation tells what is wrong with it. */
static const struct dynamodb_expressions *expressions_of(struct question *question)
{
    static const struct {
        const char *action;
        unsigned kinds;
    } rows[] = {
        {"BatchGetItem", DYNAMODB_PROJECTION | DYNAMODB_LEGACY},
        {"ConditionCheckItem", DYNAMODB_CONDITION},
        {"DeleteItem", DYNAMODB_CONDITION | DYNAMODB_LEGACY},
        {"GetItem", DYNAMODB_PROJECTION | DYNAMODB_LEGACY},
        {"PutItem", DYNAMODB_CONDITION | DYNAMODB_LEGACY},
        {"Query", DYNAMODB_KEY_CONDITION | DYNAMODB_FILTER | DYNAMODB_PROJECTION | DYNAMODB_LEGACY},
        {"Scan", DYNAMODB_FILTER | DYNAMODB_PROJECTION | DYNAMODB_LEGACY},
        {"UpdateItem", DYNAMODB_UPDATE | DYNAMODB_CONDITION | DYNAMODB_LEGACY},
    };
    struct protocol_call *call = question->call;
    yyjson_val *body = question->part->body;
    struct dynamodb_expressions *ret = &question->expressions;
    unsigned kinds = 0;
    for (size_t i = 0; i < MR_COUNT(rows); i++)
        if (acts(question, rows[i].action))
            kinds = rows[i].kinds;
    if (question->parsed || kinds == 0 || !yyjson_is_obj(body))
        return ret;
    question->parsed = true;
    enum mr_status status;
    if ((kinds & DYNAMODB_KEY_CONDITION) == 0) {
        status = dynamodb_parse_expressions(call, body, kinds, ret);
    } else {
        status = dynamodb_parse_filters(call, body, kinds, ret);
        if (status == MR_OK)
            status = dynamodb_parse_new(call, body, kinds, ret);
        if (status == MR_OK)
            status = dynamodb_parse_key_conditions(call, body, ret);
    }
    if (status != MR_OK) {
        (void)protocol_fault_take(call);
        *ret = (struct dynamodb_expressions){0};
    }
    return ret;
}

static void add_expressions(struct texts *texts, const struct dynamodb_expressions *expressions)
{
    struct mr_slice name;
    if (expressions->has_condition)
        add_node(texts, expressions->condition.root);
    if (expressions->has_filter)
        add_node(texts, expressions->filter.root);
    if (expressions->has_update)
        add_update(texts, &expressions->update);
    for (size_t i = 0; expressions->has_key_condition && i < expressions->key_condition.count; i++)
        add(texts, expressions->key_condition.terms[i].name);
    for (size_t i = 0;
         expressions->projection != NULL && item_projection_head(expressions->projection, i, &name);
         i++)
        add(texts, name);
}

static void add_statement(struct texts *texts, const struct item_statement *statement)
{
    struct mr_slice name;
    struct item_value value;
    for (size_t i = 0; i < statement->path_count; i++)
        add_head(texts, &statement->paths[i]);
    add_node(texts, statement->where);
    add_update(texts, &statement->update);
    if (statement->kind != ITEM_STATEMENT_INSERT)
        return;
    struct item_iter iter = item_iter_item(statement->item);
    while (item_iter_field(&iter, &name, &value))
        add(texts, name);
}

/* ---- what the part says: items ---- */

typedef void each_item(struct texts *texts, const struct question *question, yyjson_val *item);

/* The items and keys of a part, as JSON. */
static void items_each(struct texts *texts, const struct question *question, each_item *fn)
{
    yyjson_val *body = question->part->body, *keys = mr_json_get(body, "Keys"), *one;
    size_t at, count;
    fn(texts, question, mr_json_get(body, "Item"));
    fn(texts, question, mr_json_get(body, "Key"));
    yyjson_arr_foreach(keys, at, count, one)
    {
        fn(texts, question, one);
    }
    yyjson_arr_foreach(body, at, count, one)
    { /* of BatchWriteItem */
        fn(texts, question, mr_json_get(mr_json_get(one, "PutRequest"), "Item"));
        fn(texts, question, mr_json_get(mr_json_get(one, "DeleteRequest"), "Key"));
    }
}

static void add_names(struct texts *texts, const struct question *question, yyjson_val *item)
{
    size_t at, count;
    yyjson_val *name, *value;
    (void)question;
    yyjson_obj_foreach(item, at, count, name, value)
    {
        add(texts, mr_json_text(name));
    }
}

/* {"S": "x"}: of a key attribute, as a text. */
static void add_json(struct texts *texts, yyjson_val *value)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *kind = yyjson_obj_iter_next(&iter);
    if (kind != NULL && yyjson_is_str(yyjson_obj_iter_get_val(kind)))
        add(texts, mr_json_text(yyjson_obj_iter_get_val(kind)));
}

static void add_leading(struct texts *texts, const struct question *question, yyjson_val *item)
{
    add_json(texts, mr_json_getn(item, question->schema->hash.name));
}

static void add_value(struct texts *texts, const struct item_value *value)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    item_value_json(&json, value);
    add_json(texts, mr_json_parse(texts->arena, mr_buf_slice(&text), MR_JSON_DEPTH_MAX));
}

/* The partition keys that a statement names; false: it may read them all. */
static bool add_statement_leading(struct texts *texts, const struct question *question)
{
    const struct item_statement *statement = question->part->statement;
    const struct mr_slice hash = question->schema->hash.name;
    struct item_value *values, value;
    size_t count;
    if (statement->kind == ITEM_STATEMENT_INSERT) {
        value = item_get(statement->item, hash);
        if (value.type != ITEM_NONE)
            add_value(texts, &value);
        return true;
    }
    if (!item_partiql_values(texts->arena, statement->where, hash, &values, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        add_value(texts, &values[i]);
    return count > 0;
}

/* ---- keys of conditions ---- */

static bool give_texts(const struct texts *texts, struct policy_values *ret_values)
{
    *ret_values = (struct policy_values){texts->of, texts->count};
    return texts->count > 0;
}

static bool look_attributes(struct question *question, struct policy_values *ret_values)
{
    struct texts texts = {.arena = question->call->arena};
    items_each(&texts, question, add_names);
    add_expressions(&texts, expressions_of(question));
    if (question->part->statement != NULL)
        add_statement(&texts, question->part->statement);
    return give_texts(&texts, ret_values);
}

static bool look_leading(struct question *question, struct policy_values *ret_values)
{
    struct texts texts = {.arena = question->call->arena};
    if (question->schema == NULL)
        return false;
    items_each(&texts, question, add_leading);
    const struct dynamodb_expressions *expressions = expressions_of(question);
    for (size_t i = 0; expressions->has_key_condition && i < expressions->key_condition.count; i++)
        if (mr_slice_equal(expressions->key_condition.terms[i].name, question->schema->hash.name))
            add_value(&texts, &expressions->key_condition.terms[i].low);
    if (question->part->statement != NULL)
        (void)add_statement_leading(&texts, question);
    return give_texts(&texts, ret_values);
}

static bool look_scan(struct question *question, struct policy_values *ret_values)
{
    struct texts texts = {.arena = question->call->arena};
    if (question->part->statement == NULL || question->schema == NULL ||
        question->part->statement->kind != ITEM_STATEMENT_SELECT)
        return false;
    return policy_give_cstr(texts.arena, add_statement_leading(&texts, question) ? "false" : "true",
                            ret_values);
}

/* AWS: what a read returns, said or not. */
static bool look_select(struct question *question, struct policy_values *ret_values)
{
    const struct mr_slice select = mr_json_get_text(question->part->body, "Select");
    struct mr_arena *arena = question->call->arena;
    if (!acts(question, "GetItem") && !acts(question, "BatchGetItem") && !acts(question, "Query") &&
        !acts(question, "Scan"))
        return false;
    if (select.len > 0)
        return policy_give(arena, select, ret_values);
    if (expressions_of(question)->projected)
        return policy_give_cstr(arena, "SPECIFIC_ATTRIBUTES", ret_values);
    return policy_give_cstr(
        arena, question->part->index.len > 0 ? "ALL_PROJECTED_ATTRIBUTES" : "ALL_ATTRIBUTES",
        ret_values);
}

static bool look_return_values(struct question *question, struct policy_values *ret_values)
{
    const struct mr_slice values = mr_json_get_text(question->part->body, "ReturnValues");
    struct mr_arena *arena = question->call->arena;
    if (!acts(question, "PutItem") && !acts(question, "UpdateItem") &&
        !acts(question, "DeleteItem"))
        return false;
    return values.len > 0 ? policy_give(arena, values, ret_values)
                          : policy_give_cstr(arena, "NONE", ret_values);
}

static bool look_capacity(struct question *question, struct policy_values *ret_values)
{
    const struct mr_slice wanted = mr_json_get_text(question->call->in, "ReturnConsumedCapacity");
    return wanted.len > 0 && policy_give(question->call->arena, wanted, ret_values);
}

static bool look_enclosing(struct question *question, struct policy_values *ret_values)
{
    return question->part->enclosing != NULL &&
           policy_give_cstr(question->call->arena, question->part->enclosing, ret_values);
}

static bool look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    static const struct {
        const char *key;
        bool (*look)(struct question *question, struct policy_values *ret_values);
    } keys[] = {
        {"dynamodb:Attributes", look_attributes},
        {"dynamodb:EnclosingOperation", look_enclosing},
        {"dynamodb:FullTableScan", look_scan},
        {"dynamodb:LeadingKeys", look_leading},
        {"dynamodb:ReturnConsumedCapacity", look_capacity},
        {"dynamodb:ReturnValues", look_return_values},
        {"dynamodb:Select", look_select},
    };
    struct question *question = ctx;
    for (size_t i = 0; i < MR_COUNT(keys); i++)
        if (mr_slice_equal_nocase(key, mr_slice_cstr(keys[i].key)))
            return keys[i].look(question, ret_values);
    const struct policy_request request = {question->call, &question->caller};
    return policy_request_look(&request, key, ret_values);
}

/* ---- the decision ---- */

/* MR_FAULT: the policy denies it. */
static enum mr_status judge(struct question *question, yyjson_val *policy, struct mr_slice resource)
{
    struct protocol_call *call = question->call;
    question->caller = policy_caller_of(call);
    const struct policy_asked asked = {
        .arena = call->arena,
        .caller = &question->caller,
        .action = mr_arena_printf(call->arena, "dynamodb:%s", question->part->action),
        .resource = resource,
        .look = look,
        .ctx = question};
    if (policy_judge(policy, &asked) != POLICY_DENIES)
        return MR_OK;
    if (acts(question, "DeleteResourcePolicy") && question->caller.session.len == 0)
        return MR_OK; /* AWS: the root is never locked out */
    return protocol_fail(call, &access_denied,
                         "User: %.*s is not authorized to perform: %.*s on resource: %.*s with an "
                         "explicit deny in a resource-based policy",
                         MR_ARG(policy_caller_name(&question->caller)), MR_ARG(asked.action),
                         MR_ARG(resource));
}

enum mr_status dynamodb_deny_stranger(struct protocol_call *call, const char *action,
                                      struct mr_slice arn)
{
    const struct policy_caller caller = policy_caller_of(call);
    return protocol_fail(call, &access_denied,
                         "User: %.*s is not authorized to perform: dynamodb:%s on resource: %.*s "
                         "because no resource-based policy allows the dynamodb:%s action",
                         MR_ARG(policy_caller_name(&caller)), action, MR_ARG(arn), action);
}

bool dynamodb_policy_locks_out(struct protocol_call *call, struct mr_slice arn, yyjson_val *policy)
{
    const struct part part = {.where = arn, .action = "PutResourcePolicy"};
    struct question question = {.call = call, .part = &part};
    if (judge(&question, policy, arn) == MR_OK)
        return false;
    (void)protocol_fault_take(call);
    return true;
}

static enum mr_status ask_table(struct dynamodb *dynamodb, struct question *question,
                                struct dynamodb_table *table, struct mr_slice below)
{
    const struct part *part = question->part;
    struct mr_arena *arena = question->call->arena;
    struct mr_slice resource = table->arn;
    yyjson_val *policy;
    const struct dynamodb_index *index =
        part->index.len > 0 ? dynamodb_table_index(table, part->index) : NULL;
    question->schema = index != NULL ? &index->schema : &table->schema;
    if (part->index.len > 0)
        resource =
            mr_arena_printf(arena, "%.*s/index/%.*s", MR_ARG(table->arn), MR_ARG(part->index));
    else if (below.len > 0)
        resource = mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(table->arn), MR_ARG(below));
    const enum mr_status status = dynamodb_policy_read(dynamodb, arena, table->arn, &policy);
    return status == MR_OK && policy != NULL ? judge(question, policy, resource) : status;
}

static enum mr_status ask_stream(struct dynamodb *dynamodb, struct question *question)
{
    const struct mr_slice arn = question->part->where;
    yyjson_val *policy;
    const enum mr_status status =
        dynamodb_policy_read(dynamodb, question->call->arena, arn, &policy);
    return status == MR_OK && policy != NULL ? judge(question, policy, arn) : status;
}

static enum mr_status ask(struct dynamodb *dynamodb, struct protocol_call *call,
                          const struct part *part)
{
    const struct mr_slice whole = dynamodb_table_name(part->where);
    struct mr_slice below = whole, name = {0};
    struct question question = {.call = call, .part = part};
    enum mr_status status = MR_OK;
    (void)mr_slice_split(&below, '/', &name);
    const bool stream = mr_slice_starts_with(below, MR_S("stream/"));
    if (!policy_guarded_has(&dynamodb->guarded, stream ? whole : name))
        return MR_OK;
    if (stream) {
        status = ask_stream(dynamodb, &question);
    } else {
        struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
            dynamodb_table_find(dynamodb, name);
        if (table != NULL)
            status = ask_table(dynamodb, &question, table, below);
    }
    protocol_fail_internal(call, status);
    return status;
}

/* ---- operations and what they need ---- */

/* Of one table after the other. */
static void ask_batch(struct dynamodb *dynamodb, struct protocol_call *call)
{
    size_t at, count;
    yyjson_val *name, *body;
    yyjson_obj_foreach(mr_json_get(call->in, "RequestItems"), at, count, name, body)
    {
        const struct part part = {
            .where = mr_json_text(name), .action = call->operation_name, .body = body};
        if (ask(dynamodb, call, &part) != MR_OK)
            return;
    }
}

static void ask_actions(struct dynamodb *dynamodb, struct protocol_call *call)
{
    static const struct {
        const char *member, *action;
    } rows[] = {{"ConditionCheck", "ConditionCheckItem"},
                {"Delete", "DeleteItem"},
                {"Get", "GetItem"},
                {"Put", "PutItem"},
                {"Update", "UpdateItem"}};
    size_t at, count;
    yyjson_val *action;
    yyjson_arr_foreach(mr_json_get(call->in, "TransactItems"), at, count, action)
    {
        for (size_t i = 0; i < MR_COUNT(rows); i++) {
            yyjson_val *body = mr_json_get(action, rows[i].member);
            const struct part part = {.where = mr_json_get_text(body, "TableName"),
                                      .action = rows[i].action,
                                      .enclosing = call->operation_name,
                                      .body = body};
            if (body != NULL && ask(dynamodb, call, &part) != MR_OK)
                return;
        }
    }
}

const char *dynamodb_statement_needs(const struct item_statement *statement)
{
    static const char *const actions[] = {[ITEM_STATEMENT_SELECT] = "PartiQLSelect",
                                          [ITEM_STATEMENT_EXISTS] = "PartiQLSelect",
                                          [ITEM_STATEMENT_INSERT] = "PartiQLInsert",
                                          [ITEM_STATEMENT_UPDATE] = "PartiQLUpdate",
                                          [ITEM_STATEMENT_DELETE] = "PartiQLDelete"};
    return actions[statement->kind];
}

static enum mr_status ask_statement(struct dynamodb *dynamodb, struct protocol_call *call,
                                    const struct item_statement *statement, const char *enclosing)
{
    const struct part part = {.where = statement->table,
                              .index = statement->index,
                              .action = dynamodb_statement_needs(statement),
                              .enclosing = enclosing,
                              .statement = statement};
    return ask(dynamodb, call, &part);
}

bool dynamodb_statement_denied(struct protocol_call *call, const struct item_statement *statement,
                               struct mr_slice *ret_message)
{
    struct dynamodb *dynamodb = call->service;
    if (call->exchange == NULL || !policy_guarded_any(&dynamodb->guarded) ||
        ask_statement(dynamodb, call, statement, NULL) == MR_OK)
        return false;
    *ret_message = protocol_fault_take(call);
    return true;
}

/* What cannot be read, the operation tells. */
static enum mr_status ask_unread(struct dynamodb *dynamodb, struct protocol_call *call,
                                 yyjson_val *request, const char *enclosing)
{
    struct item_statement statement;
    if (dynamodb_statement_read(call, request, &statement) == MR_OK)
        return ask_statement(dynamodb, call, &statement, enclosing);
    (void)protocol_fault_take(call);
    return MR_OK;
}

static void ask_statements(struct dynamodb *dynamodb, struct protocol_call *call)
{
    size_t at, count;
    yyjson_val *request;
    if (strcmp(call->operation_name, "ExecuteStatement") == 0) {
        (void)ask_unread(dynamodb, call, call->in, NULL);
        return;
    }
    yyjson_arr_foreach(mr_json_get(call->in, "TransactStatements"), at, count, request)
    {
        if (ask_unread(dynamodb, call, request, call->operation_name) != MR_OK)
            return;
    }
}

/* An iterator begins with its stream's ARN. */
static void ask_iterator(struct dynamodb *dynamodb, struct protocol_call *call)
{
    struct mr_slice rest = mr_json_get_text(call->in, "ShardIterator"), arn = {0};
    (void)mr_slice_split(&rest, '|', &arn);
    const struct part part = {.where = arn, .action = call->operation_name};
    (void)ask(dynamodb, call, &part);
}

static void ask_named(struct dynamodb *dynamodb, struct protocol_call *call)
{
    static const char *const members[] = {"TableName",       "ResourceArn", "StreamArn",
                                          "SourceTableName", "TableArn",    "SourceTableArn",
                                          "ExportArn"};
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        const struct part part = {.where = mr_json_get_text(call->in, members[i]),
                                  .index = mr_json_get_text(call->in, "IndexName"),
                                  .action = call->operation_name,
                                  .body = call->in};
        if (part.where.len == 0)
            continue;
        (void)ask(dynamodb, call, &part);
        return;
    }
}

void dynamodb_authorize(void *ctx, struct protocol_call *call)
{
    /* Lists are of all tables, whatever they are narrowed to; the others ask for themselves. */
    static const struct {
        const char *operation;
        void (*ask)(struct dynamodb *dynamodb, struct protocol_call *call);
    } rows[] = {
        {"BatchExecuteStatement", NULL},
        {"BatchGetItem", ask_batch},
        {"BatchWriteItem", ask_batch},
        {"CreateTable", NULL},
        {"ExecuteStatement", ask_statements},
        {"ExecuteTransaction", ask_statements},
        {"GetRecords", ask_iterator},
        {"ListContributorInsights", NULL},
        {"ListBackups", NULL},
        {"ListExports", NULL},
        {"ListImports", NULL},
        {"ListStreams", NULL},
        {"TransactGetItems", ask_actions},
        {"TransactWriteItems", ask_actions},
    };
    struct dynamodb *dynamodb = ctx;
    if (call->exchange == NULL || !policy_guarded_any(&dynamodb->guarded))
        return;
    void (*fn)(struct dynamodb * dynamodb, struct protocol_call * call) = ask_named;
    for (size_t i = 0; i < MR_COUNT(rows); i++)
        if (strcmp(rows[i].operation, call->operation_name) == 0)
            fn = rows[i].ask;
    if (fn != NULL)
        fn(dynamodb, call);
}
