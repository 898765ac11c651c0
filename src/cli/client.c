/* Requests over libcurl. */
#include "cli/client.h"
#include "base/codec.h"
#include "base/clock.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRIES = 8, BACKOFF_MS = 50, REPLY_BYTES_MAX = 256 << 20, TIMEOUT_S = 120 };

struct client {
    CURL *curl;
    char *endpoint, *region, *user, *token; /* owned; user is "key:secret" */
    struct mr_buf reply;
    bool answered; /* the endpoint has spoken: when it goes away it may come back */
};

static char *from_environment(const char *given, const char *first, const char *second,
                              const char *fallback)
{
    const char *value = given;
    if (value != NULL)
        return mr_strdup_slice(mr_slice_cstr(value)); /* also an empty one: it is what was said */
    value = getenv(first);
    if ((value == NULL || value[0] == '\0') && second != NULL)
        value = getenv(second);
    if (value == NULL || value[0] == '\0')
        value = fallback;
    return value == NULL ? NULL : mr_strdup_slice(mr_slice_cstr(value));
}

struct client *client_new(const struct client_options *options)
{
    static bool started;
    if (!started)
        (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    started = true;
    struct client *client = mr_calloc(1, sizeof *client);
    client->curl = curl_easy_init();
    if (client->curl == NULL)
        abort();
    client->endpoint =
        from_environment(options->endpoint, "AWS_ENDPOINT_URL", NULL, "http://127.0.0.1:4566");
    const size_t len = mr_slice_cstr(client->endpoint).len;
    if (len > 0 && client->endpoint[len - 1] == '/')
        client->endpoint[len - 1] = '\0';
    client->region =
        from_environment(options->region, "AWS_REGION", "AWS_DEFAULT_REGION", "us-east-1");
    char *key = from_environment(NULL, "AWS_ACCESS_KEY_ID", NULL, "test");
    char *secret = from_environment(NULL, "AWS_SECRET_ACCESS_KEY", NULL, "test");
    struct mr_buf user = {0};
    mr_buf_printf(&user, "%s:%s", key, secret);
    client->user = mr_strdup_slice(mr_buf_slice(&user));
    client->token = from_environment(NULL, "AWS_SESSION_TOKEN", NULL, NULL);
    mr_buf_fini(&user);
    free(key);
    free(secret);
    return client;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    mr_buf_fini(&client->reply);
    free(client->endpoint);
    free(client->region);
    free(client->user);
    free(client->token);
    free(client);
}

const char *client_endpoint(const struct client *client)
{
    return client->endpoint;
}

/* ---- one request ---- */

struct request {
    const char *service; /* NULL: unsigned */
    const char *content_type, *target;
    struct mr_slice path, body;
    bool post;
    long timeout_s; /* 0: TIMEOUT_S */
};

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
    struct mr_buf *reply = ctx;
    if (reply->len + size * count > REPLY_BYTES_MAX)
        return 0;
    mr_buf_append(reply, mr_slice_make(data, size * count));
    return size * count;
}

static struct curl_slist *add_header(struct curl_slist *list, struct mr_arena *arena,
                                     const char *name, const char *value)
{
    const struct mr_slice line = mr_arena_printf(arena, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(list, mr_arena_cstr(arena, line));
    if (longer == NULL)
        abort();
    return longer;
}

static struct curl_slist *make_headers(struct client *client, struct mr_arena *arena,
                                       const struct request *request)
{
    struct curl_slist *headers = NULL;
    if (request->content_type != NULL)
        headers = add_header(headers, arena, "content-type", request->content_type);
    if (request->target != NULL)
        headers = add_header(headers, arena, "x-amz-target", request->target);
    if (request->service != NULL && client->token != NULL)
        headers = add_header(headers, arena, "x-amz-security-token", client->token);
    if (request->service != NULL && strcmp(request->service, "s3") == 0) {
        uint8_t digest[32];
        char hex[65];
        mr_sha256(request->body, digest);
        mr_hex(digest, sizeof digest, hex);
        headers = add_header(headers, arena, "x-amz-content-sha256", hex);
    }
    return headers;
}

static CURLcode perform(struct client *client, struct mr_arena *arena,
                        const struct request *request, long *ret_status)
{
    CURL *curl = client->curl;
    struct curl_slist *headers = make_headers(client, arena, request);
    const struct mr_slice url =
        mr_arena_printf(arena, "%s%.*s", client->endpoint, MR_ARG(request->path));
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, mr_arena_cstr(arena, url));
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                           request->timeout_s > 0 ? request->timeout_s : (long)TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &client->reply);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "millrace");
    if (request->post) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                               request->body.len > 0 ? request->body.ptr : "");
    }
    if (request->service != NULL) {
        const struct mr_slice scope =
            mr_arena_printf(arena, "aws:amz:%s:%s", client->region, request->service);
        (void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, mr_arena_cstr(arena, scope));
        (void)curl_easy_setopt(curl, CURLOPT_USERPWD, client->user);
    }
    mr_buf_reset(&client->reply);
    const CURLcode code = curl_easy_perform(curl);
    *ret_status = 0;
    if (code == CURLE_OK)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(headers);
    return code;
}

