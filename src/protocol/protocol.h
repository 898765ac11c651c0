/* protocol/protocol.h: AWS's wire protocols in front of services' handlers.
 *
 * One endpoint for all services. A request is told apart by X-Amz-Target, the credential scope, the
 * Action/Version form members and the path (facts/sigv4-and-protocols.md), its input decoded by the
 * service's model into one JSON object named as the model names members, validated, and handed to
 * the operation's handler; the handler's JSON output is encoded back (awsJson 1.0/1.1, restJson,
 * restXml, query). What the model lists and nobody registered answers 501 with the operation's
 * name.
 *
 * Rules for input and output JSON, whatever the wire protocol:
 *  - members by their model names ("StackName", "ContentLength"), in nested structures as well;
 *  - timestamps are numbers of epoch seconds (fraction allowed); blobs are base64 text, except the
 * payload (below);
 *  - numbers are raw text (mr_json_i64 and friends); absent members are absent, never null;
 *  - unknown members of a request are dropped silently (kept in the JSON of awsJson requests,
 * nobody looks). The payload: when the model's input has a streaming or blob payload member (S3
 * bodies, Lambda Invoke), its bytes are in call->payload, or went to the stream sink; when the
 * output has one, use protocol_reply_payload/_file.
 *
 * Threads: PROTOCOL_INLINE handlers run on an I/O loop and must not block (no fsync, no child, no
 * long scan); others run on a worker. A handler runs to its end and returns; the reply leaves when
 * call->ticket is durable. A reply may also be a stream of events that outlives the handler.
 *
 * Ownership: all that a handler gets lives until it returns; memory for the reply comes from
 * call->arena. */
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "http/http.h"
#include "runtime/runtime.h"

struct protocol;
struct model_operation; /* generated tables; see protocol/model.h */
struct protocol_call;

/* An AWS error: one row each, listed by the service in its faults table. */
struct protocol_fault {
    const char *code; /* "ResourceNotFoundException" */
    int status;       /* HTTP */
    bool server_side; /* whose fault: false = Sender */
};

enum protocol_flags {
    PROTOCOL_INLINE = 1, /* short; may run on an I/O loop */
    PROTOCOL_STREAM = 2, /* the request's payload streams into `open`'s sink instead of memory */
    PROTOCOL_NO_VALIDATE = 4, /* the handler checks required members, lengths, ranges, patterns and
                               * enums itself; the wire types are checked all the same */
};

struct protocol_handler {
    const char *operation; /* the model's name: "PutItem" */
    void (*run)(struct protocol_call *call);
    unsigned flags;
    const char *own_enum; /* a member whose enum the handler checks, in words of its own; NULL: none
                           */
    /* PROTOCOL_STREAM: called on the loop's thread when the header is complete and valid (call->in
     * has all but the payload), so it must not block for long. Sets call->sink, or a fault, which
     * is answered at once. After an `open` without fault exactly one of the two comes, on a worker:
     * `run` when the body is complete and its length, hash and chunk signatures were right,
     * `abandon` (the fault is set already) when it failed in any way. The sink runs on the loop's
     * thread and gets decoded bytes (no aws-chunked frames); anything but MR_OK from it ends in
     * `abandon`. From inside the process all three run on the caller's thread. */
    void (*open)(struct protocol_call *call);
    void (*abandon)(struct protocol_call *call);
};

struct protocol_call {
    struct mr_arena *arena;
    void *service; /* the ctx given at registration */
    const struct model_operation *operation;
    const char *operation_name;
    yyjson_val *in;          /* validated input: an object, never NULL */
    struct mr_slice payload; /* see above */
    bool has_payload;
    uint64_t payload_length; /* decoded length as announced by the client; UINT64_MAX: unknown
                                (PROTOCOL_STREAM) */
    struct http_sink sink;   /* set by open */
    void *stream;            /* the handler's own, from open to run/abandon */
    yyjson_val *trailers; /* of a streamed body: object name -> value (lower-case names), or NULL */
    struct mr_slice region, account; /* "us-east-1", "000000000000" */
    struct mr_slice access_key;      /* empty when unsigned */
    bool anonymous; /* S3 alone: signatures are required, and there is none; it is for the service
                     * to see what anybody may do (protocol_on_call) */
    struct mr_slice request_id;
    struct http_exchange *exchange; /* headers; NULL when called from inside the process */
    int64_t now_ms;

