/* Operations that are told apart by method, path and query: restJson's URI templates, and S3. */
#include "base/codec.h"
#include "protocol/internal.h"

struct protocol_pair *pairs_parse(struct mr_arena *arena, struct mr_slice text, bool form,
                                  size_t *ret_count)
{
    size_t count = text.len > 0, at = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '&';
    if (count > PROTOCOL_PAIRS_MAX)
        count = PROTOCOL_PAIRS_MAX;
    struct protocol_pair *pairs = MR_NEW_ARRAY(arena, struct protocol_pair, count + 1);
    struct mr_slice part;
    while (at < count && text.len > 0 && mr_slice_split(&text, '&', &part)) {
        if (part.len == 0)
            continue;
        const size_t equals = mr_slice_find(part, '=');
        pairs[at].has_value = equals != SIZE_MAX;
        pairs[at].name = mr_percent_decode(arena, mr_slice_sub(part, 0, equals), form);
        if (equals != SIZE_MAX)
            pairs[at].value =
                mr_percent_decode(arena, mr_slice_sub(part, equals + 1, SIZE_MAX), form);
        at++;
    }
    *ret_count = at;
    return pairs;
}

void pairs_of(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    if (priv->pairs_known)
        return;
    priv->pairs_known = true;
    priv->pairs = pairs_parse(call->arena, call->exchange->query, true, &priv->pair_count);
}

const struct protocol_pair *pair_find(const struct protocol_call *call, struct mr_slice name)
{
    for (size_t i = 0; i < call->priv->pair_count; i++)
        if (mr_slice_equal(call->priv->pairs[i].name, name))
            return &call->priv->pairs[i];
    return NULL;
}

struct mr_slice protocol_query_value(struct protocol_call *call, const char *name)
{
    if (call->exchange != NULL)
        pairs_of(call);
    const struct protocol_pair *pair = pair_find(call, mr_slice_cstr(name));
    return pair == NULL ? (struct mr_slice){0} : pair->value;
}

static struct mr_slice without_end_slash(struct mr_slice path)
{
    return path.len > 1 && path.ptr[path.len - 1] == '/' ? mr_slice_sub(path, 0, path.len - 1)
                                                         : path;
}

/* Matches "/a/{Name}/b" and notes the labels; "{Key+}" takes the rest. */
static bool template_match(struct protocol_call *call, struct mr_slice template,
                           struct mr_slice path)
{
    struct mr_slice want, have;
    call->priv->label_count = 0;
    template = without_end_slash(mr_slice_sub(template, 0, mr_slice_find(template, '?')));
    while (mr_slice_split(&template, '/', &want)) {
        const bool label = want.len > 2 && want.ptr[0] == '{';
        const bool greedy = label && want.ptr[want.len - 2] == '+';
        if (path.ptr == NULL)
            return false;
        if (greedy) {
            have = path;
            path = (struct mr_slice){0};
        } else {
            (void)mr_slice_split(&path, '/', &have);
        }
        if (!label && !mr_slice_equal(want, have))
            return false;
        if (label && (have.len == 0 || call->priv->label_count == PROTOCOL_LABELS_MAX))
            return false;
        if (label)
            call->priv->labels[call->priv->label_count++] =
                (struct route_label){mr_slice_sub(want, 1, want.len - (greedy ? 3 : 2)), have};
    }
    return path.ptr == NULL;
}

/* How many of the template's query names the request has; -1 when one is missing. */
static int literals_match(struct protocol_call *call, struct mr_slice uri)
{
    const size_t question = mr_slice_find(uri, '?');
    struct mr_slice rest = question == SIZE_MAX ? (struct mr_slice){0}
                                                : mr_slice_sub(uri, question + 1, SIZE_MAX),
                    part;
    int count = 0;
    while (rest.len > 0 && mr_slice_split(&rest, '&', &part)) {
        const size_t equals = mr_slice_find(part, '=');
        const struct protocol_pair *pair = pair_find(call, mr_slice_sub(part, 0, equals));
        if (pair == NULL ||
            (equals != SIZE_MAX &&
             !mr_slice_equal(pair->value, mr_slice_sub(part, equals + 1, SIZE_MAX))))
            return -1;
        count++;
    }
    return count;
}