/* ---- the answer ---- */

static struct mr_slice after_hash(struct mr_slice type)
{
    const size_t hash = mr_slice_find(type, '#');
    return hash == SIZE_MAX ? type : mr_slice_sub(type, hash + 1, SIZE_MAX);
}

static void read_error(struct mr_arena *arena, struct client_reply *reply)
{
    if (reply->json != NULL) {
        reply->code = after_hash(mr_json_get_text(reply->json, "__type"));
        reply->message = mr_json_get_text(reply->json, "message");
        if (reply->message.len == 0)
            reply->message = mr_json_get_text(reply->json, "Message");
    } else if (reply->xml != NULL) {
        const struct xml_node *error = xml_child(reply->xml, MR_S("Error"));
        const struct xml_node *in = error != NULL ? error : reply->xml;
        const struct xml_node *code = xml_child(in, MR_S("Code"));
        const struct xml_node *message = xml_child(in, MR_S("Message"));
        reply->code = code != NULL ? code->text : MR_S("");
        reply->message = message != NULL ? message->text : MR_S("");
    }
    if (reply->code.len == 0)
        reply->code = mr_arena_printf(arena, "HTTP %d", reply->status);
}

static bool try_again(const struct client *client, CURLcode code, const struct client_reply *reply)
{
    static const char *const codes[] = {"ThrottlingException",
                                        "ProvisionedThroughputExceededException",
                                        "RequestLimitExceeded", "Throttling", "SlowDown"};
    if (code != CURLE_OK)
        return (code == CURLE_COULDNT_CONNECT && client->answered) || code == CURLE_RECV_ERROR ||
               code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING;
    for (size_t i = 0; i < MR_COUNT(codes); i++)
        if (mr_slice_equal(reply->code, mr_slice_cstr(codes[i])))
            return true;
    return reply->status >= 500 && reply->status != 501;
}

void client_pause(int64_t ms)
{
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&wait, NULL);
}

static enum mr_status exchange_with_retries(struct client *client, struct mr_arena *arena,
                                            const struct request *request,
                                            struct client_reply *ret_reply)
{
    for (int attempt = 0;; attempt++) {
        long status = 0;
        const CURLcode code = perform(client, arena, request, &status);
        *ret_reply = (struct client_reply){.status = (int)status};
        if (code != CURLE_OK) {
            ret_reply->code = MR_S("no answer");
            ret_reply->message =
                mr_arena_printf(arena, "%s from %s", curl_easy_strerror(code), client->endpoint);
        } else {
            client->answered = true;
            ret_reply->body = mr_arena_copy(arena, mr_buf_slice(&client->reply));
            if (ret_reply->body.len > 0 && ret_reply->body.ptr[0] == '{')
                ret_reply->json = mr_json_parse(arena, ret_reply->body, 64);
            else if (ret_reply->body.len > 0 && ret_reply->body.ptr[0] == '<')
                ret_reply->xml = xml_parse(arena, ret_reply->body);
            if (status >= 200 && status < 300)
                return MR_OK;
            read_error(arena, ret_reply);
        }
        if (attempt + 1 == TRIES || !try_again(client, code, ret_reply))
            return MR_FAULT;
        client_pause((int64_t)BACKOFF_MS << attempt);
    }
}

enum mr_status client_json(struct client *client, struct mr_arena *arena, const char *service,
                           const char *target, struct mr_slice input,
                           struct client_reply *ret_reply)
{
    const bool dynamodb = strcmp(service, "dynamodb") == 0;
    const struct request request = {
        .service = service,
        .content_type = dynamodb ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1",
        .target = target,
        .path = MR_S_INIT("/"),
        .body = input,
        .post = true,
    };
    return exchange_with_retries(client, arena, &request, ret_reply);
}

enum mr_status client_query(struct client *client, struct mr_arena *arena, const char *service,
                            struct mr_slice form, struct client_reply *ret_reply)
{
    const struct request request = {
        .service = service,
        .content_type = "application/x-www-form-urlencoded; charset=utf-8",
        .path = MR_S_INIT("/"),
        .body = form,
        .post = true,
    };
    return exchange_with_retries(client, arena, &request, ret_reply);
}

enum mr_status client_get(struct client *client, struct mr_arena *arena, const char *service,
                          struct mr_slice path, struct client_reply *ret_reply)
{
    const struct request request = {.service = service, .path = path};
    return exchange_with_retries(client, arena, &request, ret_reply);
}

enum mr_status client_post(struct client *client, struct mr_arena *arena, struct mr_slice path,
                           struct mr_slice body, long timeout_s, struct client_reply *ret_reply)
{
    const struct request request = {
        .service = "millrace",
        .content_type = "application/json",
        .path = path,
        .body = body,
        .post = true,
        .timeout_s = timeout_s,
    };
    return exchange_with_retries(client, arena, &request, ret_reply);
}

void client_complain(const char *what, const struct client_reply *reply)
{
    (void)fprintf(stderr, "millrace: %s: %.*s: %.*s\n", what, MR_ARG(reply->code),
                  MR_ARG(reply->message));
}
