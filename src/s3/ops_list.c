/* The wire: ListObjects, ListObjectsV2, ListObjectVersions. */
#include "s3/ops.h"

enum version { LIST_V1, LIST_V2, LIST_VERSIONS };

struct listing {
    struct protocol_call *call;
    enum version version;
    bool url, owner, restores; /* encode names; show owners, and until when archives are read */
    int64_t max_keys;
    struct s3_page page;
    struct mr_buf markers; /* delete markers, as members of an array; written behind the versions */
    struct mr_json markers_out;
    struct mr_buf turns; /* a digit for each of them: 0 is a version, 1 a marker */
    struct prefix {      /* found, in order; written behind the objects */
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

static void write_object(struct listing *listing, struct mr_slice key, const struct s3_meta *meta)
{
    struct mr_json *out = &listing->call->out;
    write_encoded(listing, "Key", key);
    s3_write_time(listing->call, "LastModified", meta->modified_ms);
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
    if (listing->owner)
        s3_write_owner(listing->call, "Owner", false);
    if (listing->restores)
        s3_write_restore_status(listing->call, meta);
}

static enum mr_status on_object(void *ctx, struct mr_slice key, const struct s3_meta *meta)
{
    struct listing *listing = ctx;
    mr_json_object(&listing->call->out);
    write_object(listing, key, meta);
    mr_json_object_end(&listing->call->out);
    return MR_OK;
}

static void write_marker(struct listing *listing, struct mr_slice key, const struct s3_meta *meta,
                         bool latest)
{
    struct protocol_call *call = listing->call;
    const struct mr_json out = call->out;
    call->out = listing->markers_out;
    mr_json_object(&call->out);
    write_encoded(listing, "Key", key);
    mr_json_key_string(&call->out, "VersionId", s3_version_print(call, &meta->version));
    mr_json_key_bool(&call->out, "IsLatest", latest);
    s3_write_time(call, "LastModified", meta->modified_ms);
    s3_write_owner(call, "Owner", false);
    mr_json_object_end(&call->out);
    listing->markers_out = call->out;
    call->out = out;
}

static enum mr_status on_version(void *ctx, struct mr_slice key, const struct s3_meta *meta,
                                 bool latest)
{
    struct listing *listing = ctx;
    struct protocol_call *call = listing->call;
    mr_buf_byte(&listing->turns, meta->marker ? '1' : '0');
    if (meta->marker) {
        write_marker(listing, key, meta, latest);
        return MR_OK;
    }
    mr_json_object(&call->out);
    write_object(listing, key, meta);
    mr_json_key_string(&call->out, "VersionId", s3_version_print(call, &meta->version));
    mr_json_key_bool(&call->out, "IsLatest", latest);
    mr_json_object_end(&call->out);
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

/* There is one: RestoreStatus. */
static enum mr_status attributes_read(struct listing *listing)
{
    struct protocol_call *call = listing->call;
    size_t at, count;
    yyjson_val *item;
    yyjson_arr_foreach(mr_json_get(call->in, "OptionalObjectAttributes"), at, count, item)
    {
        if (!mr_slice_equal(mr_json_text(item), MR_S("RestoreStatus")))
            return s3_fail_argument(call, "x-amz-optional-object-attributes", mr_json_text(item),
                                    "Invalid attribute name specified.");
        listing->restores = true;
    }
    return MR_OK;
}

static enum mr_status settings_read(struct listing *listing)
{
    struct protocol_call *call = listing->call;
    const struct mr_slice encoding = s3_in(call, "EncodingType");
    listing->max_keys = mr_json_get_i64(call->in, "MaxKeys", S3_PAGE_MAX);
    listing->url = encoding.len > 0;
    if (s3_check_bucket(call) != MR_OK || attributes_read(listing) != MR_OK)
        return MR_FAULT;
    s3_tell_region(call);
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

/* Behind the rows: what all listings have. */
static enum mr_status write_rest(struct listing *listing, enum mr_status status, bool truncated)
{
    struct protocol_call *call = listing->call;
    const struct s3_page *page = &listing->page;
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
    mr_json_key_bool(&call->out, "IsTruncated", truncated);
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

/* Walks the page, writing its objects, and then the rest. */
static enum mr_status write_page(struct listing *listing)
{
    struct protocol_call *call = listing->call;
    listing->page.ctx = listing;
    listing->prefixes_end = &listing->prefixes;
    mr_json_key(&call->out, "Contents");
    mr_json_array(&call->out);
    const enum mr_status status =
        s3_page_walk(store_view(s3_of(call)->options.store), call->arena, &listing->page);
    return write_rest(listing, status, listing->page.truncated);
}

/* `list-type` of the query, which is no member of this operation. */
static enum mr_status check_type(struct protocol_call *call)
{
    struct mr_slice rest = call->exchange == NULL ? (struct mr_slice){0} : call->exchange->query;
    struct mr_slice pair;
    while (rest.ptr != NULL && mr_slice_split(&rest, '&', &pair)) {
        const struct mr_slice value = mr_slice_sub(pair, 10, SIZE_MAX);
        if (mr_slice_starts_with(pair, MR_S("list-type=")) && !mr_slice_equal(value, MR_S("1")))
            return s3_fail_argument(call, "list-type", value,
                                    "Invalid List Type specified in Request");
    }
    return MR_OK;
}

static void list_objects(struct protocol_call *call)
{
    struct listing listing = listing_make(call, LIST_V1);
    if (settings_read(&listing) != MR_OK || check_type(call) != MR_OK)
        return;
    listing.owner = true;
    listing.page.after = s3_in(call, "Marker");
    if (write_page(&listing) != MR_OK)
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
    if (token_read(call, &listing.page.after) != MR_OK || write_page(&listing) != MR_OK)
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

/* ---- versions ---- */

static enum mr_status markers_read(struct protocol_call *call, struct s3_version_page *page,
                                   struct s3_version *room)
{
    yyjson_val *value = mr_json_get(call->in, "VersionIdMarker");
    const struct mr_slice text = mr_json_text(value);
    page->after_key = s3_in(call, "KeyMarker");
    if (value == NULL)
        return MR_OK;
    if (text.len == 0)
        return s3_fail_argument(call, "version-id-marker", text,
                                "A version-id marker cannot be empty.");
    if (page->after_key.len == 0)
        return s3_fail_argument(call, "version-id-marker", text,
                                "A version-id marker cannot be specified without a key marker.");
    if (s3_version_parse(text, room) != MR_OK)
        return s3_fail_argument(call, "version-id-marker", text, "Invalid version id specified");
    page->after_version = room;
    return MR_OK;
}

/* AWS: versions and markers are in one order, by key and then the newest first. */
static void write_turns(struct listing *listing)
{
    struct mr_json *out = &listing->call->out;
    mr_json_key(out, PROTOCOL_TURNS);
    mr_json_array(out);
    mr_json_string(out, MR_S("Versions"));
    mr_json_string(out, MR_S("DeleteMarkers"));
    mr_json_string(out, mr_buf_slice(&listing->turns));
    mr_json_array_end(out);
}

static enum mr_status write_versions(struct listing *listing, struct s3_version_page *page)
{
    struct protocol_call *call = listing->call;
    page->bucket = listing->page.bucket;
    page->prefix = listing->page.prefix;
    page->delimiter = listing->page.delimiter;
    page->limit = listing->page.limit;
    page->ctx = listing;
    listing->prefixes_end = &listing->prefixes;
    listing->markers_out = mr_json_make(&listing->markers);
    mr_json_array(&listing->markers_out);
    mr_json_key(&call->out, "Versions");
    mr_json_array(&call->out);
    enum mr_status status =
        s3_versions_walk(store_view(s3_of(call)->options.store), call->arena, page);
    status = write_rest(listing, status, page->truncated);
    mr_json_array_end(&listing->markers_out);
    if (status == MR_OK) {
        mr_json_key_raw(&call->out, "DeleteMarkers", mr_buf_slice(&listing->markers));
        write_turns(listing);
    }
    mr_buf_fini(&listing->markers);
    mr_buf_fini(&listing->turns);
    return status;
}

static void list_object_versions(struct protocol_call *call)
{
    struct listing listing = listing_make(call, LIST_VERSIONS);
    struct s3_version_page page = {.on_version = on_version, .on_prefix = on_prefix};
    struct s3_version marker;
    if (settings_read(&listing) != MR_OK || markers_read(call, &page, &marker) != MR_OK)
        return;
    listing.owner = true;
    if (write_versions(&listing, &page) != MR_OK)
        return;
    write_encoded(&listing, "KeyMarker", page.after_key);
    mr_json_key_string(&call->out, "VersionIdMarker", s3_in(call, "VersionIdMarker"));
    if (!page.truncated)
        return;
    write_encoded(&listing, "NextKeyMarker", page.last_key);
    if (!page.last_is_prefix)
        mr_json_key_string(&call->out, "NextVersionIdMarker",
                           s3_version_print(call, &page.last_version));
}

static const struct protocol_handler handlers[] = {
    {.operation = "ListObjectVersions", .run = list_object_versions},
    {.operation = "ListObjects", .run = list_objects},
    {.operation = "ListObjectsV2", .run = list_objects_v2},
};
const struct s3_handlers s3_list_handlers = {handlers, MR_COUNT(handlers)};
