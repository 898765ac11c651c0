/* protocol/internal.h: what the files of this folder share. Others include protocol.h only. */
#pragma once
#include "base/map.h"
#include "protocol/auth.h"
#include "protocol/model.h"
#include "protocol/protocol.h"
#include <pthread.h>
#include <stdatomic.h>

struct pattern;
struct stream;

enum {
    PROTOCOL_JSON_DEPTH_MAX = 256,
    PROTOCOL_TARGET_MAX = 128,
    PROTOCOL_GZIP_BYTES_MAX = 17 << 20,
    PROTOCOL_LAMBDA_BYTES_MAX =
        72 << 20, /* AWS: a 50 MiB zip in base64, and the rest of the request */
    PROTOCOL_DYNAMODB_BYTES_MAX = 16 << 20,
    PROTOCOL_INTERNAL_PATHS_MAX = 16,
    PROTOCOL_INVOKE_BYTES_MAX = 64 << 20, /* of a payload from a file */
    PROTOCOL_LABELS_MAX = 8,
    PROTOCOL_PAIRS_MAX = 10000,
    PROTOCOL_STATUSES_MAX = 8,
};

struct protocol_service {
    const struct model_service *model;
    struct protocol_operation *operations; /* as model->operations */
    _Atomic(struct pattern *) *patterns;   /* as model->shapes; compiled when first needed */
    struct meter *user_errors;             /* protocol_meter_user_errors; NULL: nobody asked */
    const char *const *no_user_errors;
    void (*on_call)(void *ctx, struct protocol_call *call); /* NULL: nobody asked */
    void *on_call_ctx;
    void (*on_answer)(void *ctx, struct protocol_call *call); /* NULL: nobody asked */
    void *on_answer_ctx;
};

struct protocol_operation {
    const struct model_operation *model;
    struct protocol_service *service;
    const struct protocol_handler *handler; /* NULL: 501 */
    void *ctx;
    struct meter *all; /* microseconds of every reply; owned */
    /* Replies with a status other than 200; what finds no room is counted in the last. */
    struct {
        atomic_int status; /* 0: free */
        _Atomic uint64_t count;
    } others[PROTOCOL_STATUSES_MAX];
};

struct protocol_internal_path {
    struct mr_slice path;
    void (*fn)(void *ctx, struct http_exchange *exchange);
    void *ctx;
    bool later; /* fn sees to the reply */
    bool open;  /* without a signature: fn sees who may */
};

/* See gate.c. */
struct gate {
    _Atomic int64_t inside;
    _Atomic bool shut;
    pthread_mutex_t lock;
    pthread_cond_t empty; /* nobody is inside, while shut */
    struct {
        struct protocol_call *waiting;
    } locked;
};

struct protocol {
    struct protocol_options options;
    struct mr_slice region, account, host;
    struct protocol_service *services; /* as model_services */
    struct mr_map targets;             /* "prefix.Operation" -> struct protocol_operation */
    struct protocol_internal_path paths[PROTOCOL_INTERNAL_PATHS_MAX];
    size_t path_count;
    struct gate gate;
    struct auth *auth; /* NULL without credentials */
    enum mr_status (*wait)(void *ctx, int64_t ticket);
    void *wait_ctx;
    const struct protocol_browser *browser; /* may be NULL */
    void *browser_ctx;
    void (*function_url)(void *ctx, struct http_exchange *exchange, struct mr_slice id,
                         struct mr_slice path); /* may be NULL */
    void *function_url_ctx;
    _Atomic uint64_t requests, faults, errors;
};

struct route_label {
    struct mr_slice name, value;
};
struct protocol_pair {
    struct mr_slice name, value;
    bool has_value; /* "a=" has, "a" has not */
};

/* What the header says, before the body is there. */
enum route_kind {
    ROUTE_OPERATION, /* ret->operation is set */
    ROUTE_FORM,      /* the operation stands in the form body: route_form when it is there */
    ROUTE_UNKNOWN,   /* a fault is set on the call */
    ROUTE_HEALTH,    /* GET / of DynamoDB */
    ROUTE_PREFLIGHT, /* OPTIONS of S3, or by call->priv->wire of a service with a target */
    ROUTE_UPLOAD,    /* a form for S3 */
    ROUTE_WEBSITE,   /* at the endpoint of a website */
};

struct protocol_member { /* an extra member of an error's body */
    struct protocol_member *next;
    struct mr_slice name, value;
};

