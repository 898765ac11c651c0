/* sim/landed.c: what has landed in the lake, and whether it is what should have. */
#include "sim/server.h"
#include "sim/disk.h"
#include "base/codec.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    RECORDS_MAX = 16384,
    TRIES_MAX = 60,
    SMALL_BYTES_MAX = 16384, /* of a body that is no file */
    EVENT_DEPTH = 64,
};

#define TRY_NS INT64_C(5000000000)

struct landed {
    struct serve *serve;
    struct sim_record records[RECORDS_MAX], only[RECORDS_MAX];
    size_t count, only_count, objects, files;
};

static void image_read(yyjson_val *image, uint64_t *ret_w, int64_t *ret_n)
{
    *ret_w = (uint64_t)sim_number(image, "w");
    *ret_n = sim_number(image, "n");
}

enum kind { KIND_DATA, KIND_FAILED, KIND_ONLY };

static void event_read(struct landed *landed, yyjson_val *event, enum kind kind)
{
    yyjson_val *change = mr_json_get(event, "dynamodb");
    const struct mr_slice key =
        mr_json_get_text(mr_json_get(mr_json_get(change, "Keys"), "pk"), "S");
    uint64_t number;
    if (key.len < 2 || mr_slice_to_u64(mr_slice_sub(key, 1, SIZE_MAX), &number) != MR_OK)
        sim_finding("an object holds a line that is no change");
    size_t *count = kind == KIND_ONLY ? &landed->only_count : &landed->count;
    if (*count == RECORDS_MAX)
        sim_finding("more than %d records landed", RECORDS_MAX);
    struct sim_record *record = &(kind == KIND_ONLY ? landed->only : landed->records)[(*count)++];
    *record = (struct sim_record){.key = (unsigned)number, .object = landed->objects};
    record->failed = kind == KIND_FAILED;
    record->expired = mr_json_get(event, "userIdentity") != NULL;
    record->sequence = (uint64_t)mr_json_get_i64(change, "SequenceNumber", 0);
    const struct mr_slice sequence = mr_json_get_text(change, "SequenceNumber");
    if (record->sequence == 0) { /* more digits than 64 bits hold: the last ones tell them apart */
        const size_t skip = sequence.len > 18 ? sequence.len - 18 : 0;
        if (mr_slice_to_u64(mr_slice_sub(sequence, skip, SIZE_MAX), &record->sequence) != MR_OK)
            sim_finding("a record has no sequence number");
    }
    record->created_s = mr_json_get_i64(change, "ApproximateCreationDateTime", 0);
    record->old_t = sim_number(mr_json_get(change, "OldImage"), "t");
    image_read(mr_json_get(change, "OldImage"), &record->old_w, &record->old_n);
    image_read(mr_json_get(change, "NewImage"), &record->new_w, &record->new_n);
}

/* JSON texts one behind the other, with or without lines between them. */
static void body_read(struct landed *landed, struct mr_slice body, enum kind kind)
{
    while (mr_slice_trim(body).len > 0) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        yyjson_doc *doc =
            yyjson_read_opts((char *)(uintptr_t)body.ptr, body.len,
                             YYJSON_READ_STOP_WHEN_DONE | YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
        if (doc == NULL)
            sim_finding("an object holds what is no JSON");
        yyjson_val *event = yyjson_doc_get_root(doc);
        const struct mr_slice raw = mr_json_get_text(event, "rawData");
        if (kind == KIND_FAILED) {
            struct mr_slice text;
            if (mr_base64_decode(&arena, raw, &text) != MR_OK)
                sim_finding("an error object's rawData is not base64");
            event = mr_json_parse(&arena, text, EVENT_DEPTH);
        }
        event_read(landed, event, kind);
        body = mr_slice_sub(body, yyjson_doc_get_read_size(doc), SIZE_MAX);
        yyjson_doc_free(doc);
        mr_arena_fini(&arena);
    }
}

static void object_read(struct landed *landed, struct mr_arena *arena, struct mr_slice key)
{
    struct protocol_result result;
    struct mr_buf input = {0};
    struct mr_json json = mr_json_make(&input);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "Bucket", "lake");
    mr_json_key_string(&json, "Key", key);
    mr_json_object_end(&json);
    sim_call(landed->serve, arena, "s3", "GetObject", mr_buf_slice(&input), &result);
    if (result.status != 200)
        sim_finding("an object that is listed cannot be read: %d %.*s", result.status,
                    MR_ARG(result.code));
    landed->files += result.payload.len > SMALL_BYTES_MAX;
    const enum kind kind = mr_slice_starts_with(key, MR_S("errors/")) ? KIND_FAILED
                           : mr_slice_starts_with(key, MR_S("only/")) ? KIND_ONLY
                                                                      : KIND_DATA;
    body_read(landed, result.payload, kind);
    landed->objects++;
    mr_buf_fini(&input);
}

