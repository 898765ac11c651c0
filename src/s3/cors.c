/* Cross-origin access: a bucket's rules, preflights, and the headers of replies to pages. */
#include "s3/ops.h"

enum { CORS_RULES_MAX = 100 };

static const struct protocol_fault forbidden = {"AccessForbidden", 403, false};

/* ---- rules ---- */

/* `pattern` may hold one "*". */
static bool fits(struct mr_slice pattern, struct mr_slice text, bool nocase)
{
    const size_t star = mr_slice_find(pattern, '*');
    if (star == SIZE_MAX)
        return nocase ? mr_slice_equal_nocase(pattern, text) : mr_slice_equal(pattern, text);
    const struct mr_slice head = mr_slice_sub(pattern, 0, star);
    const struct mr_slice tail = mr_slice_sub(pattern, star + 1, SIZE_MAX);
    if (text.len < head.len + tail.len)
        return false;
    const struct mr_slice first = mr_slice_sub(text, 0, head.len);
    const struct mr_slice last = mr_slice_sub(text, text.len - tail.len, SIZE_MAX);
    return nocase ? mr_slice_equal_nocase(head, first) && mr_slice_equal_nocase(tail, last)
                  : mr_slice_equal(head, first) && mr_slice_equal(tail, last);
}

/* The entry of a rule's list that fits; NULL: none does. */
static yyjson_val *entry_for(yyjson_val *rule, const char *list, struct mr_slice text, bool nocase)
{
    size_t at, count;
    yyjson_val *entry;
    yyjson_arr_foreach(mr_json_get(rule, list), at, count, entry)
    {
        if (fits(mr_json_text(entry), text, nocase))
            return entry;
    }
    return NULL;
}

static bool headers_allowed(yyjson_val *rule, struct mr_slice headers)
{
    struct mr_slice one;
    while (headers.ptr != NULL && mr_slice_split(&headers, ',', &one)) {
        one = mr_slice_trim(one);
        if (one.len > 0 && entry_for(rule, "AllowedHeaders", one, true) == NULL)
            return false;
    }
    return true;
}

/* AWS: the first rule that allows all of it decides. */
static yyjson_val *rule_for(yyjson_val *rules, struct mr_slice origin, struct mr_slice method,
                            struct mr_slice headers, yyjson_val **ret_origin)
{
    size_t at, count;
    yyjson_val *rule;
    yyjson_arr_foreach(rules, at, count, rule)
    {
        *ret_origin = entry_for(rule, "AllowedOrigins", origin, false);
        if (*ret_origin != NULL && entry_for(rule, "AllowedMethods", method, false) != NULL &&
            headers_allowed(rule, headers))
            return rule;
    }
    return NULL;
}

