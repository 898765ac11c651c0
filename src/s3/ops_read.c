/* The wire: GetObject, HeadObject, GetObjectAttributes. */
#include "s3/ops.h"
#include "s3/range.h"
#include <math.h>

/* What a read gives. */
struct reading {
    struct s3_meta meta;
    struct s3_source body; /* not of a HEAD */
    uint64_t first, len;
    bool part;         /* a range or a part: 206 */
    struct s3_sum sum; /* of a part that has one of its own */
    struct s3_customer customer;
};

/* ---- conditions ---- */

int64_t s3_in_time(struct protocol_call *call, const char *name)
{
    yyjson_val *value = mr_json_get(call->in, name);
    return value == NULL ? INT64_MIN : (int64_t)llround(mr_json_double(value, 0) * 1000);
}

static struct mr_slice etag_in(struct protocol_call *call, const char *name)
{
    yyjson_val *value = mr_json_get(call->in, name);
    return value == NULL ? (struct mr_slice){0} : mr_json_text(value);
}

enum s3_read_verdict s3_read_judge_call(struct protocol_call *call,
                                        const struct s3_condition_names *names,
                                        const struct s3_meta *meta)
{
    const struct s3_read_conditions conditions = {
        .if_match = etag_in(call, names->if_match),
        .if_none_match = etag_in(call, names->if_none_match),
        .modified_since_ms = s3_in_time(call, names->modified_since),
        .unmodified_since_ms = s3_in_time(call, names->unmodified_since),
        .now_ms = call->now_ms,
    };
    return s3_read_judge(&conditions, s3_etag_fits(conditions.if_match, meta),
                         s3_etag_fits(conditions.if_none_match, meta), meta->modified_ms);
}

/* A stored header, unless the request says what to give instead. */
static void write_header(struct protocol_call *call, const char *name, const char *override,
                         struct mr_slice stored)
{
    const struct mr_slice wanted = override == NULL ? (struct mr_slice){0} : s3_in(call, override);
    const struct mr_slice value = wanted.len > 0 ? wanted : stored;
    if (value.len > 0)
        mr_json_key_string(&call->out, name, value);
}

/* How long the reply may be kept: of a 304 as well, which may change that. */
static void write_caching(struct protocol_call *call, const struct s3_meta *meta)
{
    const int64_t expires_ms = s3_in_time(call, "ResponseExpires");
    write_header(call, "CacheControl", "ResponseCacheControl", meta->headers[S3_CACHE_CONTROL]);
    if (expires_ms != INT64_MIN)
        mr_json_key_timestamp(&call->out, "Expires", expires_ms);
    else if (meta->headers[S3_EXPIRES].len > 0)
        protocol_reply_header(call, MR_S("expires"), meta->headers[S3_EXPIRES]);
}

/* MR_END: 304, and the reply is complete. */
static enum mr_status judge(struct protocol_call *call, const struct s3_meta *meta)
{
    static const struct s3_condition_names names = {"IfMatch", "IfNoneMatch", "IfModifiedSince",
                                                    "IfUnmodifiedSince"};
    switch (s3_read_judge_call(call, &names, meta)) {
    case S3_READ_IF_MATCH: return s3_fail_condition(call, "If-Match");
    case S3_READ_UNMODIFIED_SINCE: return s3_fail_condition(call, "If-Unmodified-Since");
    case S3_READ_NOT_MODIFIED:
        call->status = 304;
        mr_json_key_string(&call->out, "ETag", s3_quoted_etag(call, meta));
        s3_write_time(call, "LastModified", meta->modified_ms);
        write_caching(call, meta);
        return MR_END;
    case S3_READ_YES: break;
    }
    return MR_OK;
}

/* ---- ranges and parts ---- */

static enum mr_status part_of(struct protocol_call *call, struct reading *reading)
{
    const int64_t wanted = mr_json_get_i64(call->in, "PartNumber", 0);
    const struct s3_meta *meta = &reading->meta;
    struct mr_slice rest = meta->parts;
    struct s3_part part;
    if (s3_check_part_number(call) != MR_OK)
        return MR_FAULT;
    reading->part = true;
    reading->first = 0;
    while (s3_parts_next(&rest, &part)) {
        reading->len = part.size;
        reading->sum = meta->composite ? part.sum : (struct s3_sum){0};
        if (part.number == wanted)
            return MR_OK;
        reading->first += part.size;
    }
    reading->first = 0;
    reading->sum = (struct s3_sum){0};
    reading->len = meta->size;
    if (meta->part_count == 0 && wanted == 1)
        return MR_OK;
    protocol_fail_member(call, "PartNumberRequested",
                         mr_arena_printf(call->arena, "%lld", (long long)wanted));
    protocol_fail_member(
        call, "ActualPartCount",
        mr_arena_printf(call->arena, "%u", meta->part_count == 0 ? 1 : meta->part_count));
    return protocol_fail(call, &s3_invalid_part_number,
                         "The requested partnumber is not satisfiable");
}