static void lake_read(struct landed *landed)
{
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena);
    landed->count = landed->only_count = landed->objects = landed->files = 0;
    sim_call(landed->serve, &arena, "s3", "ListObjectsV2",
             MR_S("{\"Bucket\":\"lake\",\"MaxKeys\":1000}"), &result);
    yyjson_val *contents = mr_json_get(sim_output(&arena, &result), "Contents"), *object;
    if (result.status != 200 || yyjson_arr_size(contents) == 1000)
        sim_finding("the lake cannot be listed: %d", result.status);
    yyjson_arr_iter objects;
    yyjson_arr_iter_init(contents, &objects);
    while ((object = yyjson_arr_iter_next(&objects)) != NULL)
        object_read(landed, &arena, mr_json_get_text(object, "Key"));
    mr_arena_fini(&arena);
}

/* ---- the table ---- */

/* A clock that was set back holds the search for such items up, by as much. */
static bool is_overdue(yyjson_val *item)
{
    const int64_t t = sim_number(item, "t");
    return sim->plan.expires && !sim->plan.clock_jumps && t != 0 &&
           t < (sim_now_ns() + sim->wall_ns) / 1000000000;
}

/* Whether each item is what its last record left; if not, a change has not landed yet, or never
 * does. And whether what has expired is gone. */
static bool table_matches(struct landed *landed, char *ret_missing, size_t size)
{
    bool matches = true;
    for (unsigned key = 0; key < sim->plan.keys && matches; key++) {
        struct mr_arena arena;
        struct protocol_result result;
        char input[128];
        mr_arena_init(&arena);
        (void)snprintf(
            input, sizeof input,
            "{\"TableName\":\"tab\",\"ConsistentRead\":true,\"Key\":{\"pk\":{\"S\":\"k%u\"}}}",
            key);
        sim_call(landed->serve, &arena, "dynamodb", "GetItem", mr_slice_cstr(input), &result);
        yyjson_val *item = mr_json_get(sim_output(&arena, &result), "Item");
        const uint64_t w = (uint64_t)sim_number(item, "w");
        const struct sim_record *last = NULL;
        for (size_t i = 0; i < landed->count; i++) {
            const struct sim_record *record = &landed->records[i];
            if (record->key == key && (last == NULL || record->sequence > last->sequence))
                last = record;
        }
        matches = w == (last == NULL ? 0 : last->new_w);
        if (!matches)
            (void)snprintf(
                ret_missing, size, "the table holds mark %llu at key %u, its last record says %llu",
                (unsigned long long)w, key, (unsigned long long)(last == NULL ? 0 : last->new_w));
        if (matches && is_overdue(item)) {
            matches = false;
            (void)snprintf(ret_missing, size, "the item at key %u has expired, and stays", key);
        }
        mr_arena_fini(&arena);
    }
    return matches;
}

static bool only_matches(const struct landed *landed, char *ret_missing, size_t size)
{
    (void)snprintf(ret_missing, size, "what the filter takes has not all landed");
    return !sim->plan.filters || sim_history_only_is_whole(landed->records, landed->count,
                                                           landed->only, landed->only_count);
}

static size_t files_below(const struct sim_inode *inode)
{
    if (inode == NULL || !inode->folder)
        return inode != NULL;
    size_t count = 0;
    for (const struct sim_entry *entry = inode->entries; entry != NULL; entry = entry->next)
        count += files_below(entry->inode);
    return count;
}

void sim_landed_check(struct serve *serve)
{
    struct landed *landed = calloc(1, sizeof *landed);
    char missing[512] = "";
    if (landed == NULL)
        abort();
    landed->serve = serve;
    for (int i = 0;; i++) {
        lake_read(landed);
        const size_t files = files_below(sim_find(NULL, "/sim/data/objects"));
        const bool whole =
            sim_history_is_whole(landed->records, landed->count, missing, sizeof missing) &&
            table_matches(landed, missing, sizeof missing) &&
            only_matches(landed, missing, sizeof missing);
        if (whole && files == landed->files && i > 0)
            break;
        if (i == TRIES_MAX && !whole)
            sim_finding("%s", missing);
        if (i == TRIES_MAX)
            sim_finding("%zu objects have a file, there are %zu files", landed->files, files);
        sim_sleep(TRY_NS);
    }
    sim_history_check(landed->records, landed->count);
    sim_history_check_only(landed->only, landed->only_count);
    size_t expired = 0;
    for (size_t i = 0; i < landed->count; i++)
        expired += landed->records[i].expired;
    sim_trace("-- %zu records in %zu objects, %zu of them expired; the filter took %zu",
              landed->count, landed->objects, expired, landed->only_count);
    free(landed);
}
