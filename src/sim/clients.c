/* sim/clients.c: what clients ask for. */
#include "sim/server.h"
#include <stdio.h>

enum { PAUSE_NS_MAX = 30000000 };

static struct {
    struct serve *serve;
    size_t left; /* operations to begin */
    int clients[16];
} work;

/* ---- requests ---- */

static void write_key(struct mr_json *json, unsigned key)
{
    char text[16];
    (void)snprintf(text, sizeof text, "k%u", key);
    mr_json_key(json, "pk");
    mr_json_tagged(json, 'S', mr_slice_cstr(text));
}

static void write_number(struct mr_json *json, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    mr_json_key(json, name);
    mr_json_tagged(json, 'N', mr_slice_cstr(text));
}

static void write_item(struct mr_json *json, struct mr_arena *arena, const struct sim_op *op,
                       size_t part)
{
    const size_t len = (size_t)sim_below(sim->plan.pad_bytes + 1);
    char *pad = mr_arena_alloc(arena, len + 1);
    memset(pad, 'a' + (int)sim_below(26), len);
    mr_json_key(json, "Item");
    mr_json_object(json);
    write_key(json, op->parts[part].key);
    write_number(json, "w", sim_mark(op, part));
    write_number(json, "n", 0);
    if (sim->plan.expires && sim_chance(3)) /* now and then it is over already */
        write_number(json, "t",
                     (uint64_t)((sim->now_ns + sim->wall_ns) / 1000000000) + sim_below(30) - 5);
    mr_json_key(json, "pad");
    mr_json_tagged(json, 'S', mr_slice_make(pad, len));
    mr_json_object_end(json);
}

static void write_update(struct mr_json *json, const struct sim_op *op, size_t part)
{
    mr_json_key(json, "Key");
    mr_json_object(json);
    write_key(json, op->parts[part].key);
    mr_json_object_end(json);
    mr_json_key_cstr(json, "UpdateExpression", "SET w = :w ADD n :one");
    mr_json_key(json, "ExpressionAttributeValues");
    mr_json_object(json);
    write_number(json, ":w", sim_mark(op, part));
    write_number(json, ":one", 1);
    mr_json_object_end(json);
}

/* The members of one change, without the braces. */
static void write_change(struct mr_json *json, struct mr_arena *arena, const struct sim_op *op,
                         size_t part)
{
    switch (op->parts[part].change) {
    case SIM_PUT: write_item(json, arena, op, part); break;
    case SIM_UPDATE: write_update(json, op, part); break;
    default:
        mr_json_key(json, "Key");
        mr_json_object(json);
        write_key(json, op->parts[part].key);
        mr_json_object_end(json);
        break;
    }
}

static void write_condition(struct mr_json *json, const struct sim_part *part)
{
    if (part->expected_w == 0) {
        mr_json_key_cstr(json, "ConditionExpression", "attribute_not_exists(pk)");
        return;
    }
    mr_json_key_cstr(json, "ConditionExpression", "w = :e");
    mr_json_key(json, "ExpressionAttributeValues");
    mr_json_object(json);
    write_number(json, ":e", part->expected_w);
    mr_json_object_end(json);
}

static void write_single(struct mr_json *json, struct mr_arena *arena, const struct sim_op *op)
{
    mr_json_object(json);
    mr_json_key_cstr(json, "TableName", "tab");
    write_change(json, arena, op, 0);
    if (op->parts[0].conditional)
        write_condition(json, &op->parts[0]);
    if (op->kind == SIM_GET)
        mr_json_key_bool(json, "ConsistentRead", true);
    else
        mr_json_key_cstr(json, "ReturnValues", op->kind == SIM_UPDATE ? "ALL_NEW" : "ALL_OLD");
    mr_json_object_end(json);
}