/* The range that is asked for. If-Range, of another object than the client has a part of: none. */
static struct mr_slice range_wanted(struct protocol_call *call, const struct s3_meta *meta)
{
    const struct mr_slice validator = protocol_header(call, "if-range");
    int64_t date_ms;
    if (validator.ptr == NULL || mr_slice_equal(validator, s3_quoted_etag(call, meta)) ||
        (mr_date_parse(validator, &date_ms) == MR_OK && date_ms / 1000 == meta->modified_ms / 1000))
        return s3_in(call, "Range");
    return (struct mr_slice){0};
}

static enum mr_status range_of(struct protocol_call *call, struct reading *reading)
{
    const struct mr_slice range = range_wanted(call, &reading->meta);
    const uint64_t size = reading->meta.size;
    uint64_t last;
    reading->first = 0;
    reading->len = size;
    if (mr_json_get(call->in, "PartNumber") != NULL) {
        if (range.len > 0)
            return protocol_fail(call, &s3_invalid_request,
                                 "Cannot specify both Range header and partNumber query "
                                 "parameter");
        return part_of(call, reading);
    }
    switch (s3_range_parse(range, size, &reading->first, &last)) {
    case S3_RANGE_WHOLE: return MR_OK;
    case S3_RANGE_PART:
        reading->part = true;
        reading->len = last - reading->first + 1;
        return MR_OK;
    case S3_RANGE_BEYOND: break;
    }
    protocol_fail_member(call, "RangeRequested", range);
    protocol_fail_member(call, "ActualObjectSize",
                         mr_arena_printf(call->arena, "%llu", (unsigned long long)size));
    return protocol_fail(call, &s3_invalid_range, "The requested range is not satisfiable");
}

/* ---- the reply ---- */

static void write_headers(struct protocol_call *call, const struct s3_meta *meta)
{
    const struct mr_slice *headers = meta->headers;
    write_header(call, "ContentType", "ResponseContentType",
                 headers[S3_CONTENT_TYPE].len > 0 ? headers[S3_CONTENT_TYPE]
                                                  : MR_S("binary/octet-stream"));
    write_header(call, "ContentEncoding", "ResponseContentEncoding", headers[S3_CONTENT_ENCODING]);
    write_header(call, "ContentDisposition", "ResponseContentDisposition",
                 headers[S3_CONTENT_DISPOSITION]);
    write_header(call, "ContentLanguage", "ResponseContentLanguage", headers[S3_CONTENT_LANGUAGE]);
    write_caching(call, meta);
    write_header(call, "WebsiteRedirectLocation", NULL, headers[S3_REDIRECT]);
    write_header(call, "StorageClass", NULL, headers[S3_STORAGE_CLASS]);
}

static struct mr_slice quoted(struct mr_arena *arena, struct mr_slice value)
{
    static const char digits[] = "0123456789ABCDEF";
    struct mr_buf buf = {0};
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t c = (uint8_t)value.ptr[i];
        const bool special = c < ' ' || c >= 0x7f || c == '=' || c == '?' || c == '_';
        mr_buf_byte(&buf, special ? '=' : c == ' ' ? '_' : (char)c);
        if (special) {
            mr_buf_byte(&buf, digits[c >> 4]);
            mr_buf_byte(&buf, digits[c & 15]);
        }
    }
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* AWS gives what ASCII cannot say as an encoded word: quoted when most of it is ASCII. */
static struct mr_slice header_word(struct protocol_call *call, struct mr_slice value)
{
    size_t ascii = 0;
    for (size_t i = 0; i < value.len; i++)
        ascii += (uint8_t)value.ptr[i] < 0x80 ? 1 : 0;
    if (ascii == value.len)
        return value;
    if (ascii > mr_slice_utf8_length(value) - ascii)
        return mr_arena_printf(call->arena, "=?UTF-8?Q?%.*s?=", MR_ARG(quoted(call->arena, value)));
    return mr_arena_printf(call->arena, "=?UTF-8?B?%.*s?=", MR_ARG(mr_base64(call->arena, value)));
}

