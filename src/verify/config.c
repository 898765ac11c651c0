/* Pipes, delivery streams and their shards, from the stored documents as of the snapshot. */
#include "verify/internal.h"
#include "kinesis/kinesis.h"
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 40, WINDOWS_MAX = 1 << 26 };

static void want(struct verify *verify, uint32_t window, uint8_t how)
{
    if (window >= WINDOWS_MAX)
        return;
    if (window >= verify->window_count) {
        const uint32_t count = window + 64;
        verify->wanted = mr_realloc(verify->wanted, count);
        memset(verify->wanted + verify->window_count, 0, count - verify->window_count);
        verify->window_count = count;
    }
    verify->wanted[window] |= how;
}

/* ---- documents ---- */

static yyjson_val *document(struct verify *verify, const char *service, const char *kind,
                            struct mr_slice name)
{
    struct mr_buf buf = {0};
    const struct mr_slice key = store_doc_key(&verify->arena, service, kind, name);
    const enum mr_status status = verify_get(verify, VIEW_META, key, &buf);
    yyjson_val *doc =
        status == MR_OK ? mr_json_parse(&verify->arena, mr_buf_slice(&buf), DEPTH_MAX) : NULL;
    mr_buf_fini(&buf);
    return doc;
}

static enum mr_status each_document(struct verify *verify, const char *service, const char *kind,
                                    void (*fn)(struct verify *verify, struct mr_slice name,
                                               yyjson_val *doc))
{
    const struct mr_slice prefix = store_doc_key(&verify->arena, service, kind, MR_S(""));
    struct view_iterator *at = view_snapshot_iterate(verify->snapshot, VIEW_META, prefix);
    for (view_iterator_first(at); view_iterator_valid(at); view_iterator_next(at)) {
        const struct mr_slice name = mr_slice_sub(view_iterator_key(at), prefix.len, SIZE_MAX);
        yyjson_val *doc = mr_json_parse(&verify->arena, view_iterator_value(at), DEPTH_MAX);
        if (doc != NULL)
            fn(verify, mr_arena_copy(&verify->arena, name), doc);
    }
    const enum mr_status status = view_iterator_status(at);
    view_iterator_free(at);
    return status;
}

static int64_t cursor_at(const struct verify *verify, struct mr_slice name, int64_t fallback)
{
    struct mr_buf buf = {0};
    int64_t position = fallback;
    if (verify_get(verify, VIEW_CURSOR, name, &buf) == MR_OK && buf.len == sizeof position)
        memcpy(&position, buf.data, sizeof position);
    mr_buf_fini(&buf);
    return position;
}

/* ---- shards ---- */

static struct verify_stretch *add_stretch(struct verify *verify, struct verify_stretches *to,
                                          yyjson_val *shard, size_t index, bool of_table)
{
    struct verify_stretch *it = &to->list[to->count++];
    const struct mr_slice id = mr_json_get_text(shard, "id");
    *it = (struct verify_stretch){
        .window = (uint32_t)mr_json_get_i64(shard, "window", 0),
        .first = mr_json_get_i64(shard, "start", 0),
        .end = mr_json_get_i64(shard, "end", INT64_MAX),
        .start = -1,
        .upto = -1,
    };
    if (of_table)
        (void)snprintf(it->shard, sizeof it->shard, "%.*s", MR_ARG(id));
    else
        (void)snprintf(it->shard, sizeof it->shard, "shardId-%012zu", index);
    want(verify, it->window, of_table ? VERIFY_READ | VERIFY_TABLE : VERIFY_READ);
    return it;
}

static void add_shards(struct verify *verify, struct verify_stretches *to, yyjson_val *doc,
                       bool of_table)
{
    yyjson_val *shards = mr_json_get(doc, "shards"), *shard;
    size_t index, max;
    to->list = MR_NEW_ARRAY(&verify->arena, struct verify_stretch, yyjson_arr_size(shards) + 1);
    yyjson_arr_foreach(shards, index, max, shard)(void)
        add_stretch(verify, to, shard, index, of_table);
}

