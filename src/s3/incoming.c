/* The wire: what clients say about a body they send, and the body's way into a file. */
#include "s3/ops.h"
#include <stdlib.h>

/* ---- checksums the client names ---- */

/* Not every operation that takes such a header has it as a member. */
static struct mr_slice given(struct protocol_call *call, const char *header, const char *member)
{
    const struct mr_slice value = protocol_header(call, header);
    return value.ptr != NULL ? value : s3_in(call, member);
}

/* AWS: a checksum that it does not know is none it passes over. */
static enum mr_status names_check(struct protocol_call *call)
{
    static const struct mr_slice prefix = MR_S_INIT("x-amz-checksum-");
    static const char *const others[] = {"algorithm", "mode", "type"};
    for (size_t i = 0; call->exchange != NULL && i < call->exchange->header_count; i++) {
        const struct mr_slice name = call->exchange->headers[i].name;
        bool known = !mr_slice_equal_nocase(mr_slice_sub(name, 0, prefix.len), prefix);
        for (size_t j = 0; j < MR_COUNT(others); j++)
            known = known || mr_slice_equal_nocase(mr_slice_sub(name, prefix.len, SIZE_MAX),
                                                   mr_slice_cstr(others[j]));
        for (int j = S3_NO_SUM + 1; j < S3_ALGORITHMS; j++)
            known = known || mr_slice_equal_nocase(
                                 name, mr_slice_cstr(s3_algorithm_header((enum s3_algorithm)j)));
        if (!known)
            return protocol_fail(
                call, &s3_invalid_request,
                "The algorithm type you specified in x-amz-checksum- header is invalid.");
    }
    return MR_OK;
}

/* What is behind a composite checksum: "-" and the number of parts. */
static struct mr_slice without_count(struct mr_slice text)
{
    uint64_t count;
    const size_t dash = mr_slice_find(text, '-');
    return dash != SIZE_MAX &&
                   mr_slice_to_u64(mr_slice_sub(text, dash + 1, SIZE_MAX), &count) == MR_OK
               ? mr_slice_sub(text, 0, dash)
               : text;
}

/* `whole`: of an object of parts. */
static enum mr_status sums_read(struct protocol_call *call, bool whole,
                                struct s3_upload_checks *checks)
{
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++) {
        const enum s3_algorithm algorithm = (enum s3_algorithm)i;
        const struct mr_slice value =
            given(call, s3_algorithm_header(algorithm), s3_algorithm_member(algorithm));
        if (value.ptr == NULL)
            continue;
        if (checks->has_sum)
            return protocol_fail(call, &s3_invalid_request,
                                 "Expecting a single x-amz-checksum- header. Multiple checksum "
                                 "Types are not allowed.");
        if (s3_sum_parse(call->arena, algorithm, whole ? without_count(value) : value,
                         &checks->sum) != MR_OK)
            return protocol_fail(call, &s3_invalid_request, "Value for %s header is invalid.",
                                 s3_algorithm_header(algorithm));
        checks->has_sum = true;
        checks->algorithm = algorithm;
    }
    return MR_OK;
}

static enum mr_status trailer_read(struct protocol_call *call, struct s3_upload_checks *checks)
{
    const struct mr_slice trailer = mr_slice_trim(protocol_header(call, "x-amz-trailer"));
    if (trailer.len == 0)
        return MR_OK;
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++)
        if (mr_slice_equal_nocase(trailer,
                                  mr_slice_cstr(s3_algorithm_header((enum s3_algorithm)i))))
            checks->algorithm = (enum s3_algorithm)i;
    if (checks->has_sum || checks->algorithm == S3_NO_SUM)
        return protocol_fail(
            call, &s3_invalid_request,
            checks->has_sum ? "Expecting a single x-amz-checksum- header"
                            : "The value specified in the x-amz-trailer header is not supported");
    checks->trailer = true;
    return MR_OK;
}

static enum mr_status md5_read(struct protocol_call *call, struct s3_upload_checks *checks)
{
    const struct mr_slice text = given(call, "content-md5", "ContentMD5");
    if (text.ptr == NULL)
        return MR_OK;
    if (mr_base64_decode(call->arena, text, &checks->md5) != MR_OK ||
        checks->md5.len != S3_MD5_BYTES) {
        protocol_fail_member(call, "Content-MD5", text);
        return protocol_fail(call, &s3_invalid_digest,
                             "The Content-MD5 you specified was invalid.");
    }
    checks->has_md5 = true;
    return MR_OK;
}