static void write_user(struct protocol_call *call, struct mr_slice pairs)
{
    struct mr_slice name, value;
    mr_json_key(&call->out, "Metadata");
    mr_json_object(&call->out);
    while (s3_pairs_next(&pairs, &name, &value)) {
        mr_json_name(&call->out, name);
        mr_json_string(&call->out, header_word(call, value));
    }
    mr_json_object_end(&call->out);
}

/* AWS: a part is told with its own checksum, a range with none. */
static void write_sum(struct protocol_call *call, const struct reading *reading)
{
    if (!reading->part) {
        s3_write_sum(call, &reading->meta);
    } else if (reading->sum.algorithm != S3_NO_SUM) {
        mr_json_key_string(&call->out, s3_algorithm_member(reading->sum.algorithm),
                           s3_sum_base64(call->arena, &reading->sum));
        mr_json_key_cstr(&call->out, "ChecksumType", "COMPOSITE");
    }
}

static void write_reading(struct protocol_call *call, const struct reading *reading)
{
    const struct s3_meta *meta = &reading->meta;
    struct mr_json *out = &call->out;
    struct mr_slice tags = meta->tags, name, value;
    int64_t tag_count = 0;
    while (s3_pairs_next(&tags, &name, &value))
        tag_count++;
    mr_json_key_string(out, "AcceptRanges", MR_S("bytes"));
    mr_json_key_string(out, "ETag", s3_quoted_etag(call, meta));
    s3_write_time(call, "LastModified", meta->modified_ms);
    mr_json_key_int(out, "ContentLength", (int64_t)reading->len);
    s3_sse_write(call, meta);
    write_headers(call, meta);
    write_user(call, meta->user);
    if (tag_count > 0)
        mr_json_key_int(out, "TagCount", tag_count);
    if (reading->part) {
        call->status = 206;
        if (reading->len > 0)
            mr_json_key_string(
                out, "ContentRange",
                mr_arena_printf(call->arena, "bytes %llu-%llu/%llu",
                                (unsigned long long)reading->first,
                                (unsigned long long)(reading->first + reading->len - 1),
                                (unsigned long long)meta->size));
    }
    if (mr_slice_equal(s3_in(call, "ChecksumMode"), MR_S("ENABLED")))
        write_sum(call, reading);
    if (mr_json_get(call->in, "PartNumber") != NULL && meta->part_count > 0)
        mr_json_key_int(out, "PartsCount", meta->part_count);
}

static void decrypt(void *ctx, char *bytes, size_t len)
{
    s3_cipher_apply(ctx, bytes, len);
}

static void decrypt_end(void *ctx)
{
    s3_cipher_fini(ctx);
}

/* NULL with the fault set, or because nothing has to be decrypted. */
static struct s3_cipher *cipher_of(struct protocol_call *call, const struct reading *reading)
{
    if (!reading->customer.given || reading->len == 0)
        return NULL;
    struct s3_cipher *cipher = MR_NEW(call->arena, struct s3_cipher);
    const enum mr_status status =
        s3_cipher_open(cipher, &reading->customer.key, reading->meta.seal, reading->first);
    protocol_fail_internal(call, status);
    return status == MR_OK ? cipher : NULL;
}

static void give_small(struct protocol_call *call, const struct reading *reading,
                       struct s3_cipher *cipher)
{
    struct mr_slice bytes =
        mr_slice_sub(reading->body.bytes, (size_t)reading->first, (size_t)reading->len);
    if (cipher != NULL) {
        char *room = mr_arena_alloc(call->arena, bytes.len);
        memcpy(room, bytes.ptr, bytes.len);
        s3_cipher_apply(cipher, room, bytes.len);
        s3_cipher_fini(cipher);
        bytes = mr_slice_make(room, bytes.len);
    }
    protocol_reply_payload(call, bytes);
}

/* Takes the source over. */
static void give_body(struct protocol_call *call, struct reading *reading)
{
    struct s3_cipher *cipher = cipher_of(call, reading);
    if (protocol_failed(call)) {
        s3_source_close(&reading->body);
        return;
    }
    if (reading->body.fd < 0) {
        give_small(call, reading, cipher);
        return;
    }
    struct http_filter filter = {0};
    if (cipher != NULL)
        filter = (struct http_filter){decrypt, decrypt_end, cipher};
    protocol_reply_file_changed(call, reading->body.fd, reading->first, reading->len, filter);
}