static struct mr_slice behind(struct mr_slice arn, const char *mark)
{
    const struct mr_slice wanted = mr_slice_cstr(mark);
    const size_t at = mr_slice_search(arn, wanted);
    return at == SIZE_MAX ? arn : mr_slice_sub(arn, at + wanted.len, SIZE_MAX);
}

/* arn:...:table/<name>/stream/<label> */
static yyjson_val *table_stream(struct verify *verify, struct mr_slice arn)
{
    struct mr_slice rest = behind(arn, ":table/"), table;
    (void)mr_slice_split(&rest, '/', &table);
    const struct mr_slice name = mr_arena_printf(&verify->arena, "%.*s/%.*s", MR_ARG(table),
                                                 MR_ARG(behind(rest, "stream/")));
    return document(verify, "streams", "stream", name);
}

/* ---- pipes ---- */

/* The slowest lane's. */
static int64_t lanes_upto(const struct verify *verify, const struct verify_pipe *pipe,
                          const struct verify_stretch *stretch, struct mr_arena *arena)
{
    int64_t upto = INT64_MAX;
    bool any = false;
    for (int i = 0; i < PIPE_FACTOR_MAX; i++) {
        const struct mr_slice name =
            i == 0 ? mr_arena_printf(arena, "pipe/%s/%s", pipe->id, stretch->shard)
                   : mr_arena_printf(arena, "pipe/%s/%s/%d", pipe->id, stretch->shard, i);
        const int64_t position = cursor_at(verify, name, -1);
        any = any || position >= 0;
        upto = position >= 0 && position < upto ? position : upto;
    }
    return any ? upto : -1;
}

static void add_targets(struct verify *verify, struct verify_pipe *pipe)
{
    struct verify_stretches shards = {0};
    if (pipe->config.target_kind == PIPE_TARGET_KINESIS) {
        yyjson_val *doc =
            document(verify, "kinesis", "stream", behind(pipe->config.target, ":stream/"));
        add_shards(verify, &shards, doc, false);
    } else {
        yyjson_val *doc =
            document(verify, "firehose", "stream", behind(pipe->config.target, ":deliverystream/"));
        shards.list = MR_NEW_ARRAY(&verify->arena, struct verify_stretch, 1);
        if (mr_json_get_i64(doc, "window", 0) != 0)
            (void)add_stretch(verify, &shards, doc, 0, false);
    }
    pipe->targets = MR_NEW_ARRAY(&verify->arena, uint32_t, shards.count + 1);
    for (size_t i = 0; i < shards.count; i++)
        pipe->targets[pipe->target_count++] = shards.list[i].window;
}

static void add_pipe(struct verify *verify, struct mr_slice name, yyjson_val *doc)
{
    struct verify_pipe *pipe = &verify->pipes[verify->pipe_count];
    char message[PIPE_MESSAGE_MAX];
    *pipe = (struct verify_pipe){.name = mr_arena_cstr(&verify->arena, name),
                                 .id = mr_arena_cstr(&verify->arena, mr_json_get_text(doc, "id"))};
    if (pipe_config_read(&verify->arena, mr_json_get(doc, "pipe"), &pipe->config, message) != MR_OK)
        return;
    verify->pipe_count++;
    const bool of_table = pipe->config.source_kind == PIPE_SOURCE_TABLE;
    yyjson_val *source =
        of_table ? table_stream(verify, pipe->config.source)
                 : document(verify, "kinesis", "stream", behind(pipe->config.source, ":stream/"));
    add_shards(verify, &pipe->source, source, of_table);
    for (size_t i = 0; i < pipe->source.count; i++)
        pipe->source.list[i].upto = lanes_upto(verify, pipe, &pipe->source.list[i], &verify->arena);
    if (pipe->config.target_kind == PIPE_TARGET_KINESIS ||
        pipe->config.target_kind == PIPE_TARGET_FIREHOSE)
        add_targets(verify, pipe);
}

/* ---- delivery streams ---- */