static void write_batch(struct mr_json *json, struct mr_arena *arena, const struct sim_op *op)
{
    mr_json_object(json);
    mr_json_key(json, "RequestItems");
    mr_json_object(json);
    mr_json_key(json, "tab");
    mr_json_array(json);
    for (size_t i = 0; i < op->count; i++) {
        mr_json_object(json);
        mr_json_key(json, op->parts[i].change == SIM_PUT ? "PutRequest" : "DeleteRequest");
        mr_json_object(json);
        write_change(json, arena, op, i);
        mr_json_object_end(json);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static void write_transaction(struct mr_json *json, struct mr_arena *arena, const struct sim_op *op)
{
    static const char *const names[] = {
        [SIM_PUT] = "Put", [SIM_UPDATE] = "Update", [SIM_DELETE] = "Delete"};
    mr_json_object(json);
    mr_json_key(json, "TransactItems");
    mr_json_array(json);
    for (size_t i = 0; i < op->count; i++) {
        mr_json_object(json);
        mr_json_key(json, names[op->parts[i].change]);
        mr_json_object(json);
        mr_json_key_cstr(json, "TableName", "tab");
        write_change(json, arena, op, i);
        mr_json_object_end(json);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_json_object_end(json);
}

/* ---- answers ---- */

static void read_answer(struct mr_arena *arena, const struct protocol_result *result,
                        struct sim_op *op)
{
    yyjson_val *output = sim_output(arena, result);
    yyjson_val *item = mr_json_get(output, op->kind == SIM_GET ? "Item" : "Attributes");
    struct sim_part *part = &op->parts[0];
    part->told = true;
    part->n = sim_number(item, "n");
    if (part->change != SIM_UPDATE)
        part->old_w = (uint64_t)sim_number(item, "w");
}

static enum sim_result result_of(const struct sim_op *op, const struct protocol_result *result)
{
    if (result->status == 200)
        return SIM_DONE;
    if (result->status >= 500) {
        if (!sim->failed_io)
            sim_finding("a client was told %d %.*s: %.*s", result->status, MR_ARG(result->code),
                        MR_ARG(result->message));
        return SIM_UNKNOWN;
    }
    if (op->kind == SIM_TRANSACT &&
        mr_slice_equal(result->code, MR_S("TransactionCanceledException")))
        return SIM_REFUSED;
    if (op->parts[0].conditional &&
        mr_slice_equal(result->code, MR_S("ConditionalCheckFailedException")))
        return SIM_REFUSED;
    if (mr_slice_equal(result->code, MR_S("TransactionConflictException")))
        return SIM_REFUSED;
    sim_finding("a client was told %d %.*s: %.*s", result->status, MR_ARG(result->code),
                MR_ARG(result->message));
}

/* ---- clients ---- */

static unsigned choose_key(void)
{
    return (unsigned)(sim_chance(2) ? 0 : sim_below(sim->plan.keys));
}

static struct sim_op *choose(void)
{
    static const enum sim_op_kind kinds[] = {SIM_PUT, SIM_PUT, SIM_UPDATE, SIM_UPDATE,  SIM_DELETE,
                                             SIM_GET, SIM_GET, SIM_BATCH,  SIM_TRANSACT};
    const enum sim_op_kind kind = kinds[sim_below(MR_COUNT(kinds))];
    const bool many = kind == SIM_BATCH || kind == SIM_TRANSACT;
    size_t count = many ? 1 + (size_t)sim_below(SIM_PARTS_MAX - 1) : 1;
    count = count > sim->plan.keys ? sim->plan.keys : count;
    struct sim_op *op = sim_op_begin(kind, count);
    const unsigned first = choose_key();
    for (size_t i = 0; i < count; i++) {
        op->parts[i].key = (first + (unsigned)i) % sim->plan.keys;
        op->parts[i].change = kind;
        if (kind == SIM_BATCH)
            op->parts[i].change = sim_chance(4) ? SIM_DELETE : SIM_PUT;
        if (kind == SIM_TRANSACT)
            op->parts[i].change = (enum sim_op_kind)sim_below(3);
    }
    if ((kind == SIM_PUT || kind == SIM_DELETE) && sim_chance(3)) {
        op->parts[0].conditional = true;
        op->parts[0].expected_w = sim_chance(3) ? 0 : sim_history_newest(op->parts[0].key);
    }
    return op;
}

static void run_one(void)
{
    static const char *const names[SIM_OP_KINDS] = {
        [SIM_PUT] = "PutItem",          [SIM_UPDATE] = "UpdateItem",
        [SIM_DELETE] = "DeleteItem",    [SIM_GET] = "GetItem",
        [SIM_BATCH] = "BatchWriteItem", [SIM_TRANSACT] = "TransactWriteItems"};
    struct mr_arena arena;
    struct mr_buf text = {0};
    struct protocol_result result;
    mr_arena_init(&arena);
    struct sim_op *op = choose();
    struct mr_json json = mr_json_make(&text);
    if (op->kind == SIM_BATCH)
        write_batch(&json, &arena, op);
    else if (op->kind == SIM_TRANSACT)
        write_transaction(&json, &arena, op);
    else
        write_single(&json, &arena, op);
    sim_call(work.serve, &arena, "dynamodb", names[op->kind], mr_buf_slice(&text), &result);
    const enum sim_result outcome = result_of(op, &result);
    if (outcome == SIM_DONE && op->kind != SIM_BATCH && op->kind != SIM_TRANSACT)
        read_answer(&arena, &result, op);
    sim_op_end(op, outcome);
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}

/* What operators do meanwhile. That it cannot be done now, or not again so soon, is an answer. */
static void meddle(void)
{
    char text[160];
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena);
    const struct mr_slice pipe =
        sim->plan.filters && sim_chance(2) ? MR_S("{\"Name\":\"q\"}") : MR_S("{\"Name\":\"p\"}");
    switch (sim_below(4)) {
    case 0:
        (void)snprintf(text, sizeof text,
                       "{\"StreamName\":\"k\",\"TargetShardCount\":%u,\"ScalingType\":"
                       "\"UNIFORM_SCALING\"}",
                       1 + (unsigned)sim_below(4));
        sim_call(work.serve, &arena, "kinesis", "UpdateShardCount", mr_slice_cstr(text), &result);
        break;
    case 1: sim_call(work.serve, &arena, "pipes", "StopPipe", pipe, &result); break;
    default: sim_call(work.serve, &arena, "pipes", "StartPipe", pipe, &result); break;
    }
    if (result.status >= 500 && !sim->failed_io)
        sim_finding("an operator was told %d %.*s: %.*s", result.status, MR_ARG(result.code),
                    MR_ARG(result.message));
    mr_arena_fini(&arena);
}

static void *client_main(void *arg)
{
    (void)arg;
    while (work.left > 0 && !sim->failed_io) {
        work.left--;
        run_one();
        if (sim->plan.meddles && sim_chance(12))
            meddle();
        if (sim_chance(15))
            sim_sleep((int64_t)sim_below((uint64_t)sim->plan.pause_ns_max));
        else if (!sim_chance(3))
            sim_sleep((int64_t)sim_below(PAUSE_NS_MAX));
    }
    return NULL;
}

void sim_clients_begin(struct serve *serve, size_t operations)
{
    work.serve = serve;
    work.left = operations;
    for (unsigned i = 0; i < sim->plan.clients; i++)
        work.clients[i] = sim_fiber_start("client", client_main, NULL);
}

void sim_clients_join(void)
{
    for (unsigned i = 0; i < sim->plan.clients; i++)
        sim_fiber_join(work.clients[i]);
}