enum route_kind route_rest(struct protocol_call *call, struct protocol_service *service)
{
    const struct model_service *model = service->model;
    const struct mr_slice path = without_end_slash(call->exchange->path);
    call->priv->service = service;
    call->priv->wire = MODEL_REST_JSON;
    bool path_known = false;
    size_t found = SIZE_MAX;
    int best = -1;
    pairs_of(call);
    for (size_t i = 0; i < model->operation_count; i++) {
        const struct model_operation *operation = &model->operations[i];
        const struct mr_slice uri = model_text(model, operation->uri);
        if (!template_match(call, uri, path))
            continue;
        path_known = true;
        if (!mr_slice_equal(model_text(model, operation->method), call->exchange->method))
            continue;
        const int score = literals_match(call, uri);
        if (score > best) { /* "/layers?find=LayerVersion" is not "/layers" */
            best = score;
            found = i;
        }
    }
    if (found != SIZE_MAX) {
        (void)template_match(call, model_text(model, model->operations[found].uri), path);
        route_to(call, &service->operations[found], MODEL_REST_JSON);
        return ROUTE_OPERATION;
    }
    static const struct protocol_fault no_method = {"MethodNotAllowedException", 405, false};
    static const struct protocol_fault no_path = {"UnknownOperationException", 404, false};
    protocol_fail(call, path_known ? &no_method : &no_path, "%s", "");
    return ROUTE_UNKNOWN;
}

/* ---- S3 ---- */
static bool is_ip_literal(struct mr_slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if ((host.ptr[i] < '0' || host.ptr[i] > '9') && host.ptr[i] != '.')
            return host.len > 0 && host.ptr[0] == '[';
    return true;
}

struct mr_slice route_host_bucket(struct mr_slice host, struct mr_slice own)
{
    const struct mr_slice none = {0};
    if (host.len > 0 && host.ptr[0] != '[')
        host = mr_slice_sub(host, 0, mr_slice_find(host, ':'));
    if (is_ip_literal(host))
        return none;
    size_t cut = mr_slice_search(host, MR_S(".s3."));
    if (cut == SIZE_MAX)
        cut = mr_slice_search(host, MR_S(".s3-"));
    if (cut == SIZE_MAX && own.len > 0 && host.len > own.len + 1 && mr_slice_ends_with(host, own) &&
        host.ptr[host.len - own.len - 1] == '.')
        cut = host.len - own.len - 1;
    if (cut == SIZE_MAX || cut == 0)
        return none;
    const struct mr_slice bucket = mr_slice_sub(host, 0, cut);
    return mr_slice_equal(bucket, MR_S("s3")) || mr_slice_starts_with(bucket, MR_S("s3-")) ? none
                                                                                           : bucket;
}

enum s3_place { S3_ROOT, S3_BUCKET, S3_KEY, S3_ELSEWHERE };

static enum s3_place template_place(struct mr_slice uri)
{
    uri = mr_slice_sub(uri, 0, mr_slice_find(uri, '?'));
    if (mr_slice_equal(uri, MR_S("/")))
        return S3_ROOT;
    if (mr_slice_equal(uri, MR_S("/{Bucket}")))
        return S3_BUCKET;
    return mr_slice_equal(uri, MR_S("/{Bucket}/{Key+}")) ? S3_KEY : S3_ELSEWHERE;
}

static void label_add(struct protocol_call *call, struct mr_slice name, struct mr_slice value)
{
    call->priv->labels[call->priv->label_count++] = (struct route_label){name, value};
}

static enum s3_place request_place(struct protocol_call *call)
{
    struct mr_slice rest = mr_slice_sub(call->exchange->path, 1, SIZE_MAX);
    struct mr_slice bucket = route_host_bucket(call->exchange->host, call->priv->protocol->host);
    call->priv->label_count = 0;
    if (bucket.len == 0) {
        const size_t slash = mr_slice_find(rest, '/');
        bucket = mr_slice_sub(rest, 0, slash);
        rest = slash == SIZE_MAX ? MR_S("") : mr_slice_sub(rest, slash + 1, SIZE_MAX);
    }
    if (bucket.len == 0)
        return S3_ROOT;
    label_add(call, MR_S("Bucket"), bucket);
    if (rest.len == 0)
        return S3_BUCKET;
    label_add(call, MR_S("Key"), rest);
    return S3_KEY;
}

/* How many of the required query and header members the request has; -1 when one is missing. */
static int required_match(struct protocol_call *call, const struct model_service *model,
                          const struct model_operation *operation)
{
    const struct model_shape *input = model_shape_at(model, operation->input);
    int count = 0;
    for (size_t i = 0; input != NULL && i < input->member_count; i++) {
        const struct model_member *member = &model_members(model, input)[i];
        if (!(member->flags & MODEL_REQUIRED))
            continue;
        const struct mr_slice wire = model_text(model, member->wire);
        bool there;
        if (member->location == MODEL_AT_QUERY)
            there = pair_find(call, wire) != NULL;
        else if (member->location == MODEL_AT_HEADER)
            there = protocol_header(call, model->pool + member->wire).ptr != NULL;
        else
            continue;
        if (!there)
            return -1;
        count++;
    }
    return count;
}