static struct mr_slice joined(struct protocol_call *call, yyjson_val *list)
{
    struct mr_buf buf = {0};
    size_t at, count;
    yyjson_val *entry;
    yyjson_arr_foreach(list, at, count, entry)
    {
        mr_buf_printf(&buf, "%s%.*s", buf.len > 0 ? ", " : "", MR_ARG(mr_json_text(entry)));
    }
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void write_rule(struct protocol_call *call, yyjson_val *rule, struct mr_slice origin,
                       yyjson_val *allowed)
{
    const bool everybody = mr_slice_equal(mr_json_text(allowed), MR_S("*"));
    const struct mr_slice exposed = joined(call, mr_json_get(rule, "ExposeHeaders"));
    const struct mr_slice seconds = mr_json_get_text(rule, "MaxAgeSeconds");
    protocol_reply_header(call, MR_S("access-control-allow-origin"),
                          everybody ? MR_S("*") : origin);
    protocol_reply_header(call, MR_S("access-control-allow-methods"),
                          joined(call, mr_json_get(rule, "AllowedMethods")));
    if (exposed.len > 0)
        protocol_reply_header(call, MR_S("access-control-expose-headers"), exposed);
    if (seconds.len > 0)
        protocol_reply_header(call, MR_S("access-control-max-age"), seconds);
    if (!everybody)
        protocol_reply_header(call, MR_S("access-control-allow-credentials"), MR_S("true"));
    protocol_reply_header(
        call, MR_S("vary"),
        MR_S("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
}

/* ---- requests ---- */

static bool is_method(struct mr_slice text)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
    for (size_t i = 0; i < MR_COUNT(methods); i++)
        if (mr_slice_equal(text, mr_slice_cstr(methods[i])))
            return true;
    return false;
}

static void forbid(struct protocol_call *call, struct mr_slice method, bool of_object,
                   const char *why)
{
    protocol_fail_member(call, "Method", method);
    protocol_fail_member(call, "ResourceType", of_object ? MR_S("OBJECT") : MR_S("BUCKET"));
    protocol_fail(call, &forbidden, "CORSResponse: %s", why);
}

static struct mr_slice lowered(struct protocol_call *call, struct mr_slice text)
{
    char *copy = mr_arena_cstr(call->arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    return mr_slice_make(copy, text.len);
}

static void preflight(struct protocol_call *call, struct mr_slice bucket, bool of_object)
{
    const struct mr_slice origin = protocol_header(call, "origin");
    const struct mr_slice method = protocol_header(call, "access-control-request-method");
    const struct mr_slice headers = protocol_header(call, "access-control-request-headers");
    yyjson_val *document = NULL, *allowed = NULL;
    if (origin.ptr == NULL) {
        protocol_fail(call, &s3_bad_request,
                      "Insufficient information. Origin request header needed.");
        return;
    }
    if (!is_method(method)) {
        protocol_fail(call, &s3_bad_request, "Invalid Access-Control-Request-Method: %.*s",
                      MR_ARG(method.ptr == NULL ? MR_S("null") : method));
        return;
    }
    if (s3_bucket_get(s3_of(call), call->arena, bucket, &document) != MR_OK) {
        forbid(call, method, of_object, "Bucket not found");
        return;
    }
    yyjson_val *rules = mr_json_get(document, "cors");
    if (rules == NULL) {
        forbid(call, method, of_object, "CORS is not enabled for this bucket.");
        return;
    }
    yyjson_val *rule = rule_for(rules, origin, method, headers, &allowed);
    if (rule == NULL) {
        forbid(call, method, of_object,
               "This CORS request is not allowed. This is usually because the evalution of Origin, "
               "request method / Access-Control-Request-Method or Access-Control-Request-Headers "
               "are not whitelisted by the resource's CORS spec.");
        return;
    }
    if (headers.len > 0)
        protocol_reply_header(call, MR_S("access-control-allow-headers"), lowered(call, headers));
    write_rule(call, rule, origin, allowed);
}

static void reply(struct protocol_call *call, struct mr_slice bucket)
{
    const struct mr_slice origin = protocol_header(call, "origin");
    yyjson_val *document = NULL, *allowed = NULL;
    if (s3_bucket_get(s3_of(call), call->arena, bucket, &document) != MR_OK)
        return;
    yyjson_val *rule = rule_for(mr_json_get(document, "cors"), origin, call->exchange->method,
                                (struct mr_slice){0}, &allowed);
    if (rule != NULL)
        write_rule(call, rule, origin, allowed);
}

const struct protocol_browser s3_browser = {
    .preflight = preflight, .reply = reply, .form = s3_form, .website = s3_website};

/* ---- the configuration ---- */

static bool stars_at_most(struct mr_slice text, size_t max)
{
    size_t stars = 0;
    for (size_t i = 0; i < text.len; i++)
        stars += text.ptr[i] == '*';
    return stars <= max;
}

static enum mr_status check_stars(struct protocol_call *call, yyjson_val *rule, const char *list,
                                  const char *name)
{
    size_t at, count;
    yyjson_val *entry;
    yyjson_arr_foreach(mr_json_get(rule, list), at, count, entry)
    {
        if (!stars_at_most(mr_json_text(entry), 1))
            return protocol_fail(call, &s3_invalid_request,
                                 "%s \"%.*s\" can not have more than one wildcard.", name,
                                 MR_ARG(mr_json_text(entry)));
    }
    return MR_OK;
}

static enum mr_status check_rule(struct protocol_call *call, yyjson_val *rule)
{
    size_t at, count;
    yyjson_val *entry;
    if (yyjson_arr_size(mr_json_get(rule, "AllowedMethods")) == 0 ||
        yyjson_arr_size(mr_json_get(rule, "AllowedOrigins")) == 0 ||
        mr_json_get_text(rule, "ID").len > 255)
        return s3_fail_malformed(call);
    yyjson_arr_foreach(mr_json_get(rule, "AllowedMethods"), at, count, entry)
    {
        if (!is_method(mr_json_text(entry)))
            return protocol_fail(call, &s3_invalid_request,
                                 "Found unsupported HTTP method in CORS config. Unsupported method "
                                 "is %.*s",
                                 MR_ARG(mr_json_text(entry)));
    }
    if (check_stars(call, rule, "AllowedOrigins", "AllowedOrigin") != MR_OK ||
        check_stars(call, rule, "AllowedHeaders", "AllowedHeader") != MR_OK)
        return MR_FAULT;
    yyjson_arr_foreach(mr_json_get(rule, "ExposeHeaders"), at, count, entry)
    {
        if (!stars_at_most(mr_json_text(entry), 0))
            return protocol_fail(call, &s3_invalid_request,
                                 "ExposeHeader \"%.*s\" contains wildcard. We currently do not "
                                 "support wildcard for ExposeHeader.",
                                 MR_ARG(mr_json_text(entry)));
    }
    return MR_OK;
}

static void put_cors(struct protocol_call *call)
{
    yyjson_val *rules = mr_json_get(mr_json_get(call->in, "CORSConfiguration"), "CORSRules");
    size_t at, count;
    yyjson_val *rule;
    if (s3_check_bucket(call) != MR_OK)
        return;
    if (yyjson_arr_size(rules) == 0 || yyjson_arr_size(rules) > CORS_RULES_MAX) {
        s3_fail_malformed(call);
        return;
    }
    yyjson_arr_foreach(rules, at, count, rule)
    {
        if (check_rule(call, rule) != MR_OK)
            return;
    }
    s3_config_store(call, "cors", s3_config_json(call, rules));
}

static void get_cors(struct protocol_call *call)
{
    s3_config_give(call, "cors", "CORSRules", NULL, &s3_no_cors,
                   "The CORS configuration does not exist");
}

static void delete_cors(struct protocol_call *call)
{
    s3_config_store(call, "cors", MR_S(""));
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteBucketCors", .run = delete_cors},
    {.operation = "GetBucketCors", .run = get_cors},
    {.operation = "PutBucketCors", .run = put_cors},
};
const struct s3_handlers s3_cors_handlers = {handlers, MR_COUNT(handlers)};
