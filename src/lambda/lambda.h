/* lambda/lambda.h: functions: their code, their warm processes, and calling them.
 *
 * A function's zip is <data>/functions/<code id>.zip, written before the function is durable; it is
 * unpacked under <data>/functions/unpacked/<code id>/, anew in each run of the server. Each warm
 * process (instance) has a Runtime API listener of its own on a loopback port
 * (AWS_LAMBDA_RUNTIME_API), runs one invocation at a time, and is reused until it is idle for some
 * minutes, its code or configuration changed, it timed out or it died.
 *
 * Threads: lambda_invoke blocks (a worker, never an I/O loop). */
#pragma once
#include "base/meters.h"
#include "base/rng.h"
#include "kinesis/kinesis.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "s3/s3.h"
#include "streams/streams.h"
#include "view/store.h"

struct lambda;
struct lambda_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters;   /* NULL: nothing is measured */
    struct s3 *s3;           /* code from S3, destinations */
    struct streams *streams; /* sources of mappings */
    struct kinesis *kinesis;
    const char *bootstrap;    /* path of bootstrap.py (share/millrace/bootstrap.py or
                                 src/lambda/bootstrap.py of the checkout) */
    const char *endpoint_url; /* given to functions as AWS_ENDPOINT_URL. "": not known yet; calls
                                 wait for lambda_set_endpoint. NULL: none */
    const char *access_key, *secret_key; /* the functions' credentials; NULL: "test" */
    /* Log lines of functions: group, stream, epoch ms, text without line end. May be NULL. Called
     * on any thread. */
    void (*log)(void *ctx, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                struct mr_slice text);
    void *log_ctx;
};
MR_MUST_USE enum mr_status lambda_open(struct lambda **ret_lambda,
                                       const struct lambda_options *options);
void lambda_register(struct lambda *lambda, struct protocol *protocol);
void lambda_set_endpoint(struct lambda *lambda, const char *endpoint_url);
/* Ends all instances and takes no more calls: those in work and later ones answer LAMBDA_NOT_READY,
 * which says nothing about the event. To be called before those who call functions are closed, so
 * that they need not wait for a slow one. Accepts NULL. */
void lambda_stop(struct lambda *lambda);
/* Stops, then waits for Invoke requests in work. */
void lambda_close(struct lambda *lambda);

enum lambda_outcome {
    LAMBDA_OK,             /* reply is the handler's answer */
    LAMBDA_FUNCTION_ERROR, /* the handler failed, timed out or its process died: reply is the error
                              JSON */
    LAMBDA_NO_FUNCTION,    /* no such function */
    LAMBDA_NOT_READY,      /* exists, cannot run (state Failed, code missing), or the server starts
                              or stops */
    LAMBDA_THROTTLED,      /* concurrency used up */
};
enum { LAMBDA_CONTENT_TYPE_TEXT = 128 };
struct lambda_result {
    enum lambda_outcome outcome;
    struct mr_buf reply; /* owned by the result */
    bool streamed;       /* the function wrote its answer as a stream, of... */
    char content_type[LAMBDA_CONTENT_TYPE_TEXT];
    char request_id[37];
    int64_t version; /* that ran; 0: $LATEST */
    bool timed_out;
    char message[256]; /* for people, when outcome != LAMBDA_OK */
};
void lambda_result_fini(struct lambda_result *result);
/* Calls function `name_or_arn` (name, ARN, with or without qualifier) with `event` (JSON) and waits
 * for the answer, at most the function's timeout. < 0 only for failures of ours. */
MR_MUST_USE enum mr_status lambda_invoke(struct lambda *lambda, struct mr_slice name_or_arn,
                                         struct mr_slice event, struct lambda_result *ret_result);
/* Takes the event for later, as an Event invocation does; durable when it returns. MR_NOT_FOUND: no
 * such function. MR_FULL: too many wait. MR_INVALID: the event is larger than AWS takes. */
MR_MUST_USE enum mr_status lambda_invoke_later(struct lambda *lambda, struct mr_slice name_or_arn,
                                               struct mr_slice event);
/* Is there such a function? (For checks when something that names it is created.) */
bool lambda_exists(struct lambda *lambda, struct mr_slice name_or_arn);
/* Appends one JSON object a function to an open array: name, state, processes, counts, last error.
 */
void lambda_status(struct lambda *lambda, struct mr_json *json);