    struct mr_json out; /* the output object, already opened; the dispatcher closes it; see
                           PROTOCOL_TURNS */
    int64_t ticket;     /* the reply leaves when this journal position is durable; 0: at once */
    int status;         /* HTTP status other than the model's; 0: the model's */
    struct protocol_call_private *priv;
};

/* In an output that becomes XML: flattened lists whose elements come in one order. An array: the
 * lists' members (at most PROTOCOL_TURNS_MAX), then a text with a digit for each element, that of
 * its list. */
#define PROTOCOL_TURNS "$turns"
enum { PROTOCOL_TURNS_MAX = 2 };

/* Sets the call's AWS error; the first one set wins. Returns MR_FAULT, so that helpers can `return
 * protocol_fail(...)`. */
enum mr_status protocol_fail(struct protocol_call *call, const struct protocol_fault *fault,
                             const char *format, ...) MR_PRINTF(3, 4);
enum mr_status protocol_fail_slice(struct protocol_call *call, const struct protocol_fault *fault,
                                   struct mr_slice message);
/* Adds a member to the error's body beside code and message: JSON text (JSON protocols), or for XML
 * protocols a text element. */
void protocol_fail_member(struct protocol_call *call, const char *name,
                          struct mr_slice json_or_text);
bool protocol_failed(const struct protocol_call *call);
/* The message of the call's error, which is no longer set: it becomes a part of the reply. */
struct mr_slice protocol_fault_take(struct protocol_call *call);
/* A status < 0 becomes the service's 500 (InternalServerError / InternalFailure); others are left
 * alone. */
void protocol_fail_internal(struct protocol_call *call, enum mr_status status);
/* The generic validation fault of the service ("ValidationException") in AWS's words. */
extern const struct protocol_fault protocol_validation;
/* Wrong wire types found by a service itself (inside DynamoDB's attribute values). */
extern const struct protocol_fault protocol_serialization;

void protocol_reply_payload(
    struct protocol_call *call,
    struct mr_slice bytes); /* copied when not in call->arena: no; must live in call->arena */
void protocol_reply_file(struct protocol_call *call, int fd, uint64_t offset,
                         uint64_t len); /* the server closes fd */
/* The same, but the bytes are changed on their way out (http_reply_file_changed). From inside the
 * process as well. */
void protocol_reply_file_changed(struct protocol_call *call, int fd, uint64_t offset, uint64_t len,
                                 struct http_filter filter);
/* A reply header outside the model (name lower case; both in the arena or literals). */
void protocol_reply_header(struct protocol_call *call, struct mr_slice name, struct mr_slice value);
/* A request header (lower-case name), ptr NULL when absent or called from inside. */
struct mr_slice protocol_header(const struct protocol_call *call, const char *name);
/* A value of the URI's query, decoded; ptr NULL: it is not there. */
struct mr_slice protocol_query_value(struct protocol_call *call, const char *name);

/* A label of the path, or the bucket of the host, as it was sent, also of a call whose input was
 * not read; empty: it has none. */
struct mr_slice protocol_label(const struct protocol_call *call, const char *name);

/* ---- for protocol_on_answer ---- */
const char *protocol_fault_code(const struct protocol_call *call); /* "": it succeeded */
uint64_t protocol_reply_bytes(const struct protocol_call *call);   /* of the body that is sent */
/* The output of a call that succeeded, of services that speak restXml; NULL: there is none. */
yyjson_val *protocol_output(const struct protocol_call *call);

/* ---- replies that are a stream of events ---- */
struct protocol_events;
/* From a handler, as its last act: no output, the reply is an event stream instead. Behind the
 * handler's return `start` gets the stream, on the same thread. From then on the stream is its
 * owner's: any thread, one at a time, until protocol_events_end or _fail, which must come exactly
 * once, at the latest when the service closes. The call is gone when `start` runs. MR_INVALID, with
 * the fault set: the call came from inside the process; `start` will not run. */
MR_MUST_USE enum mr_status protocol_reply_events(struct protocol_call *call,
                                                 void (*start)(void *ctx,
                                                               struct protocol_events *events),
                                                 void *ctx);
/* Sends one event. `type` names the member of the output's event stream, `json` is its structure.
 * Never blocks. MR_FULL: the client is slow, try later.  MR_END: it is gone; end all the same. */
MR_MUST_USE enum mr_status protocol_events_send(struct protocol_events *events, const char *type,
                                                struct mr_slice json);