enum mr_status s3_checks_of_whole(struct protocol_call *call)
{
    struct s3_upload_checks checks = {0};
    return names_check(call) != MR_OK ? MR_FAULT : sums_read(call, true, &checks);
}

enum mr_status s3_checks_read(struct protocol_call *call, struct s3_upload_checks *ret_checks)
{
    *ret_checks = (struct s3_upload_checks){0};
    if (names_check(call) != MR_OK || sums_read(call, false, ret_checks) != MR_OK ||
        trailer_read(call, ret_checks) != MR_OK || md5_read(call, ret_checks) != MR_OK)
        return MR_FAULT;
    const struct mr_slice named = s3_in(call, "ChecksumAlgorithm");
    if (named.len > 0 && ret_checks->algorithm == S3_NO_SUM && call->exchange != NULL)
        return protocol_fail(call, &s3_invalid_request,
                             "x-amz-sdk-checksum-algorithm specified, but no corresponding "
                             "x-amz-checksum-* or x-amz-trailer headers were found.");
    if (named.len > 0 && ret_checks->algorithm != S3_NO_SUM &&
        s3_algorithm_of(named) != ret_checks->algorithm)
        return protocol_fail(call, &s3_invalid_request,
                             "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    /* AWS: what comes without a checksum gets a CRC64NVME. */
    ret_checks->kept = ret_checks->algorithm == S3_NO_SUM ? S3_CRC64NVME : ret_checks->algorithm;
    ret_checks->set = 1u << ret_checks->kept;
    return MR_OK;
}

enum mr_status s3_checks_trailer(struct protocol_call *call, struct s3_upload_checks *checks)
{
    /* AWS: x-amz-trailer tells what is in the trailer. */
    const bool any = yyjson_obj_size(call->trailers) > 0;
    if (!checks->trailer && !any)
        return MR_OK;
    const char *name = checks->trailer ? s3_algorithm_header(checks->algorithm) : NULL;
    if (name == NULL || mr_json_get(call->trailers, name) == NULL) /* another one, or none */
        return protocol_fail(call, &s3_malformed_trailer,
                             "The request contained trailing data that was not well-formed or did "
                             "not conform to our published schema.");
    if (s3_sum_parse(call->arena, checks->algorithm, mr_json_get_text(call->trailers, name),
                     &checks->sum) != MR_OK)
        return protocol_fail(call, &s3_invalid_request, "Value for %s trailing header is invalid.",
                             name);
    checks->has_sum = true;
    return MR_OK;
}

enum mr_status s3_checks_verify(struct protocol_call *call, const struct s3_upload_checks *checks,
                                const struct s3_sums *sums)
{
    const struct mr_slice md5 = mr_slice_make(sums->md5, S3_MD5_BYTES);
    if (checks->has_md5 && !mr_slice_equal(md5, checks->md5)) {
        char wanted[2 * S3_MD5_BYTES + 1];
        mr_hex(checks->md5.ptr, S3_MD5_BYTES, wanted);
        /* AWS: this one in hex, the other as it came. */
        protocol_fail_member(call, "ExpectedDigest",
                             mr_arena_copy(call->arena, mr_slice_cstr(wanted)));
        protocol_fail_member(call, "CalculatedDigest", mr_base64(call->arena, md5));
        return protocol_fail(call, &s3_bad_digest,
                             "The Content-MD5 you specified did not match what we received.");
    }
    if (checks->has_sum && !s3_sum_equal(&sums->of[checks->algorithm], &checks->sum))
        return protocol_fail(call, &s3_bad_digest,
                             "The %s you specified did not match the calculated checksum.",
                             s3_algorithm_name(checks->algorithm));
    return MR_OK;
}

enum mr_status s3_body_check(struct protocol_call *call, bool required)
{
    struct s3_upload_checks checks;
    struct s3_sums sums;
    if (call->exchange == NULL)
        return MR_OK;
    if (s3_checks_read(call, &checks) != MR_OK)
        return MR_FAULT;
    if (required && !checks.has_md5 && checks.algorithm == S3_NO_SUM)
        return protocol_fail(call, &s3_invalid_request,
                             "Missing required header for this request: Content-MD5");
    if (checks.trailer) /* in frames: checked when they were taken off */
        return MR_OK;
    s3_digest_bytes(call->exchange->body, checks.set, &sums);
    return s3_checks_verify(call, &checks, &sums);
}

enum mr_status s3_body_check_md5(struct protocol_call *call)
{
    struct s3_upload_checks checks = {0};
    struct s3_sums sums;
    if (call->exchange == NULL)
        return MR_OK;
    if (md5_read(call, &checks) != MR_OK)
        return MR_FAULT;
    if (!checks.has_md5)
        return MR_OK;
    s3_digest_bytes(call->exchange->body, 0, &sums);
    return s3_checks_verify(call, &checks, &sums);
}

/* ---- a body on its way ---- */

static enum mr_status incoming_data(void *ctx, struct mr_slice data)
{
    struct s3_incoming *incoming = ctx;
    s3_digest_update(&incoming->digest, data);
    return s3_writer_append(&incoming->writer, data);
}

/* AWS: who sends a body tells its length, and beside frames that of what is in them. */
static enum mr_status check_length(struct protocol_call *call)
{
    const bool framed =
        mr_slice_starts_with(protocol_header(call, "x-amz-content-sha256"), MR_S("STREAMING-"));
    const bool told = framed ? call->payload_length != UINT64_MAX
                             : protocol_header(call, "content-length").ptr != NULL;
    if (call->exchange == NULL || told)
        return MR_OK;
    if (!framed && protocol_header(call, "transfer-encoding").ptr != NULL)
        return s3_fail_header(call, "Transfer-Encoding", NULL);
    return protocol_fail(call, &s3_missing_length,
                         "You must provide the Content-Length HTTP header.");
}

enum mr_status s3_incoming_open(struct protocol_call *call, uint64_t bytes_max)
{
    if (check_length(call) != MR_OK)
        return MR_FAULT;
    struct s3_incoming *incoming = MR_NEW(call->arena, struct s3_incoming);
    incoming->s3 = s3_of(call);
    if (call->payload_length != UINT64_MAX && call->payload_length > bytes_max) {
        protocol_fail_member(
            call, "ProposedSize",
            mr_arena_printf(call->arena, "%llu", (unsigned long long)call->payload_length));
        protocol_fail_member(call, "MaxSizeAllowed",
                             mr_arena_printf(call->arena, "%llu", (unsigned long long)bytes_max));
        return protocol_fail(call, &s3_entity_too_large,
                             "Your proposed upload exceeds the maximum allowed size");
    }
    if (s3_checks_read(call, &incoming->checks) != MR_OK)
        return MR_FAULT;
    struct s3_customer customer;
    if (s3_customer_read(call, S3_CUSTOMER_TARGET, &customer) != MR_OK ||
        s3_customer_usable(call, &customer) != MR_OK)
        return MR_FAULT;
    s3_writer_open(incoming->s3->bodies, call->arena, &incoming->writer);
    s3_sealing_begin(&incoming->sealing, incoming->s3, &incoming->writer, &customer);
    s3_digest_init(&incoming->digest, incoming->checks.set);
    call->stream = incoming;
    call->sink = (struct http_sink){.on_data = incoming_data, .ctx = incoming};
    return MR_OK;
}

void s3_incoming_abandon(struct s3_incoming *incoming)
{
    s3_digest_fini(&incoming->digest);
    s3_sealing_fini(&incoming->sealing);
    s3_writer_abandon(&incoming->writer);
}

enum mr_status s3_incoming_finish(struct protocol_call *call, struct s3_incoming *incoming)
{
    s3_digest_finish(&incoming->digest, &incoming->sums);
    if (s3_checks_trailer(call, &incoming->checks) != MR_OK ||
        s3_checks_verify(call, &incoming->checks, &incoming->sums) != MR_OK) {
        s3_incoming_abandon(incoming);
        return MR_FAULT;
    }
    const enum mr_status status = s3_writer_finish(&incoming->writer, &incoming->body);
    s3_sealing_fini(&incoming->sealing);
    if (status == MR_OK)
        return MR_OK;
    s3_incoming_abandon(incoming);
    protocol_fail_internal(call, status);
    return MR_FAULT;
}

/* ---- headers and metadata ---- */

static bool is_ascii(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] >= 0x80)
            return false;
    return true;
}