/* Operations of one method and place differ by their query's literal names, then by required
 * members (UploadPart's partNumber, CopyObject's x-amz-copy-source). Where two are alike, old and
 * new name of one operation, the implemented one is meant. */
static int s3_score(struct protocol_call *call, const struct protocol_operation *candidate)
{
    const struct model_service *model = candidate->service->model;
    const int literals = literals_match(call, model_text(model, candidate->model->uri));
    if (literals < 0)
        return -1;
    const int required = required_match(call, model, candidate->model);
    return literals * 1000 + (required + 1) * 10 + (candidate->handler != NULL ? 1 : 0);
}

/* The parts of a bucket or an object that a query names. */
static const char *const s3_parts[] = {"accelerate",
                                       "acl",
                                       "analytics",
                                       "attributes",
                                       "cors",
                                       "delete",
                                       "encryption",
                                       "intelligent-tiering",
                                       "inventory",
                                       "legal-hold",
                                       "lifecycle",
                                       "location",
                                       "logging",
                                       "metadataConfiguration",
                                       "metadataTable",
                                       "metrics",
                                       "notification",
                                       "object-lock",
                                       "ownershipControls",
                                       "policy",
                                       "policyStatus",
                                       "publicAccessBlock",
                                       "replication",
                                       "requestPayment",
                                       "restore",
                                       "retention",
                                       "select",
                                       "tagging",
                                       "torrent",
                                       "uploads",
                                       "versioning",
                                       "versions",
                                       "website"};

static const char *named_part(struct protocol_call *call)
{
    for (size_t i = 0; i < MR_COUNT(s3_parts); i++) {
        if (pair_find(call, mr_slice_cstr(s3_parts[i])) != NULL)
            return s3_parts[i];
    }
    return NULL;
}

static size_t named_parts(struct protocol_call *call)
{
    size_t count = 0;
    for (size_t i = 0; i < MR_COUNT(s3_parts); i++)
        count += pair_find(call, mr_slice_cstr(s3_parts[i])) != NULL;
    return count > 0 && pair_find(call, MR_S("uploadId")) != NULL ? count + 1 : count;
}

static bool is_get(struct protocol_call *call)
{
    return mr_slice_equal(call->exchange->method, MR_S("GET"));
}

/* A part that nothing can read or change must not become the whole: DELETE of "?acl" is no DELETE
 * of the object, and HEAD of it none of the object. Two parts are a conflict, told by the service.
 */
static bool names_other_part(struct protocol_call *call, const struct protocol_operation *best,
                             enum s3_place place)
{
    const struct model_service *model = best->service->model;
    const bool reads = is_get(call) || mr_slice_equal(call->exchange->method, MR_S("HEAD"));
    const size_t count = named_parts(call);
    if (count == 0 || (reads && (count > 1 || place == S3_ROOT)))
        return false;
    return literals_match(call, model_text(model, best->model->uri)) <= 0;
}

/* POST to an object without a query: nothing that it could mean. */
static bool lacks_name(struct protocol_call *call, const struct protocol_operation *best)
{
    const struct model_service *model = best->service->model;
    return mr_slice_equal(call->exchange->method, MR_S("POST")) &&
           literals_match(call, model_text(model, best->model->uri)) <= 0 &&
           required_match(call, model, best->model) < 0;
}