/* Sends an event whose structure is one blob, which goes as it is. Waits for a slow client; not on
 * a loop's thread. */
MR_MUST_USE enum mr_status protocol_events_send_bytes(struct protocol_events *events,
                                                      const char *type, struct mr_slice bytes);
void protocol_events_end(struct protocol_events *events);
/* Sends an exception and ends. */
void protocol_events_fail(struct protocol_events *events, const struct protocol_fault *fault,
                          struct mr_slice message);

/* ---- set-up ---- */
struct protocol_credential {
    struct mr_slice access_key, secret, session_token; /* token may be empty */
};
struct protocol_options {
    struct runtime *runtime;
    struct http_server *server;
    struct mr_clock clock;
    struct mr_clock signing_clock; /* what signatures' times are held against; its function NULL:
                                    * the same */
    struct mr_rng *rng;
    const char *region;  /* when the request names none */
    const char *account; /* "000000000000" */
    const char
        *host; /* own host name for virtual-host style buckets, e.g. "localhost"; may be NULL */
    const struct protocol_credential *credentials; /* when count > 0 every request must be signed by
                                                    * one of them; they outlive the protocol */
    size_t credential_count;
};
MR_MUST_USE enum mr_status protocol_new(struct protocol **ret_protocol,
                                        const struct protocol_options *options);
void protocol_free(struct protocol *protocol);
/* `service` as the model's file is named: dynamodb, dynamodbstreams, kinesis, firehose, lambda, s3,
 * glue, athena, pipes, cloudformation, iam, sts, ssm, logs, cloudwatch. Handlers must outlive the
 * protocol. Asserts that each operation is in the model. */
void protocol_register(struct protocol *protocol, const char *service,
                       const struct protocol_handler *handlers, size_t count, void *ctx);
/* The handler to give to http_server_listen. listener_ctx must be the protocol. */
extern const struct http_handler protocol_http_handler;
/* Where Prometheus looks by default: a path of ours when a GET has neither a query nor a signature
 * (an S3 client that lists a bucket of that name signs). */
#define PROTOCOL_SCRAPE_PATH "/metrics"
/* Paths under /_millrace/, and the one above, are answered by fn (on a worker) instead of a
 * service: method and path as sent; it fills status and reply_body. */
void protocol_register_internal(struct protocol *protocol, const char *path,
                                void (*fn)(void *ctx, struct http_exchange *exchange), void *ctx);
/* The same, but fn, or somebody after it, sends the reply (http_reply_send), exactly once. */
void protocol_register_internal_later(struct protocol *protocol, const char *path,
                                      void (*fn)(void *ctx, struct http_exchange *exchange),
                                      void *ctx);
/* The same, but nobody signs: the URL itself says that its sender may, which fn sees to. It runs
 * inside the gate, as handlers do. */
void protocol_register_internal_open(struct protocol *protocol, const char *path,
                                     void (*fn)(void *ctx, struct http_exchange *exchange),
                                     void *ctx);

/* Requests to the URL of a function, "/_millrace/lambda-url/ID/..." or with a host
 * "ID.lambda-url....", go to fn, on a worker, which sends the reply. */
void protocol_set_function_urls(struct protocol *protocol,
                                void (*fn)(void *ctx, struct http_exchange *exchange,
                                           struct mr_slice id, struct mr_slice path),
                                void *ctx);
/* Is it signed, by one of the credentials if there are any? Of requests that fn above got. */
bool protocol_is_signed(struct http_exchange *exchange);

/* What S3 says to browsers. The bucket is as the path or the host names it. `preflight` and `reply`
 * run where the reply is made, an I/O loop or a worker, and must not block; `form` runs on a
 * worker. */
struct protocol_browser {
    /* An OPTIONS request, which nobody signs: sets the reply's headers, or a fault. */
    void (*preflight)(struct protocol_call *call, struct mr_slice bucket, bool of_object);
    /* A reply to a request with an Origin, be it a fault: may add headers. */
    void (*reply)(struct protocol_call *call, struct mr_slice bucket);
    /* A form, multipart/form-data in call->exchange->body, which carries its own signature: sets
     * call->status, headers and the body of the reply, or a fault. */
    void (*form)(struct protocol_call *call, struct mr_slice bucket);
    /* A request to the endpoint of a website ("<bucket>.s3-website..."), which nobody signs; the
     * path as sent, without its first slash. Returns the operation that answers, with call->in set,
     * and call->status if it is to be another; or NULL: the reply has call->status, its headers and
     * no body. A fault becomes a page. On a worker. */
    const char *(*website)(struct protocol_call *call, struct mr_slice bucket,
                           struct mr_slice path);
};
void protocol_set_browser(struct protocol *protocol, const struct protocol_browser *browser,
                          void *ctx);