/* AWS: the query may set these headers of the reply, of a request that is signed. */
static enum mr_status check_override(struct protocol_call *call, struct mr_slice pair)
{
    static const char *const known[] = {"response-cache-control",    "response-content-disposition",
                                        "response-content-encoding", "response-content-language",
                                        "response-content-type",     "response-expires"};
    const size_t equals = mr_slice_find(pair, '=');
    const struct mr_slice name =
        mr_percent_decode(call->arena, mr_slice_sub(pair, 0, equals), true);
    if (!mr_slice_starts_with(name, MR_S("response-")))
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(known); i++)
        if (mr_slice_equal(name, mr_slice_cstr(known[i])))
            return !call->anonymous ? MR_OK
                                    : protocol_fail(call, &s3_invalid_request,
                                                    "Request specific response headers cannot be "
                                                    "used for anonymous GET requests.");
    const char *const text = mr_arena_cstr(call->arena, name);
    const struct mr_slice value =
        equals == SIZE_MAX
            ? MR_S("")
            : mr_percent_decode(call->arena, mr_slice_sub(pair, equals + 1, SIZE_MAX), true);
    return s3_fail_argument(
        call, text, value,
        mr_arena_cstr(call->arena,
                      mr_arena_printf(call->arena,
                                      "%s is not in the set of overridable response headers. "
                                      "Please refer to the S3 API documentation for a complete "
                                      "list of overridable response headers.",
                                      text)));
}

static enum mr_status check_overrides(struct protocol_call *call)
{
    struct mr_slice rest = call->exchange == NULL ? (struct mr_slice){0} : call->exchange->query;
    struct mr_slice pair;
    while (rest.len > 0 && mr_slice_split(&rest, '&', &pair))
        if (check_override(call, pair) != MR_OK)
            return MR_FAULT;
    return MR_OK;
}

static void read_object(struct protocol_call *call, bool with_body)
{
    struct s3 *s3 = s3_of(call);
    struct reading reading = {.body = {.fd = -1}};
    struct s3_which which;
    struct s3_version version;
    if (s3_check_owner(call) != MR_OK || s3_which_in(call, &which, &version) != MR_OK ||
        s3_check_unsupported(call) != MR_OK || check_overrides(call) != MR_OK)
        return;
    const enum mr_status found =
        with_body
            ? s3_find_open(s3, call->arena, &which, &reading.meta, &reading.body, &call->ticket)
            : s3_find(s3, call->arena, &which, &reading.meta, &call->ticket);
    if (s3_fail_missing(call, &which, found, &reading.meta) != MR_OK)
        return;
    if (s3_customer_check(call, S3_CUSTOMER_TARGET, &reading.meta, &reading.customer) != MR_OK ||
        (with_body && s3_check_readable(call, &reading.meta) != MR_OK) ||
        judge(call, &reading.meta) != MR_OK || range_of(call, &reading) != MR_OK) {
        s3_source_close(&reading.body);
        return;
    }
    write_reading(call, &reading);
    s3_write_version(call, which.bucket, &reading.meta);
    s3_lock_write(call, &reading.meta);
    s3_write_restore(call, &reading.meta);
    s3_write_replication(call, &reading.meta);
    if (which.version == NULL)
        s3_write_expiration(call, which.key, &reading.meta);
    if (!with_body)
        return;
    atomic_fetch_add(&s3->gets, 1);
    atomic_fetch_add(&s3->bytes_out, reading.len);
    s3_metrics_downloaded(s3->metrics, call, reading.len);
    give_body(call, &reading);
}

static void get_object(struct protocol_call *call)
{
    read_object(call, true);
}

static void head_object(struct protocol_call *call)
{
    read_object(call, false);
}

/* ---- GetObjectAttributes ---- */

static bool wants(struct protocol_call *call, const char *attribute)
{
    size_t at, count;
    yyjson_val *item;
    yyjson_arr_foreach(
        mr_json_get(call->in, "ObjectAttributes"), at, count,
        item) if (mr_slice_equal(mr_json_text(item), mr_slice_cstr(attribute))) return true;
    return false;
}

static enum mr_status attributes_check(struct protocol_call *call)
{
    static const char *const known[] = {"ETag", "Checksum", "ObjectParts", "StorageClass",
                                        "ObjectSize"};
    yyjson_val *asked = mr_json_get(call->in, "ObjectAttributes");
    size_t at, count;
    yyjson_val *item;
    if (yyjson_arr_size(asked) == 0 ||
        (yyjson_arr_size(asked) == 1 && mr_json_text(yyjson_arr_get_first(asked)).len == 0))
        return protocol_fail(call, &s3_invalid_request,
                             "The x-amz-object-attributes header specifying the attributes to be "
                             "retrieved is either missing or empty");
    yyjson_arr_foreach(asked, at, count, item)
    {
        size_t i = 0;
        while (i < MR_COUNT(known) && !mr_slice_equal(mr_json_text(item), mr_slice_cstr(known[i])))
            i++;
        if (i == MR_COUNT(known))
            return s3_fail_argument(call, "x-amz-object-attributes", mr_json_text(item),
                                    "Invalid attribute name specified.");
    }
    return MR_OK;
}