static void fail_method(struct protocol_call *call, const struct protocol_service *service,
                        enum s3_place place)
{
    static const struct protocol_fault no_method = {"MethodNotAllowed", 405, false};
    static const char *const methods[] = {"HEAD", "DELETE", "POST", "GET", "PUT"};
    const struct model_service *model = service->model;
    const char *const part = named_part(call);
    struct mr_buf allow = {0};
    for (size_t m = 0; m < MR_COUNT(methods); m++) {
        bool known = false;
        for (size_t i = 0; i < model->operation_count && !known; i++) {
            const struct mr_slice uri = model_text(model, model->operations[i].uri);
            const struct mr_slice query = mr_slice_sub(uri, mr_slice_find(uri, '?'), SIZE_MAX);
            const int literals = literals_match(call, uri);
            known = mr_slice_equal(model_text(model, model->operations[i].method),
                                   mr_slice_cstr(methods[m])) &&
                    (template_place(uri) == place || (part != NULL && place != S3_ROOT)) &&
                    (part != NULL ? literals > 0
                                  : query.len == 0 &&
                                        required_match(call, model, &model->operations[i]) >= 0);
        }
        if (known)
            mr_buf_printf(&allow, "%s%s", allow.len > 0 ? ", " : "", methods[m]);
    }
    if (allow.len > 0)
        protocol_reply_header(call, MR_S("allow"),
                              mr_arena_copy(call->arena, mr_buf_slice(&allow)));
    mr_buf_fini(&allow);
    protocol_fail_member(call, "Method", call->exchange->method);
    protocol_fail_member(call, "ResourceType",
                         mr_slice_cstr(part != NULL         ? part
                                       : place == S3_KEY    ? "OBJECT"
                                       : place == S3_BUCKET ? "BUCKET"
                                                            : "SERVICE"));
    protocol_fail(call, &no_method, "The specified method is not allowed against this resource.");
}

/* AWS: with a dash before the region, or with a dot. */
static bool is_website(struct mr_slice host)
{
    return mr_slice_search(host, MR_S(".s3-website.")) != SIZE_MAX ||
           mr_slice_search(host, MR_S(".s3-website-")) != SIZE_MAX;
}

static struct protocol_operation *s3_best(struct protocol_call *call,
                                          struct protocol_service *service, enum s3_place place)
{
    const struct model_service *model = service->model;
    struct protocol_operation *best = NULL;
    int best_score = -1;
    for (size_t i = 0; i < model->operation_count; i++) {
        const struct model_operation *operation = &model->operations[i];
        if (!mr_slice_equal(model_text(model, operation->method), call->exchange->method) ||
            template_place(model_text(model, operation->uri)) != place)
            continue;
        const int score = s3_score(call, &service->operations[i]);
        if (score >= best_score && score >= 0) {
            best = &service->operations[i];
            best_score = score;
        }
    }
    return best;
}

/* AWS: a part that only buckets have is the bucket's also where a key is named. */
static struct protocol_operation *s3_best_of_bucket(struct protocol_call *call,
                                                    struct protocol_service *service)
{
    static const struct protocol_fault invalid = {"InvalidRequest", 400, false};
    if (pair_find(call, MR_S("versions")) != NULL) {
        protocol_fail(call, &invalid,
                      "There is no such thing as the ?versions sub-resource for a key");
    } else if (pair_find(call, MR_S("uploads")) != NULL) {
        protocol_fail(call, &invalid,
                      "Key is not expected for the GET method ?uploads subresource");
    } else {
        struct protocol_operation *best = s3_best(call, service, S3_BUCKET);
        if (best == NULL || names_other_part(call, best, S3_BUCKET))
            return NULL;
        call->priv->label_count--;
        return best;
    }
    return NULL;
}

enum route_kind route_s3(struct protocol_call *call, struct protocol_service *service)
{
    call->priv->service = service;
    call->priv->wire = MODEL_REST_XML;
    pairs_of(call);
    const enum s3_place place = request_place(call);
    const bool browser = call->priv->protocol->browser != NULL;
    if (browser && place != S3_ROOT && is_website(call->exchange->host))
        return ROUTE_WEBSITE;
    if (browser && mr_slice_equal(call->exchange->method, MR_S("OPTIONS"))) {
        /* No bucket has rules for this: it is the page of a service with a target. */
        if (place == S3_ROOT && protocol_header(call, "origin").ptr != NULL)
            call->priv->wire = MODEL_JSON;
        return ROUTE_PREFLIGHT;
    }
    if (browser && place == S3_BUCKET && mr_slice_equal(call->exchange->method, MR_S("POST")) &&
        mr_slice_starts_with(call->priv->content_type, MR_S("multipart/form-data")))
        return ROUTE_UPLOAD;
    struct protocol_operation *best = s3_best(call, service, place);
    if (best != NULL && place == S3_KEY && is_get(call) && names_other_part(call, best, place))
        best = s3_best_of_bucket(call, service);
    if (protocol_failed(call))
        return ROUTE_UNKNOWN;
    if (best == NULL || names_other_part(call, best, place) || lacks_name(call, best)) {
        fail_method(call, service, place);
        return ROUTE_UNKNOWN;
    }
    route_to(call, best, MODEL_REST_XML);
    return ROUTE_OPERATION;
}