/* The secret of an access key, for signatures inside a body. MR_NOT_FOUND: there is none, or it
 * goes with another token. MR_END: signatures are not checked here. */
MR_MUST_USE enum mr_status protocol_secret_of(const struct protocol_call *call,
                                              struct mr_slice access_key, struct mr_slice token,
                                              struct mr_slice *ret_secret);

/* A session token is base64 of this mark, "<role id>:<session>", a line end, and the ARN of the
 * assumed role. True: the request carries one. */
#define PROTOCOL_SESSION_MARK "millrace-session "
bool protocol_session_of(struct protocol_call *call, struct mr_slice *ret_id,
                         struct mr_slice *ret_arn);

/* ---- calls from inside the process (CloudFormation, tests) ---- */
struct protocol_result {
    int status;             /* HTTP status */
    struct mr_slice output; /* JSON object of the output shape, payload excluded; or of what a fault
                               tells beside its message, if anything */
    struct mr_slice payload;
    struct mr_slice code, message; /* of the fault; empty on success */
};
/* Runs the operation on the calling thread (a worker, never a loop) and waits until it is durable.
 * Memory from `arena`. MR_OK: see result->status; MR_NOT_FOUND: no such operation. */
MR_MUST_USE enum mr_status protocol_invoke(struct protocol *protocol, struct mr_arena *arena,
                                           const char *service, const char *operation,
                                           struct mr_slice input_json, struct mr_slice payload,
                                           struct protocol_result *ret_result);
/* The same as a client in `region` would do it, so that the ARNs of what it makes name that region.
 */
MR_MUST_USE enum mr_status protocol_invoke_in(struct protocol *protocol, struct mr_arena *arena,
                                              struct mr_slice region, const char *service,
                                              const char *operation, struct mr_slice input_json,
                                              struct mr_slice payload,
                                              struct protocol_result *ret_result);
/* Who waits for a ticket when called from inside: set once by main. */
void protocol_set_wait(struct protocol *protocol, enum mr_status (*wait)(void *ctx, int64_t ticket),
                       void *ctx);

/* Coverage: calls fn for each operation of each model. */
void protocol_each_operation(const struct protocol *protocol,
                             void (*fn)(void *ctx, const char *service, const char *operation,
                                        bool implemented),
                             void *ctx);
/* Holds new calls of services back until protocol_resume, and returns when none is in hand.
 * Handlers may be registered again meanwhile: the newest registration of an operation counts. Not
 * from a handler of a service. */
void protocol_pause(struct protocol *protocol);
void protocol_resume(struct protocol *protocol);

struct protocol_stats {
    uint64_t requests, faults, errors; /* all, 4xx, 5xx */
};
void protocol_stats_get(const struct protocol *protocol, struct protocol_stats *ret_stats);
/* The replies of one operation: how many and their microseconds; those that were not 200, by
 * status. */
struct protocol_traffic {
    const char *service, *operation;
    struct meter_sums all;
    struct {
        int status;
        uint64_t count;
    } others[8];
    size_t other_count;
};
/* Calls fn for each operation that was answered. */
void protocol_each_traffic(const struct protocol *protocol,
                           void (*fn)(void *ctx, const struct protocol_traffic *traffic),
                           void *ctx);
/* `fn` is asked about each call of the service, from inside too (call->exchange is NULL then), when
 * its input is read and valid and its signature right, before the handler (or its `open`) begins; a
 * fault it sets is the answer. It runs where that runs, perhaps on an I/O loop. */
void protocol_on_call(struct protocol *protocol, const char *service,
                      void (*fn)(void *ctx, struct protocol_call *call), void *ctx);
/* `fn` is told of each call of the service that was answered, before its reply leaves: the exchange
 * has the status and, unless it is a file, the body. */
void protocol_on_answer(struct protocol *protocol, const char *service,
                        void (*fn)(void *ctx, struct protocol_call *call), void *ctx);
/* Every reply of the service with status 400 is added to the meter, unless its code is in the list,
 * which ends with NULL and outlives the protocol. */
void protocol_meter_user_errors(struct protocol *protocol, const char *service, struct meter *meter,
                                const char *const *others);
