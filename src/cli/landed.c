/* Listing, reading, comparing. */
#include "cli/landed.h"
#include "base/codec.h"
#include <stdio.h>
#include <stdlib.h>

enum { SEQUENCE_DIGITS = 19 };

/* ---- reading ---- */

static uint64_t digits(struct mr_slice text)
{
    uint64_t value = 0;
    const size_t from = text.len > SEQUENCE_DIGITS ? text.len - SEQUENCE_DIGITS : 0;
    for (size_t i = from; i < text.len; i++)
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    return value;
}

static bool read_line(struct mr_arena *arena, struct mr_slice text, struct landed_line *line)
{
    yyjson_val *row = mr_json_parse(arena, text, 8);
    const struct mr_slice id = mr_json_get_text(row, "orderid");
    const struct mr_slice event = mr_json_get_text(row, "cdc_event");
    uint64_t order;
    if (id.len < 3 || mr_slice_to_u64(mr_slice_sub(id, 2, SIZE_MAX), &order) != MR_OK)
        return false;
    line->order = (uint32_t)order;
    line->kind = mr_slice_equal(event, MR_S("INSERT"))   ? SALES_INSERT
                 : mr_slice_equal(event, MR_S("MODIFY")) ? SALES_UPDATE
                                                         : SALES_DELETE;
    line->quantity = (uint16_t)mr_json_get_i64(row, "quantity", 0);
    line->cents = (uint32_t)(mr_json_get_double(row, "price", 0) * 100 + 0.5);
    line->sequence = digits(mr_json_get_text(row, "cdc_sequence"));
    return line->sequence != 0;
}

static void add_line(struct landed *landed, const struct landed_line *line)
{
    if (landed->count == landed->capacity) {
        landed->capacity = landed->capacity == 0 ? 4096 : landed->capacity * 2;
        landed->lines = mr_realloc(landed->lines, landed->capacity * sizeof *landed->lines);
    }
    landed->lines[landed->count++] = *line;
}

static void read_lines(struct landed *landed, struct mr_slice body)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice rest = body, text;
    for (uint32_t number = 0; rest.len > 0 && mr_slice_split(&rest, '\n', &text); number++) {
        struct landed_line line = {.object = landed->objects, .line = number};
        if (text.len == 0)
            continue;
        if (read_line(&arena, text, &line))
            add_line(landed, &line);
        else
            landed->unreadable++;
        mr_arena_reset(&arena);
    }
    landed->objects++;
    mr_arena_fini(&arena);
}

static enum mr_status read_object(struct client *client, struct mr_slice bucket,
                                  struct mr_slice key, struct landed *landed)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_buf path = {0};
    mr_buf_printf(&path, "/%.*s/", MR_ARG(bucket));
    mr_percent_encode(&path, key, true);
    struct client_reply reply;
    enum mr_status status = client_get(client, &arena, "s3", mr_buf_slice(&path), &reply);
    if (status != MR_OK) {
        client_complain("read an object", &reply);
    } else if (mr_slice_ends_with(key, MR_S(".gz"))) {
        struct mr_buf plain = {0};
        status = mr_gunzip(&plain, reply.body, 1U << 30);
        read_lines(landed, mr_buf_slice(&plain));
        mr_buf_fini(&plain);
    } else {
        read_lines(landed, reply.body);
    }
    mr_buf_fini(&path);
    mr_arena_fini(&arena);
    return status;
}

/* One page of the listing; *token is the next one's, empty at the end. */
static enum mr_status read_page(struct client *client, struct mr_arena *arena,
                                struct mr_slice bucket, struct mr_slice prefix,
                                struct mr_slice *token, struct landed *landed)
{
    struct mr_buf path = {0};
    mr_buf_printf(&path, "/%.*s?", MR_ARG(bucket));
    if (token->len > 0) {
        mr_buf_append(&path, MR_S("continuation-token="));
        mr_percent_encode(&path, *token, false);
        mr_buf_byte(&path, '&');
    }
    mr_buf_append(&path, MR_S("list-type=2&prefix="));
    mr_percent_encode(&path, prefix, false);
    struct client_reply reply;
    enum mr_status status = client_get(client, arena, "s3", mr_buf_slice(&path), &reply);
    mr_buf_fini(&path);
    if (status != MR_OK || reply.xml == NULL) {
        client_complain("list the bucket", &reply);
        return MR_FAULT;
    }
    for (const struct xml_node *node = reply.xml->first; status == MR_OK && node != NULL;
         node = node->next) {
        const struct xml_node *key = xml_child(node, MR_S("Key"));
        if (mr_slice_equal(node->name, MR_S("Contents")) && key != NULL)
            status = read_object(client, bucket, key->text, landed);
    }
    const struct xml_node *next = xml_child(reply.xml, MR_S("NextContinuationToken"));
    *token = next == NULL ? MR_S("") : next->text;
    return status;
}