struct protocol_call_private {
    struct protocol *protocol;
    int64_t signing_now_ms;               /* the present time for signatures */
    struct protocol_operation *operation; /* NULL while unknown */
    struct protocol_service *service;     /* NULL while unknown */
    enum model_protocol wire;
    enum route_kind route;
    struct mr_slice content_type;                   /* the request's */
    struct route_label labels[PROTOCOL_LABELS_MAX]; /* of the path, as sent */
    size_t label_count;
    const struct protocol_pair *pairs; /* of the query or the form, decoded; see pairs_of */
    size_t pair_count;
    bool pairs_known;
    bool content_type_sent; /* the output named one */
    bool rpc_v2;            /* the wire is CBOR of RPC v2 */
    struct mr_buf *target;  /* where call->out writes */
    struct mr_buf scratch;  /* owned */
    /* the fault */
    const struct protocol_fault *fault;
    struct mr_slice message;
    struct protocol_member *members, **members_end;
    bool cut;  /* the connection is, instead of an answer */
    bool bare; /* the fault's body is the message as it stands */
    bool page; /* it is a page for people */
    /* the reply's payload */
    bool has_payload, has_file;
    struct mr_slice payload;
    int fd;
    uint64_t file_offset, file_len;
    struct http_filter filter; /* of the file */
    bool streaming;            /* the request's body goes to a sink of ours */
    struct stream *stream;
    struct auth_body auth_body;
    struct protocol_call *waiting_next; /* in the gate's list */
    struct protocol_events *events;     /* the reply is a stream of them */
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

/* The decoded pairs of "a=1&b"; '+' is a blank in forms only. At most PROTOCOL_PAIRS_MAX. */
struct protocol_pair *pairs_parse(struct mr_arena *arena, struct mr_slice text, bool form,
                                  size_t *ret_count);
/* Parses the URI's query once; then priv->pairs. */
void pairs_of(struct protocol_call *call);
const struct protocol_pair *pair_find(const struct protocol_call *call, struct mr_slice name);
/* The bucket of a virtual-host style Host, or an empty slice. `own` may be empty. */
struct mr_slice route_host_bucket(struct mr_slice host, struct mr_slice own);

/* The credential scope that the header or the query claims; empty slices when unsigned. */
struct scope {
    struct mr_slice access_key, date, region, service, terminator;
};
struct scope scope_of(struct protocol_call *call);
/* "a/b/c/d/e", from an Authorization header's Credential or the query. */
struct scope scope_parse(struct mr_slice credential);

/* ---- injected failures (inject.c) ---- */
/* Runs the handler, or fails, as the faults that are set want it. */
void inject_run(struct protocol_call *call);

/* ---- reading input (decode.c, rest.c, query.c): sets call->in or a fault ---- */
void decode_json(struct protocol_call *call, struct mr_slice body);
void decode_cbor(struct protocol_call *call, struct mr_slice body);
void decode_rest(struct protocol_call *call);
/* The same with a body that was read elsewhere; empty for one that streams. */
void decode_rest_with(struct protocol_call *call, struct mr_slice body);
void decode_query(struct protocol_call *call);
/* Writes the JSON of a member that came as text (header, query, label, form, XML): true when it was
 * written, false when it is to be left out; an unreadable number, boolean or date sets the fault.
 * `wire` is told then; empty: it is of an XML document, which is malformed. */
bool text_put(struct protocol_call *call, struct mr_json *json, const struct model_shape *shape,
              struct mr_slice wire, struct mr_slice text);
/* AWS: a document does not fit its schema. Sets the fault. */
void xml_malformed(struct protocol_call *call);
/* True for text that text_put would leave out. */
bool text_is_absent(const struct protocol_call *call, const struct model_shape *shape,
                    struct mr_slice text);
/* The element name of a member: that of its elements when it is a flattened list. */
struct mr_slice wire_name(const struct model_service *model, const struct model_member *member,
                          bool *ret_flattened);
struct xml_node;
/* JSON of a parsed element by its shape. */
void xml_to_json(struct protocol_call *call, struct mr_json *json, const struct model_shape *shape,
                 const struct xml_node *node);
/* The members of `value` that belong into the body, as elements. */
void json_to_xml(struct mr_buf *buf, const struct model_service *model,
                 const struct model_shape *shape, yyjson_val *value);
/* `name`'s element with what is inside. */
void json_to_xml_element(struct mr_buf *buf, const struct model_service *model,
                         const struct model_shape *shape, struct mr_slice name,
                         struct mr_slice attributes, yyjson_val *value);
/* A scalar as the text that headers and XML show. */
struct mr_slice scalar_text(struct mr_arena *arena, const struct model_shape *shape,
                            enum model_time fallback, yyjson_val *value);
/* Wire types of JSON protocols: SerializationException in the service's words. */
void json_types_check(struct protocol_call *call, const struct model_shape *shape,
                      yyjson_val *value);
/* AWS: DynamoDB's parser goes through all of a request before anything is validated. Attribute
 * values are looked into by their service alone, once; so a refused request is gone through again:
 * what the parser would have refused replaces the fault. */
void json_types_settle(struct protocol_call *call);
/* The generic validation of call->in; sets the fault. */
void validate_input(struct protocol_call *call);

/* ---- writing the reply ---- */
/* Turns call->out (or the fault) into exchange->status, headers and body; then sends it. */
void encode_reply(struct protocol_call *call);
void encode_rest(struct protocol_call *call);
void encode_query(struct protocol_call *call);
/* Turns the JSON object in `buf` into CBOR, by the shape if it is not NULL. */
void encode_cbor(bool seconds, const struct model_service *service, const struct model_shape *shape,
                 struct mr_buf *buf);
void fault_render(struct protocol_call *call);
void fault_members(const struct protocol_call *call, struct mr_json *json); /* the extra ones */
/* The 500 and the "too busy" of a service. */
const struct protocol_fault *fault_internal(const struct model_service *service);
const struct protocol_fault *fault_busy(const struct model_service *service);
const struct protocol_fault *fault_validation(const struct model_service *service);
void reply_header(struct protocol_call *call, const char *name, struct mr_slice value);
/* Content type of a body that tells an object. */
struct mr_slice reply_content_type(const struct protocol_call *call);
/* The headers of every reply; counts it, and frees what the call holds beside its arena. */
/* browser.c */
void browser_preflight(struct protocol_call *call); /* the whole reply */
void browser_reply(struct protocol_call *call);     /* adds headers */
void browser_upload(struct protocol_call *call);    /* the whole reply, on a worker */
void browser_website(struct protocol_call *call);   /* the same */
void packing_reply(struct protocol_call *call);     /* as Accept-Encoding asks; DynamoDB */
void reply_finish(struct protocol_call *call);

/* ---- function_url.c ---- */
bool function_url_is(const struct http_exchange *exchange);
void function_url_request(struct http_exchange *exchange); /* the whole reply, on a worker */

/* ---- event streams (event.c) ---- */
/* Begins the reply and hands it to its owner: exchange and call may be gone when it returns. */
void events_begin(struct protocol_call *call);
/* Appends one message. `message_type`: "event" or "exception". */
void event_frame(struct mr_buf *buf, struct mr_slice message_type, struct mr_slice type,
                 struct mr_slice content_type, struct mr_slice payload);

/* ---- signatures (auth.c): a fault when the request is not signed as it must be ---- */
void auth_check(struct protocol_call *call);

/* ---- request bodies that do not simply lie in memory (stream.c) ---- */
void stream_begin(struct protocol_call *call);
void stream_finish(struct protocol_call *call);
/* Takes aws-chunked frames off a body in memory; false when a fault was set. */
bool stream_unframe(struct protocol_call *call, struct mr_slice *body);

void stream_fini(struct stream *stream); /* accepts NULL */

/* ---- the gate (gate.c) ---- */
void gate_init(struct gate *gate);
void gate_fini(struct gate *gate);
/* False: the call waits and comes again through dispatch_call. */
bool gate_enter(struct protocol_call *call);
bool gate_enter_now(struct protocol *protocol);
void gate_leave(struct protocol *protocol);
/* A routed call whose body is there, on its way to its handler; it may wait at the gate. */
void dispatch_call(struct protocol_call *call);

/* ---- calls (call.c) ---- */
void call_init(struct protocol_call *call, struct protocol *protocol, struct mr_arena *arena,
               struct http_exchange *exchange);
/* Makes the request id, in the form of the service that was found. */
void call_request_id(struct protocol_call *call);
void call_fini(struct protocol_call *call);
/* Reads the body, checks it, runs the handler and answers. Loop or worker. */
void call_process(struct protocol_call *call);
/* Whether the input is valid and the service lets the call go on (protocol_on_call): else it has a
 * fault. */
void call_admit(struct protocol_call *call);
/* Runs the handler unless there is a fault. */
void call_run(struct protocol_call *call);
extern const struct protocol_fault protocol_unknown_operation, protocol_not_implemented;