static void add_delivery(struct verify *verify, struct mr_slice name, yyjson_val *doc)
{
    yyjson_val *destination = mr_json_get(doc, "destination");
    if (mr_json_get(destination, "CatalogConfiguration") != NULL)
        return; /* rows of Iceberg tables are not objects of its own: not audited */
    struct verify_delivery *delivery = &verify->deliveries[verify->delivery_count++];
    *delivery = (struct verify_delivery){
        .name = mr_arena_cstr(&verify->arena, name),
        .id = mr_arena_cstr(&verify->arena, mr_json_get_text(doc, "id")),
        .partitioned = mr_json_get_bool(
            mr_json_get(destination, "DynamicPartitioningConfiguration"), "Enabled", false),
    };
    const struct mr_slice stream = mr_json_get_text(mr_json_get(doc, "source"), "KinesisStreamARN");
    if (stream.len > 0) {
        add_shards(verify, &delivery->source,
                   document(verify, "kinesis", "stream", behind(stream, ":stream/")), false);
    } else {
        delivery->source.list = MR_NEW_ARRAY(&verify->arena, struct verify_stretch, 1);
        (void)add_stretch(verify, &delivery->source, doc, 0, false);
        (void)snprintf(delivery->source.list[0].shard, sizeof delivery->source.list[0].shard,
                       "direct");
    }
    for (size_t i = 0; i < delivery->source.count; i++) {
        struct verify_stretch *it = &delivery->source.list[i];
        it->upto = cursor_at(
            verify, mr_arena_printf(&verify->arena, "firehose/%s/%s", delivery->id, it->shard), -1);
    }
}

static void count_pipe(struct verify *verify, struct mr_slice name, yyjson_val *doc)
{
    (void)name;
    (void)doc;
    verify->pipe_count++;
}

static void count_delivery(struct verify *verify, struct mr_slice name, yyjson_val *doc)
{
    (void)name;
    (void)doc;
    verify->delivery_count++;
}

enum mr_status verify_config_read(struct verify *verify)
{
    enum mr_status status = each_document(verify, "pipes", "pipe", count_pipe);
    if (status == MR_OK)
        status = each_document(verify, "firehose", "stream", count_delivery);
    verify->pipes = MR_NEW_ARRAY(&verify->arena, struct verify_pipe, verify->pipe_count + 1);
    verify->deliveries =
        MR_NEW_ARRAY(&verify->arena, struct verify_delivery, verify->delivery_count + 1);
    verify->pipe_count = verify->delivery_count = 0;
    if (status == MR_OK)
        status = each_document(verify, "pipes", "pipe", add_pipe);
    if (status == MR_OK)
        status = each_document(verify, "firehose", "stream", add_delivery);
    return status;
}

void verify_config_fini(struct verify *verify)
{
    for (size_t i = 0; i < verify->pipe_count; i++) {
        struct verify_pipe *pipe = &verify->pipes[i];
        for (size_t j = 0; j < pipe->filter_count; j++)
            event_filter_free(pipe->filters[j].filter);
        free(pipe->filters);
        mr_buf_fini(&pipe->given_up);
        pipe_config_fini(&pipe->config);
    }
    for (size_t i = 0; i < verify->delivery_count; i++)
        mr_buf_fini(&verify->deliveries[i].dropped);
    free(verify->wanted);
}

/* ---- whose an event is ---- */

static const struct verify_stretch *stretch_of(const struct verify_stretches *stretches,
                                               const struct verify_event *event)
{
    for (size_t i = 0; i < stretches->count; i++) {
        const struct verify_stretch *it = &stretches->list[i];
        if (it->window == event->window && event->position >= it->first &&
            event->position < it->end)
            return it;
    }
    return NULL;
}

bool verify_stretches_have(const struct verify_stretches *stretches,
                           const struct verify_event *event)
{
    return stretch_of(stretches, event) != NULL;
}

bool verify_stretch_is_due(const struct verify_stretches *stretches,
                           const struct verify_event *event)
{
    const struct verify_stretch *it = stretch_of(stretches, event);
    return it != NULL && it->start >= 0 && event->position >= it->start &&
           event->position < it->upto;
}

static int by_position(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

void verify_positions_sort(struct mr_buf *positions)
{
    if (positions->len > 0)
        qsort(positions->data, positions->len / sizeof(int64_t), sizeof(int64_t), by_position);
}

bool verify_positions_have(const struct mr_buf *positions, int64_t position)
{
    return positions->len > 0 &&
           bsearch(&position, positions->data, positions->len / sizeof position, sizeof position,
                   by_position) != NULL;
}
