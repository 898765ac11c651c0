/* The wire: ListMultipartUploads, ListParts. */
#include "s3/ops.h"

/* ---- ListParts ---- */

static void write_part(struct protocol_call *call, const struct s3_stored_part *part)
{
    mr_json_object(&call->out);
    mr_json_key_int(&call->out, "PartNumber", part->number);
    s3_write_time(call, "LastModified", part->meta.modified_ms);
    mr_json_key_string(&call->out, "ETag", s3_quoted_etag(call, &part->meta));
    mr_json_key_int(&call->out, "Size", (int64_t)part->meta.size);
    mr_json_key_string(&call->out, s3_algorithm_member(part->meta.sum.algorithm),
                       s3_sum_base64(call->arena, &part->meta.sum));
    mr_json_object_end(&call->out);
}

enum mr_status s3_count_in(struct protocol_call *call, const char *member, const char *name,
                           int64_t fallback, int64_t *ret_count)
{
    *ret_count = mr_json_get_i64(call->in, member, fallback);
    if (*ret_count >= 0)
        return MR_OK;
    return s3_fail_argument(
        call, name, s3_in(call, member),
        mr_arena_cstr(call->arena,
                      mr_arena_printf(call->arena,
                                      "Argument %s must be an integer between 0 and 2147483647",
                                      name)));
}

enum mr_status s3_limit_in(struct protocol_call *call, const char *member, const char *name,
                           int64_t *ret_limit)
{
    const enum mr_status status = s3_count_in(call, member, name, S3_PAGE_MAX, ret_limit);
    if (*ret_limit > S3_PAGE_MAX)
        *ret_limit = S3_PAGE_MAX;
    return status;
}

static void write_class(struct protocol_call *call, const struct s3_meta *meta)
{
    const struct mr_slice class = meta->headers[S3_STORAGE_CLASS];
    mr_json_key_string(&call->out, "StorageClass", class.len > 0 ? class : MR_S("STANDARD"));
}

static void write_kind(struct protocol_call *call, const struct s3_meta *meta)
{
    if (meta->sum.algorithm == S3_NO_SUM)
        return;
    mr_json_key_cstr(&call->out, "ChecksumAlgorithm", s3_algorithm_name(meta->sum.algorithm));
    mr_json_key_cstr(&call->out, "ChecksumType", meta->composite ? "COMPOSITE" : "FULL_OBJECT");
}

static void list_parts(struct protocol_call *call)
{
    struct s3_upload upload;
    struct s3_stored_part *parts = NULL;
    size_t count = 0;
    int64_t limit, after;
    if (s3_check_upload(call, &upload) != MR_OK ||
        s3_limit_in(call, "MaxParts", "max-parts", &limit) != MR_OK ||
        s3_count_in(call, "PartNumberMarker", "part-number-marker", 0, &after) != MR_OK)
        return;
    protocol_fail_internal(call,
                           s3_upload_parts(s3_of(call), call->arena, upload.id, &parts, &count));
    int64_t shown = 0, last = 0;
    size_t i = 0;
    while (i < count && parts[i].number <= after)
        i++;
    mr_json_key(&call->out, "Parts");
    mr_json_array(&call->out);
    for (; i < count && shown < limit; i++, shown++) {
        write_part(call, &parts[i]);
        last = parts[i].number;
    }
    mr_json_array_end(&call->out);
    mr_json_key_string(&call->out, "Bucket", upload.bucket);
    mr_json_key_string(&call->out, "Key", upload.key);
    mr_json_key_string(&call->out, "UploadId", upload.id);
    mr_json_key_int(&call->out, "PartNumberMarker", after);
    mr_json_key_int(&call->out, "NextPartNumberMarker", last);
    mr_json_key_int(&call->out, "MaxParts", limit);
    mr_json_key_bool(&call->out, "IsTruncated", i < count && limit > 0);
    s3_write_owner(call, "Initiator", true);
    s3_write_owner(call, "Owner", false);
    write_class(call, &upload.meta);
    write_kind(call, &upload.meta);
    s3_write_abort(call, &upload);
    call->ticket = s3_read_ticket(s3_of(call));
}

