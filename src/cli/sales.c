/* Makes the changes: PutItem for a new order, UpdateItem for a changed one, DeleteItem. */
#include "cli/sales.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const sales_products[] = {
    "Espresso machine", "Milk frother",  "Coffee grinder", "Kettle",        "Tea pot",
    "Water filter",     "Travel mug",    "Cold brew jar",  "Digital scale", "Pour-over set",
    "Filter papers",    "Cleaning tabs", "Cup warmer",     "Cocoa tin",     "Crème brûlée torch",
};
const size_t sales_product_count = MR_COUNT(sales_products);

const struct sales_options sales_options_default = {
    .table = "OrderTable", .updates = 30, .deletes = 10, .seed = 1};

enum { HOT_ORDERS = 100, HOT_PERCENT = 50 };

/* What is live, so that updates and deletes hit something. */
struct book {
    struct mr_rng rng;
    uint32_t *live; /* owned; order numbers */
    size_t count, capacity;
    uint32_t next;
};

void sales_order_id(uint32_t order, char ret[static 16])
{
    (void)snprintf(ret, 16, "o-%08u", order);
}

void sales_run_fini(struct sales_run *run)
{
    free(run->changes);
    *run = (struct sales_run){0};
}

static size_t pick_live(struct book *book)
{
    const bool hot = mr_rng_below(&book->rng, 100) < HOT_PERCENT;
    const size_t among = hot && book->count > HOT_ORDERS ? HOT_ORDERS : book->count;
    return book->count - 1 - (size_t)mr_rng_below(&book->rng, among);
}

static struct sales_change next_change(struct book *book, const struct sales_options *options)
{
    struct sales_change change = {
        .product = (uint8_t)mr_rng_below(&book->rng, sales_product_count),
        .quantity = (uint16_t)(1 + mr_rng_below(&book->rng, 20)),
        .cents = (uint32_t)(100 + mr_rng_below(&book->rng, 50000)),
    };
    const int draw = (int)mr_rng_below(&book->rng, 100);
    if (book->count == 0 || draw >= options->updates + options->deletes) {
        change.kind = SALES_INSERT;
        change.order = book->next++;
        if (book->count == book->capacity) {
            book->capacity = book->capacity == 0 ? 1024 : book->capacity * 2;
            book->live = mr_realloc(book->live, book->capacity * sizeof *book->live);
        }
        book->live[book->count++] = change.order;
        return change;
    }
    const size_t at = pick_live(book);
    change.order = book->live[at];
    change.kind = draw < options->updates ? SALES_UPDATE : SALES_DELETE;
    if (change.kind == SALES_DELETE) {
        memmove(&book->live[at], &book->live[at + 1], (book->count - at - 1) * sizeof *book->live);
        book->count--;
    }
    return change;
}

/* ---- requests ---- */

static void write_typed(struct mr_json *json, const char *name, const char *type,
                        struct mr_slice value)
{
    mr_json_key(json, name);
    mr_json_object(json);
    mr_json_key_string(json, type, value);
    mr_json_object_end(json);
}

static void write_numbers(struct mr_json *json, struct mr_arena *arena,
                          const struct sales_change *change, const char *quantity,
                          const char *price)
{
    write_typed(json, quantity, "N", mr_arena_printf(arena, "%u", change->quantity));
    write_typed(json, price, "N",
                mr_arena_printf(arena, "%u.%02u", change->cents / 100, change->cents % 100));
}

