/* The wire: ListObjects, ListObjectsV2, ListObjectVersions. */
#include "s3/ops.h"

enum version { LIST_V1, LIST_V2, LIST_VERSIONS };

struct listing {
    struct protocol_call *call;
    enum version version;
    bool url, owner; /* encode names; show owners */
    int64_t max_keys;
    struct s3_page page;
    struct prefix { /* found, in order; written behind the objects */
        struct prefix *next;
        struct mr_slice text;
    } * prefixes, **prefixes_end;
};

/* AWS: what XML cannot carry is why this encoding exists. */
static struct mr_slice encoded(const struct listing *listing, struct mr_slice text)
{
    if (!listing->url)
        return text;
    struct mr_buf buf = {0};
    mr_percent_encode(&buf, text, true);
    const struct mr_slice result = mr_arena_copy(listing->call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return result;
}

static void write_encoded(const struct listing *listing, const char *name, struct mr_slice text)
{
    mr_json_key_string(&listing->call->out, name, encoded(listing, text));
}

static enum mr_status on_object(void *ctx, struct mr_slice key, const struct s3_meta *meta)
{
    struct listing *listing = ctx;
    struct mr_json *out = &listing->call->out;
    mr_json_object(out);
    write_encoded(listing, "Key", key);
    mr_json_key_timestamp(out, "LastModified", meta->modified_ms);
    mr_json_key_string(out, "ETag", s3_quoted_etag(listing->call, meta));
    if (meta->sum.algorithm != S3_NO_SUM) {
        mr_json_key(out, "ChecksumAlgorithm");
        mr_json_array(out);
        mr_json_string(out, mr_slice_cstr(s3_algorithm_name(meta->sum.algorithm)));
        mr_json_array_end(out);
        mr_json_key_cstr(out, "ChecksumType", meta->composite ? "COMPOSITE" : "FULL_OBJECT");
    }
    mr_json_key_int(out, "Size", (int64_t)meta->size);
    const struct mr_slice class = meta->headers[S3_STORAGE_CLASS];
    mr_json_key_string(out, "StorageClass", class.len > 0 ? class : MR_S("STANDARD"));
    if (listing->version == LIST_VERSIONS) {
        mr_json_key_cstr(out, "VersionId", "null");
        mr_json_key_bool(out, "IsLatest", true);
    }
    if (listing->owner)
        s3_write_owner(listing->call, "Owner", false);
    mr_json_object_end(out);
    return MR_OK;
}

static enum mr_status on_prefix(void *ctx, struct mr_slice text)
{
    struct listing *listing = ctx;
    struct prefix *prefix = MR_NEW(listing->call->arena, struct prefix);
    prefix->text = text;
    *listing->prefixes_end = prefix;
    listing->prefixes_end = &prefix->next;
    return MR_OK;
}

static enum mr_status settings_read(struct listing *listing)
{
    struct protocol_call *call = listing->call;
    const struct mr_slice encoding = s3_in(call, "EncodingType");
    listing->max_keys = mr_json_get_i64(call->in, "MaxKeys", S3_PAGE_MAX);
    listing->url = encoding.len > 0;
    if (s3_check_bucket(call) != MR_OK)
        return MR_FAULT;
    if (listing->url && !mr_slice_equal(encoding, MR_S("url")))
        return s3_fail_argument(call, "encoding-type", encoding,
                                "Invalid Encoding Method specified in Request");
    if (listing->max_keys < 0)
        return s3_fail_argument(call, "maxKeys", s3_in(call, "MaxKeys"),
                                "Argument maxKeys must be an integer between 0 and 2147483647");
    if (listing->max_keys > S3_PAGE_MAX)
        listing->max_keys = S3_PAGE_MAX;
    listing->page.bucket = s3_in(call, "Bucket");
    listing->page.prefix = s3_in(call, "Prefix");
    listing->page.delimiter = s3_in(call, "Delimiter");
    listing->page.limit = (size_t)listing->max_keys;
    return MR_OK;
}

static struct listing listing_make(struct protocol_call *call, enum version version)
{
    return (struct listing){
        .call = call,
        .version = version,
        .page = {.on_object = on_object, .on_prefix = on_prefix},
    };
}

/* Walks the page, writing its objects under `member`, and then what all listings have. */
static enum mr_status write_page(struct listing *listing, const char *member)
{
    struct protocol_call *call = listing->call;
    struct s3_page *page = &listing->page;
    page->ctx = listing;
    listing->prefixes_end = &listing->prefixes;
    mr_json_key(&call->out, member);
    mr_json_array(&call->out);
    const enum mr_status status =
        s3_page_walk(store_view(s3_of(call)->options.store), call->arena, page);
    mr_json_array_end(&call->out);
    call->ticket = s3_read_ticket(s3_of(call));
    if (status != MR_OK) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    mr_json_key_string(&call->out, "Name", page->bucket);
    write_encoded(listing, "Prefix", page->prefix);
    if (page->delimiter.len > 0)
        write_encoded(listing, "Delimiter", page->delimiter);
    mr_json_key_int(&call->out, "MaxKeys", listing->max_keys);
    if (listing->url)
        mr_json_key_cstr(&call->out, "EncodingType", "url");
    mr_json_key_bool(&call->out, "IsTruncated", page->truncated);
    mr_json_key(&call->out, "CommonPrefixes");
    mr_json_array(&call->out);
    for (const struct prefix *prefix = listing->prefixes; prefix != NULL; prefix = prefix->next) {
        mr_json_object(&call->out);
        write_encoded(listing, "Prefix", prefix->text);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    return MR_OK;
}

static void list_objects(struct protocol_call *call)
{
    struct listing listing = listing_make(call, LIST_V1);
    if (settings_read(&listing) != MR_OK)
        return;
    listing.owner = true;
    listing.page.after = s3_in(call, "Marker");
    if (write_page(&listing, "Contents") != MR_OK)
        return;
    write_encoded(&listing, "Marker", listing.page.after);
    /* AWS: without a delimiter the last key serves as the next marker. */
    if (listing.page.truncated && listing.page.delimiter.len > 0)
        write_encoded(&listing, "NextMarker", listing.page.last);
}

/* A token is the base64 of a mark and the last name shown. */
static struct mr_slice token_print(struct protocol_call *call, struct mr_slice last)
{
    struct mr_buf buf = {0};
    mr_buf_append(&buf, MR_S("1:"));
    mr_buf_append(&buf, last);
    const struct mr_slice token = mr_base64(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return token;
}

static enum mr_status token_read(struct protocol_call *call, struct mr_slice *ret_after)
{
    struct mr_slice bytes;
    yyjson_val *token = mr_json_get(call->in, "ContinuationToken");
    if (token == NULL)
        return MR_OK;
    if (mr_base64_decode(call->arena, mr_json_text(token), &bytes) != MR_OK ||
        !mr_slice_starts_with(bytes, MR_S("1:")))
        return s3_fail_argument(call, "continuation-token", mr_json_text(token),
                                "The continuation token provided is incorrect");
    *ret_after = mr_slice_sub(bytes, 2, SIZE_MAX);
    return MR_OK;
}

static void list_objects_v2(struct protocol_call *call)
{
    struct listing listing = listing_make(call, LIST_V2);
    const struct mr_slice token = s3_in(call, "ContinuationToken");
    const struct mr_slice start = s3_in(call, "StartAfter");
    if (settings_read(&listing) != MR_OK)
        return;
    listing.owner = mr_json_get_bool(call->in, "FetchOwner", false);
    listing.page.after = start;
    if (token_read(call, &listing.page.after) != MR_OK || write_page(&listing, "Contents") != MR_OK)
        return;
    mr_json_key_int(&call->out, "KeyCount", (int64_t)listing.page.count);
    if (token.len > 0)
        mr_json_key_string(&call->out, "ContinuationToken", token);
    if (listing.page.truncated)
        mr_json_key_string(&call->out, "NextContinuationToken",
                           token_print(call, listing.page.last));
    if (start.len > 0)
        write_encoded(&listing, "StartAfter", start);
}

/* Without versioning every object has the one version "null". */
static void list_object_versions(struct protocol_call *call)
{
    struct listing listing = listing_make(call, LIST_VERSIONS);
    if (settings_read(&listing) != MR_OK)
        return;
    listing.owner = true;
    listing.page.after = s3_in(call, "KeyMarker");
    if (write_page(&listing, "Versions") != MR_OK)
        return;
    write_encoded(&listing, "KeyMarker", listing.page.after);
    mr_json_key_string(&call->out, "VersionIdMarker", s3_in(call, "VersionIdMarker"));
    if (listing.page.truncated) {
        write_encoded(&listing, "NextKeyMarker", listing.page.last);
        mr_json_key_cstr(&call->out, "NextVersionIdMarker", "null");
    }
}

static const struct protocol_handler handlers[] = {
    {.operation = "ListObjectVersions", .run = list_object_versions},
    {.operation = "ListObjects", .run = list_objects},
    {.operation = "ListObjectsV2", .run = list_objects_v2},
};
const struct s3_handlers s3_list_handlers = {handlers, MR_COUNT(handlers)};