enum mr_status landed_read(struct client *client, struct mr_slice bucket, struct mr_slice prefix,
                           struct landed *ret_landed)
{
    *ret_landed = (struct landed){0};
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice token = {0};
    enum mr_status status;
    do {
        status = read_page(client, &arena, bucket, prefix, &token, ret_landed);
    } while (status == MR_OK && token.len > 0);
    mr_arena_fini(&arena);
    return status;
}

void landed_fini(struct landed *landed)
{
    free(landed->lines);
    *landed = (struct landed){0};
}

/* ---- comparing ---- */

static int by_order_and_sequence(const void *a, const void *b)
{
    const struct landed_line *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    if (left->sequence != right->sequence)
        return left->sequence < right->sequence ? -1 : 1;
    return 0;
}

/* Indices of run->changes, by order, each order's in the order written. */
static const struct sales_change *sorting;
static int by_order_written(const void *a, const void *b)
{
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;
    if (sorting[left].order != sorting[right].order)
        return sorting[left].order < sorting[right].order ? -1 : 1;
    return left < right ? -1 : left > right;
}

static size_t *index_written(const struct sales_run *run)
{
    size_t *index = mr_calloc(run->count + 1, sizeof *index);
    for (size_t i = 0; i < run->count; i++)
        index[i] = i;
    sorting = run->changes;
    qsort(index, run->count, sizeof *index, by_order_written);
    return index;
}

static size_t drop_doubled(struct landed *landed)
{
    size_t kept = 0;
    for (size_t i = 0; i < landed->count; i++)
        if (kept == 0 || by_order_and_sequence(&landed->lines[kept - 1], &landed->lines[i]) != 0)
            landed->lines[kept++] = landed->lines[i];
    const size_t doubled = landed->count - kept;
    landed->count = kept;
    return doubled;
}

/* A deleted order shows its old columns, so only its kind is compared. */
static bool same_change(const struct landed_line *line, const struct sales_change *change)
{
    return line->kind == change->kind &&
           (change->kind == SALES_DELETE ||
            (line->quantity == change->quantity && line->cents == change->cents));
}

/* `count` lines of one order, by sequence: their places must rise within an object, and an object
 * must not come back. */
static uint64_t misplaced(const struct landed_line *lines, size_t count)
{
    uint64_t wrong = 0;
    for (size_t i = 1; i < count; i++) {
        if (lines[i].object == lines[i - 1].object) {
            wrong += lines[i].line < lines[i - 1].line;
            continue;
        }
        for (size_t j = 0; j + 1 < i; j++)
            if (lines[j].object == lines[i].object) {
                wrong++;
                break;
            }
    }
    return wrong;
}

static size_t order_length(const struct landed_line *lines, size_t count)
{
    size_t length = 0;
    while (length < count && lines[length].order == lines[0].order)
        length++;
    return length;
}

/* Walks both sides order by order. */
struct landed_verdict landed_compare(struct landed *landed, const struct sales_run *run)
{
    struct landed_verdict verdict = {0};
    if (landed->count > 0)
        qsort(landed->lines, landed->count, sizeof *landed->lines, by_order_and_sequence);
    verdict.doubled = drop_doubled(landed);
    size_t *written = index_written(run);
    size_t at = 0;
    for (size_t i = 0; i < landed->count;) {
        const struct landed_line *lines = &landed->lines[i];
        const size_t length = order_length(lines, landed->count - i);
        while (at < run->count && run->changes[written[at]].order < lines[0].order) {
            verdict.lost++;
            at++;
        }
        size_t found = 0;
        for (; at < run->count && run->changes[written[at]].order == lines[0].order; at++) {
            if (found == length)
                verdict.lost++;
            else
                verdict.out_of_order += !same_change(&lines[found++], &run->changes[written[at]]);
        }
        verdict.doubled += length - found; /* more than was written */
        verdict.out_of_order += misplaced(lines, length);
        for (size_t k = 0; k < length; k++) {
            verdict.inserts += lines[k].kind == SALES_INSERT;
            verdict.updates += lines[k].kind == SALES_UPDATE;
            verdict.deletes += lines[k].kind == SALES_DELETE;
        }
        i += length;
    }
    verdict.lost += run->count - at;
    free(written);
    return verdict;
}