static void write_parts(struct protocol_call *call, const struct s3_meta *meta, int64_t after,
                        int64_t limit)
{
    struct mr_slice rest = meta->parts;
    struct s3_part part;
    int64_t shown = 0, last = 0;
    bool cut = false;
    mr_json_key(&call->out, "ObjectParts");
    mr_json_object(&call->out);
    mr_json_key_int(&call->out, "TotalPartsCount", meta->part_count);
    mr_json_key(&call->out, "Parts");
    mr_json_array(&call->out);
    while (meta->composite && s3_parts_next(&rest, &part)) { /* AWS: only with sums of their own */
        if (part.number <= after)
            continue;
        cut = shown == limit;
        if (cut)
            break;
        mr_json_object(&call->out);
        mr_json_key_int(&call->out, "PartNumber", part.number);
        mr_json_key_int(&call->out, "Size", (int64_t)part.size);
        if (part.sum.algorithm != S3_NO_SUM)
            mr_json_key_string(&call->out, s3_algorithm_member(part.sum.algorithm),
                               s3_sum_base64(call->arena, &part.sum));
        mr_json_object_end(&call->out);
        last = part.number;
        shown++;
    }
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", cut);
    mr_json_key_int(&call->out, "MaxParts", limit);
    mr_json_key_int(&call->out, "PartNumberMarker", after);
    mr_json_key_int(&call->out, "NextPartNumberMarker", last);
    mr_json_object_end(&call->out);
}

static void get_object_attributes(struct protocol_call *call)
{
    struct s3_meta meta;
    struct s3_which which;
    struct s3_version version;
    struct s3_customer customer;
    char etag[S3_ETAG_TEXT];
    int64_t after, limit;
    if (s3_check_owner(call) != MR_OK || attributes_check(call) != MR_OK ||
        s3_count_in(call, "PartNumberMarker", "x-amz-part-number-marker", 0, &after) != MR_OK ||
        s3_limit_in(call, "MaxParts", "x-amz-max-parts", &limit) != MR_OK ||
        s3_which_in(call, &which, &version) != MR_OK)
        return;
    const enum mr_status found = s3_find(s3_of(call), call->arena, &which, &meta, &call->ticket);
    if (s3_fail_missing(call, &which, found, &meta) != MR_OK ||
        s3_customer_check(call, S3_CUSTOMER_TARGET, &meta, &customer) != MR_OK)
        return;
    s3_write_version(call, which.bucket, &meta);
    s3_write_time(call, "LastModified", meta.modified_ms);
    if (wants(call, "ETag"))
        mr_json_key_string(&call->out, "ETag", s3_meta_etag(&meta, etag));
    if (wants(call, "Checksum") && meta.sum.algorithm != S3_NO_SUM) {
        mr_json_key(&call->out, "Checksum");
        mr_json_object(&call->out);
        /* AWS: here the checksum of checksums goes without the number of parts. */
        mr_json_key_string(&call->out, s3_algorithm_member(meta.sum.algorithm),
                           s3_sum_base64(call->arena, &meta.sum));
        mr_json_key_cstr(&call->out, "ChecksumType", meta.composite ? "COMPOSITE" : "FULL_OBJECT");
        mr_json_object_end(&call->out);
    }
    if (wants(call, "ObjectParts") && meta.part_count > 0)
        write_parts(call, &meta, after, limit);
    if (wants(call, "StorageClass"))
        mr_json_key_string(&call->out, "StorageClass",
                           meta.headers[S3_STORAGE_CLASS].len > 0 ? meta.headers[S3_STORAGE_CLASS]
                                                                  : MR_S("STANDARD"));
    if (wants(call, "ObjectSize"))
        mr_json_key_int(&call->out, "ObjectSize", (int64_t)meta.size);
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetObject", .run = get_object, .flags = PROTOCOL_INLINE},
    {.operation = "GetObjectAttributes", .run = get_object_attributes, .flags = PROTOCOL_INLINE},
    {.operation = "HeadObject", .run = head_object, .flags = PROTOCOL_INLINE},
};
const struct s3_handlers s3_read_handlers = {handlers, MR_COUNT(handlers)};