/* AWS takes the bytes of a header for Latin-1, whatever they are meant as. Those that are no UTF-8
 * were taken so before. */
static struct mr_slice latin1(struct protocol_call *call, struct mr_slice name,
                              struct mr_slice value)
{
    const char *header =
        mr_arena_cstr(call->arena, mr_arena_printf(call->arena, "x-amz-meta-%.*s", MR_ARG(name)));
    const struct mr_slice sent =
        call->exchange == NULL ? (struct mr_slice){0} : protocol_header(call, header);
    if (is_ascii(sent) || !mr_slice_is_utf8(sent)) /* also: a form's field, which is UTF-8 */
        return value;
    char *to = mr_arena_alloc(call->arena, value.len * 2);
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t c = (uint8_t)value.ptr[i];
        if (c >= 0x80)
            to[len++] = (char)(0xc0 | c >> 6);
        to[len++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    return mr_slice_make(to, len);
}

static enum mr_status user_read(struct protocol_call *call, struct s3_meta *meta)
{
    struct mr_buf pairs = {0};
    size_t at, count, bytes = 0;
    yyjson_val *name, *value;
    yyjson_obj_foreach(mr_json_get(call->in, "Metadata"), at, count, name, value)
    {
        const struct mr_slice text = mr_arena_copy(call->arena, mr_json_text(name));
        char *lower = (char *)(uintptr_t)text.ptr; /* our copy */
        for (size_t i = 0; i < text.len; i++)
            if (lower[i] >= 'A' && lower[i] <= 'Z')
                lower[i] = (char)(lower[i] - 'A' + 'a');
        const struct mr_slice characters = latin1(call, text, mr_json_text(value));
        s3_pairs_add(&pairs, text, characters);
        bytes += text.len + characters.len;
    }
    meta->user = mr_arena_copy(call->arena, mr_buf_slice(&pairs));
    mr_buf_fini(&pairs);
    if (bytes <= S3_USER_BYTES_MAX)
        return MR_OK;
    protocol_fail_member(call, "Size", mr_arena_printf(call->arena, "%zu", bytes));
    protocol_fail_member(call, "MaxSizeAllowed", MR_S("2048"));
    return protocol_fail(call, &s3_metadata_too_large,
                         "Your metadata headers exceed the maximum allowed metadata size");
}

static enum mr_status storage_class_read(struct protocol_call *call, struct s3_meta *meta)
{
    static const char *const classes[] = {
        "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA",   "INTELLIGENT_TIERING",
        "GLACIER_IR",         "GLACIER",     "DEEP_ARCHIVE",
    };
    const struct mr_slice wanted = s3_in(call, "StorageClass");
    if (wanted.len == 0 || mr_slice_equal(wanted, MR_S("STANDARD"))) {
        meta->headers[S3_STORAGE_CLASS] = (struct mr_slice){0};
        return MR_OK;
    }
    meta->headers[S3_STORAGE_CLASS] = wanted;
    for (size_t i = 0; i < MR_COUNT(classes); i++)
        if (mr_slice_equal(wanted, mr_slice_cstr(classes[i])))
            return MR_OK;
    protocol_fail_member(call, "StorageClassRequested", wanted);
    return protocol_fail(call, &s3_invalid_storage_class,
                         "The storage class you specified is not valid");
}

static enum mr_status redirect_check(struct protocol_call *call, struct mr_slice target)
{
    if (target.len == 0 || mr_slice_starts_with(target, MR_S("/")) ||
        mr_slice_starts_with(target, MR_S("http://")) ||
        mr_slice_starts_with(target, MR_S("https://")))
        return MR_OK;
    return protocol_fail(call, &s3_invalid_redirect,
                         "The website redirect location must have a prefix of 'http://' or "
                         "'https://' or '/'.");
}

enum mr_status s3_headers_read(struct protocol_call *call, struct s3_meta *meta)
{
    meta->headers[S3_CONTENT_TYPE] = s3_in(call, "ContentType");
    meta->headers[S3_CONTENT_ENCODING] = s3_in(call, "ContentEncoding");
    meta->headers[S3_CONTENT_DISPOSITION] = s3_in(call, "ContentDisposition");
    meta->headers[S3_CONTENT_LANGUAGE] = s3_in(call, "ContentLanguage");
    meta->headers[S3_CACHE_CONTROL] = s3_in(call, "CacheControl");
    meta->headers[S3_EXPIRES] = given(call, "expires", "ExpiresText"); /* AWS: whatever it says */
    meta->headers[S3_REDIRECT] = s3_in(call, "WebsiteRedirectLocation");
    if (redirect_check(call, meta->headers[S3_REDIRECT]) != MR_OK ||
        storage_class_read(call, meta) != MR_OK || s3_sse_read(call, meta) != MR_OK ||
        s3_lock_read(call, meta) != MR_OK || s3_acl_of_object(call, &meta->acl) != MR_OK)
        return MR_FAULT;
    return user_read(call, meta);
}

enum mr_status s3_headers_tags(struct protocol_call *call, struct s3_meta *meta)
{
    const struct mr_slice text = s3_in(call, "Tagging");
    if (text.len == 0)
        return MR_OK;
    return s3_tags_parse(call, text, &meta->tags);
}
