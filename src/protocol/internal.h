/* protocol/internal.h: what the files of this folder share. Others include protocol.h only. */
#pragma once
#include "base/map.h"
#include "protocol/model.h"
#include "protocol/protocol.h"
#include <pthread.h>
#include <stdatomic.h>

struct pattern;
struct auth;
struct chunked;

enum {
    PROTOCOL_JSON_DEPTH_MAX = 256,
    PROTOCOL_TARGET_MAX = 128,
    PROTOCOL_GZIP_BYTES_MAX = 17 << 20,
    PROTOCOL_LAMBDA_BYTES_MAX =
        72 << 20, /* AWS: a 50 MiB zip in base64, and the rest of the request */
    PROTOCOL_DYNAMODB_BYTES_MAX = 16 << 20,
    PROTOCOL_INTERNAL_PATHS_MAX = 16,
};

struct protocol_service {
    const struct model_service *model;
    struct protocol_operation *operations; /* as model->operations */
    _Atomic(struct pattern *) *patterns;   /* as model->shapes; compiled when first needed */
};

struct protocol_operation {
    const struct model_operation *model;
    struct protocol_service *service;
    const struct protocol_handler *handler; /* NULL: 501 */
    void *ctx;
};

struct protocol_internal_path {
    struct mr_slice path;
    void (*fn)(void *ctx, struct http_exchange *exchange);
    void *ctx;
};

struct protocol {
    struct protocol_options options;
    struct mr_slice region, account, host;
    struct protocol_service *services; /* as model_services */
    struct mr_map targets;             /* "prefix.Operation" -> struct protocol_operation */
    struct protocol_internal_path paths[PROTOCOL_INTERNAL_PATHS_MAX];
    size_t path_count;
    struct auth *auth; /* NULL without credentials */
    enum mr_status (*wait)(void *ctx, int64_t ticket);
    void *wait_ctx;
    _Atomic uint64_t requests, faults, errors;
};

/* What the header says, before the body is there. */
enum route_kind {
    ROUTE_OPERATION, /* ret->operation is set */
    ROUTE_FORM,      /* the operation stands in the form body: route_form when it is there */
    ROUTE_UNKNOWN,   /* a fault is set on the call */
    ROUTE_HEALTH,    /* GET / of DynamoDB */
};

struct protocol_member { /* an extra member of an error's body */
    struct protocol_member *next;
    struct mr_slice name, value;
};

struct protocol_call_private {
    struct protocol *protocol;
    struct protocol_operation *operation; /* NULL while unknown */
    struct protocol_service *service;     /* NULL while unknown */
    enum model_protocol wire;
    enum route_kind route;
    struct mr_slice content_type; /* the request's */
    struct mr_slice bucket, key;  /* S3: still percent-encoded key, decoded bucket */
    struct mr_buf *target;        /* where call->out writes */
    struct mr_buf scratch;        /* owned */
    /* the fault */
    const struct protocol_fault *fault;
    struct mr_slice message;
    struct protocol_member *members, **members_end;
    bool bare; /* the fault's body is the message as it stands */
    /* the reply's payload */
    bool has_payload, has_file;
    struct mr_slice payload;
    int fd;
    uint64_t file_offset, file_len;
    bool streaming; /* the request's body goes to a sink of ours */
};

/* ---- routing (route.c, route_rest.c) ---- */
/* Fills priv->service, operation, wire, region, access key. */
enum route_kind route_request(struct protocol_call *call);
bool route_form(struct protocol_call *call);
enum route_kind route_rest(struct protocol_call *call, struct protocol_service *service);
enum route_kind route_s3(struct protocol_call *call, struct protocol_service *service);
/* Sets the operation, and the names that go with it. */
void route_to(struct protocol_call *call, struct protocol_operation *operation,
              enum model_protocol wire);

/* The credential scope that the header or the query claims; empty slices when unsigned. */
struct scope {
    struct mr_slice access_key, date, region, service, terminator;
};
struct scope scope_of(struct protocol_call *call);
/* "a/b/c/d/e", from an Authorization header's Credential or the query. */
struct scope scope_parse(struct mr_slice credential);

/* ---- reading input (decode.c, rest.c, query.c): sets call->in or a fault ---- */
void decode_json(struct protocol_call *call, struct mr_slice body);
void decode_rest(struct protocol_call *call);
void decode_query(struct protocol_call *call);
/* Wire types of JSON protocols: SerializationException in the service's words. */
void json_types_check(struct protocol_call *call, const struct model_shape *shape,
                      yyjson_val *value);
/* The generic validation of call->in; sets the fault. */
void validate_input(struct protocol_call *call);

/* ---- writing the reply ---- */
/* Turns call->out (or the fault) into exchange->status, headers and body; then sends it. */
void encode_reply(struct protocol_call *call);
void encode_rest(struct protocol_call *call);
void encode_query(struct protocol_call *call);
void fault_render(struct protocol_call *call);
/* The 500 and the "too busy" of a service. */
const struct protocol_fault *fault_internal(const struct model_service *service);
const struct protocol_fault *fault_busy(const struct model_service *service);
const struct protocol_fault *fault_validation(const struct model_service *service);
void reply_header(struct protocol_call *call, const char *name, struct mr_slice value);

/* ---- signatures (auth.c): a fault when the request is not signed as it must be ---- */
void auth_check(struct protocol_call *call);

/* ---- request bodies that do not simply lie in memory (stream.c) ---- */
void stream_begin(struct protocol_call *call);
void stream_finish(struct protocol_call *call);

/* ---- calls (call.c) ---- */
void call_init(struct protocol_call *call, struct protocol *protocol, struct mr_arena *arena,
               struct http_exchange *exchange);
/* Makes the request id, in the form of the service that was found. */
void call_request_id(struct protocol_call *call);
void call_fini(struct protocol_call *call);
/* Reads the body, checks it, runs the handler and answers. Loop or worker. */
void call_process(struct protocol_call *call);
/* Runs the handler unless there is a fault. */
void call_run(struct protocol_call *call);
extern const struct protocol_fault protocol_unknown_operation, protocol_not_implemented;
