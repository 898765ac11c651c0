/* cli/client.h: a small AWS client: libcurl with its SigV4 signer, JSON services, query services,
 * S3 reads.
 *
 * Where it goes and who it is: --endpoint and --region, else AWS_ENDPOINT_URL and AWS_REGION or
 * AWS_DEFAULT_REGION, else http://127.0.0.1:4566 and us-east-1; AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else "test". One client is one connection and belongs
 * to one thread. Throttling and 5xx answers, and connections that fail, are tried again with
 * back-off. */
#pragma once
#include "base/json.h"
#include "protocol/xml.h"

struct client;
struct client_options {
    const char *endpoint, *region; /* NULL: as above */
};
struct client *client_new(
    const struct client_options *options); /* aborts when libcurl cannot start */
void client_free(struct client *client);   /* accepts NULL */
const char *client_endpoint(const struct client *client);

struct client_reply {
    int status; /* HTTP; 0: no answer at all */
    struct mr_slice body;
    yyjson_val *json; /* parsed, or NULL */
    struct xml_node *xml;
    struct mr_slice code, message; /* of an error */
};
/* All memory comes from `arena`. MR_OK: answered with a 2xx. MR_FAULT: answered with an error, or
 * (status 0) not at all; code and message say why. */
MR_MUST_USE enum mr_status client_json(struct client *client, struct mr_arena *arena,
                                       const char *service, const char *target,
                                       struct mr_slice input, struct client_reply *ret_reply);
/* `form` is "Action=...&Version=...&..." already encoded. */
MR_MUST_USE enum mr_status client_query(struct client *client, struct mr_arena *arena,
                                        const char *service, struct mr_slice form,
                                        struct client_reply *ret_reply);
/* GET of path and query, signed for `service`; unsigned when it is NULL. */
MR_MUST_USE enum mr_status client_get(struct client *client, struct mr_arena *arena,
                                      const char *service, struct mr_slice path,
                                      struct client_reply *ret_reply);
/* POST of JSON to a path of millrace's own; the answer may take so long. */
MR_MUST_USE enum mr_status client_post(struct client *client, struct mr_arena *arena,
                                       struct mr_slice path, struct mr_slice body, long timeout_s,
                                       struct client_reply *ret_reply);
/* Prints "millrace: WHAT: CODE: MESSAGE" to stderr. */
void client_complain(const char *what, const struct client_reply *reply);
/* Waits between two looks at something that takes its time. */
void client_pause(int64_t ms);