/* ---- ListMultipartUploads ---- */

struct uploads {
    struct protocol_call *call;
    struct mr_slice prefix, delimiter, key_marker, id_marker;
    bool url, cut;
    int64_t limit, shown;
    struct mr_slice last_key, last_id;
    struct mr_slice common; /* the last common prefix found */
    struct mr_buf prefixes; /* pairs; the names are common prefixes */
};

static void write_name(const struct uploads *uploads, const char *member, struct mr_slice name)
{
    struct mr_buf buf = {0};
    if (uploads->url)
        mr_percent_encode(&buf, name, true);
    mr_json_key_string(&uploads->call->out, member, uploads->url ? mr_buf_slice(&buf) : name);
    mr_buf_fini(&buf);
}

static void write_upload(struct uploads *uploads, struct mr_slice key, struct mr_slice id,
                         const struct s3_meta *meta)
{
    struct protocol_call *call = uploads->call;
    mr_json_object(&call->out);
    write_name(uploads, "Key", key);
    mr_json_key_string(&call->out, "UploadId", id);
    s3_write_time(call, "Initiated", meta->modified_ms);
    write_class(call, meta);
    write_kind(call, meta);
    s3_write_owner(call, "Initiator", true);
    s3_write_owner(call, "Owner", false);
    mr_json_object_end(&call->out);
}

/* Is it behind the markers? AWS: an upload id counts only beside a key. */
static bool behind(const struct uploads *uploads, struct mr_slice key, struct mr_slice id)
{
    if (uploads->key_marker.len == 0)
        return true;
    const int order = mr_slice_compare(key, uploads->key_marker);
    if (order != 0 || uploads->id_marker.len == 0)
        return order > 0;
    return mr_slice_compare(id, uploads->id_marker) > 0;
}

static enum mr_status on_upload(struct uploads *uploads, struct mr_slice key, struct mr_slice id,
                                struct mr_slice value)
{
    struct mr_arena *arena = uploads->call->arena;
    if (!mr_slice_starts_with(key, uploads->prefix) || !behind(uploads, key, id))
        return MR_OK;
    const struct mr_slice common = s3_common_prefix(key, uploads->prefix, uploads->delimiter);
    if (common.ptr != NULL &&
        (mr_slice_equal(common, uploads->common) || mr_slice_equal(common, uploads->key_marker)))
        return MR_OK;
    if (uploads->shown == uploads->limit) {
        uploads->cut = uploads->limit > 0;
        return MR_END;
    }
    uploads->shown++;
    if (common.ptr != NULL) {
        uploads->common = uploads->last_key = mr_arena_copy(arena, common);
        uploads->last_id = (struct mr_slice){0};
        s3_pairs_add(&uploads->prefixes, common, MR_S(""));
        return MR_OK;
    }
    struct s3_meta meta;
    const enum mr_status status = s3_meta_decode(value, &meta);
    if (status != MR_OK)
        return status;
    uploads->last_key = mr_arena_copy(arena, key);
    uploads->last_id = mr_arena_copy(arena, id);
    write_upload(uploads, key, id, &meta);
    return MR_OK;
}

static enum mr_status walk(struct uploads *uploads, struct mr_slice bucket)
{
    struct s3 *s3 = s3_of(uploads->call);
    const struct mr_slice all = s3_uploads_prefix(uploads->call->arena, bucket);
    struct view_iterator *iterator = view_iterate(store_view(s3->options.store), VIEW_OBJECT, all);
    enum mr_status status = MR_OK;
    for (view_iterator_first(iterator); status == MR_OK && view_iterator_valid(iterator);
         view_iterator_next(iterator)) {
        struct mr_slice key, id;
        s3_upload_key_split(view_iterator_key(iterator), all, &key, &id);
        status = on_upload(uploads, key, id, view_iterator_value(iterator));
    }
    view_iterator_free(iterator);
    return status == MR_END ? MR_OK : status;
}