static const char *write_request(struct mr_json *json, struct mr_arena *arena, const char *table,
                                 const struct sales_change *change)
{
    char id[16];
    sales_order_id(change->order, id);
    mr_json_object(json);
    mr_json_key_cstr(json, "TableName", table);
    mr_json_key(json, change->kind == SALES_INSERT ? "Item" : "Key");
    mr_json_object(json);
    write_typed(json, "orderid", "S", mr_slice_cstr(id));
    if (change->kind == SALES_INSERT) {
        write_typed(json, "product_name", "S", mr_slice_cstr(sales_products[change->product]));
        write_numbers(json, arena, change, "quantity", "price");
    }
    mr_json_object_end(json);
    if (change->kind == SALES_UPDATE) {
        mr_json_key_cstr(json, "UpdateExpression", "SET quantity = :q, price = :p");
        mr_json_key(json, "ExpressionAttributeValues");
        mr_json_object(json);
        write_numbers(json, arena, change, ":q", ":p");
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
    static const char *const targets[] = {"DynamoDB_20120810.PutItem",
                                          "DynamoDB_20120810.UpdateItem",
                                          "DynamoDB_20120810.DeleteItem"};
    return targets[change->kind];
}

static void note(struct sales_run *run, const struct sales_change *change, bool keep)
{
    run->inserts += change->kind == SALES_INSERT;
    run->updates += change->kind == SALES_UPDATE;
    run->deletes += change->kind == SALES_DELETE;
    if (keep && run->count == run->capacity) {
        run->capacity = run->capacity == 0 ? 4096 : run->capacity * 2;
        run->changes = mr_realloc(run->changes, run->capacity * sizeof *run->changes);
    }
    if (keep)
        run->changes[run->count] = *change;
    run->count++;
}

/* ---- pace ---- */

static void progress(const struct sales_run *run, int64_t elapsed_ms, bool last)
{
    (void)fprintf(stderr, "\r%zu changes: %llu inserts, %llu updates, %llu deletes, %.0f/s %s",
                  run->count, (unsigned long long)run->inserts, (unsigned long long)run->updates,
                  (unsigned long long)run->deletes,
                  elapsed_ms > 0 ? (double)run->count * 1000.0 / (double)elapsed_ms : 0.0,
                  last ? "\n" : "");
}

/* Waits until change number `count` is due. */
static void keep_pace(const struct sales_options *options, size_t count, int64_t start_us)
{
    if (options->rate <= 0)
        return;
    const int64_t due_us = start_us + (int64_t)((double)count * 1e6 / options->rate);
    const int64_t wait_us = due_us - mr_monotonic_us();
    if (wait_us <= 0)
        return;
    client_pause((wait_us + 999) / 1000);
}

static bool go_on(const struct sales_options *options, const struct sales_run *run,
                  int64_t elapsed_ms, const volatile int *stop)
{
    return (options->count == 0 || run->count < options->count) &&
           (options->seconds <= 0 || (double)elapsed_ms < options->seconds * 1000) &&
           (stop == NULL || *stop == 0);
}

enum mr_status sales_generate(struct client *client, const struct sales_options *options, bool keep,
                              const volatile int *stop, struct sales_run *ret_run)
{
    struct book book = {0};
    struct mr_arena arena;
    struct mr_buf body = {0};
    enum mr_status status = MR_OK;
    *ret_run = (struct sales_run){0};
    mr_rng_init_seed(&book.rng, options->seed);
    mr_arena_init(&arena);
    const int64_t start_us = mr_monotonic_us();
    int64_t told_ms = 0, now_ms = 0;
    while (status == MR_OK && go_on(options, ret_run, now_ms, stop)) {
        keep_pace(options, ret_run->count, start_us);
        const struct sales_change change = next_change(&book, options);
        mr_buf_reset(&body);
        mr_arena_reset(&arena);
        struct mr_json json = mr_json_make(&body);
        const char *target = write_request(&json, &arena, options->table, &change);
        struct client_reply reply;
        status = client_json(client, &arena, "dynamodb", target, mr_buf_slice(&body), &reply);
        if (status == MR_OK)
            note(ret_run, &change, keep);
        now_ms = (mr_monotonic_us() - start_us) / 1000;
        if (status != MR_OK) {
            if (told_ms > 0)
                (void)fprintf(stderr, "\n"); /* off the progress line */
            client_complain("generate", &reply);
        } else if (!options->quiet && now_ms - told_ms >= 1000) {
            progress(ret_run, now_ms, false);
            told_ms = now_ms;
        }
    }
    ret_run->ms = (mr_monotonic_us() - start_us) / 1000;
    if (!options->quiet && (status == MR_OK || ret_run->count > 0))
        progress(ret_run, ret_run->ms, true);
    free(book.live);
    mr_buf_fini(&body);
    mr_arena_fini(&arena);
    return status;
}