static void write_prefixes(const struct uploads *uploads)
{
    struct mr_json *out = &uploads->call->out;
    struct mr_slice rest = mr_buf_slice(&uploads->prefixes), name, value;
    mr_json_key(out, "CommonPrefixes");
    mr_json_array(out);
    while (s3_pairs_next(&rest, &name, &value)) {
        mr_json_object(out);
        write_name(uploads, "Prefix", name);
        mr_json_object_end(out);
    }
    mr_json_array_end(out);
}

static enum mr_status uploads_asked(struct uploads *uploads)
{
    struct protocol_call *call = uploads->call;
    const struct mr_slice encoding = s3_in(call, "EncodingType");
    uploads->url = encoding.len > 0;
    if (s3_check_bucket(call) != MR_OK ||
        s3_limit_in(call, "MaxUploads", "max-uploads", &uploads->limit) != MR_OK)
        return MR_FAULT;
    if (uploads->url && !mr_slice_equal(encoding, MR_S("url")))
        return s3_fail_argument(call, "encoding-type", encoding,
                                "Invalid Encoding Method specified in Request");
    if (uploads->key_marker.len == 0)
        uploads->id_marker = (struct mr_slice){0};
    if (uploads->id_marker.len > 0 && !s3_upload_id_of(call->arena, uploads->id_marker,
                                                       s3_in(call, "Bucket"), uploads->key_marker))
        return s3_fail_argument(call, "upload-id-marker", uploads->id_marker,
                                "Invalid uploadId marker");
    return MR_OK;
}

static void write_asked(const struct uploads *uploads, struct mr_slice bucket)
{
    struct protocol_call *call = uploads->call;
    mr_json_key_string(&call->out, "Bucket", bucket);
    write_name(uploads, "KeyMarker", uploads->key_marker);
    mr_json_key_string(&call->out, "UploadIdMarker", uploads->id_marker);
    if (uploads->prefix.len > 0)
        write_name(uploads, "Prefix", uploads->prefix);
    if (uploads->delimiter.len > 0)
        write_name(uploads, "Delimiter", uploads->delimiter);
    if (uploads->url)
        mr_json_key_cstr(&call->out, "EncodingType", "url");
    mr_json_key_int(&call->out, "MaxUploads", uploads->limit);
}

static void list_uploads(struct protocol_call *call)
{
    struct uploads uploads = {
        .call = call,
        .prefix = s3_in(call, "Prefix"),
        .delimiter = s3_in(call, "Delimiter"),
        .key_marker = s3_in(call, "KeyMarker"),
        .id_marker = s3_in(call, "UploadIdMarker"),
    };
    const struct mr_slice bucket = s3_in(call, "Bucket");
    if (uploads_asked(&uploads) != MR_OK)
        return;
    mr_json_key(&call->out, "Uploads");
    mr_json_array(&call->out);
    protocol_fail_internal(call, walk(&uploads, bucket));
    mr_json_array_end(&call->out);
    write_asked(&uploads, bucket);
    mr_json_key_bool(&call->out, "IsTruncated", uploads.cut);
    /* AWS: the next markers are there on the last page too, but for a common prefix. */
    const bool tell = uploads.cut || uploads.last_id.len > 0;
    write_name(&uploads, "NextKeyMarker", tell ? uploads.last_key : MR_S(""));
    mr_json_key_string(&call->out, "NextUploadIdMarker", uploads.last_id);
    write_prefixes(&uploads);
    mr_buf_fini(&uploads.prefixes);
    call->ticket = s3_read_ticket(s3_of(call));
}

static const struct protocol_handler handlers[] = {
    {.operation = "ListMultipartUploads", .run = list_uploads},
    {.operation = "ListParts", .run = list_parts},
};
const struct s3_handlers s3_upload_list_handlers = {handlers, MR_COUNT(handlers)};
