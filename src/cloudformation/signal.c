/* What others tell a stack about a resource: answers of custom resources, signals of wait
 * conditions.
 *
 * AWS hands out presigned URLs of S3 objects. Ours name the resource and carry a secret, so that
 * they need no other signature:
 *
 *   <endpoint>/_millrace/cloudformation?Resource=<uuid>/<logical id>&Signature=<secret>
 *
 * A PUT leaves a message in the resource's document; whoever waits is woken. Of a message
 * that is too long only that is kept. */
#include "base/codec.h"
#include "base/log.h"
#include "cloudformation/internal.h"

static const char service[] = "cloudformation", kind[] = "signal";
#define SIGNAL_PATH "/_millrace/cloudformation"

enum { SECRET_LEN = 40 };

static void put(struct store_entry *entry, struct mr_slice name, struct mr_slice secret,
                yyjson_val *messages, struct mr_slice message)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "secret", secret);
    mr_json_key(&json, "messages");
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(messages); i++)
        mr_json_value(&json, yyjson_arr_get(messages, i));
    if (message.len > SIGNAL_BYTES_MAX)
        mr_json_bool(&json, false);
    else if (message.ptr != NULL)
        mr_json_string(&json, mr_slice_is_utf8(message) ? message : MR_S(""));
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    store_doc_put(entry, service, kind, name, mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static yyjson_val *get(struct cloudformation *cloudformation, struct mr_arena *arena,
                       struct mr_slice name)
{
    struct mr_slice text;
    if (store_doc_get(cloudformation->options.store, arena, service, kind, name, &text) != MR_OK)
        return NULL;
    return mr_json_parse(arena, text, 4);
}

enum mr_status signal_open(struct cloudformation *cloudformation, struct mr_arena *arena,
                           struct mr_slice name, struct mr_slice *ret_url)
{
    struct store_entry entry = store_entry_make(arena);
    char secret[SECRET_LEN + 1];
    int64_t ticket;
    mr_rng_text(cloudformation->options.rng, "abcdefghijklmnopqrstuvwxyz0123456789", SECRET_LEN,
                secret);
    put(&entry, name, mr_slice_cstr(secret), NULL, (struct mr_slice){0});
    pthread_mutex_lock(&cloudformation->lock);
    const bool listens = cloudformation->locked.endpoint[0] != '\0';
    *ret_url = mr_arena_printf(arena, "%s" SIGNAL_PATH "?Resource=%.*s&Signature=%s",
                               cloudformation->locked.endpoint, MR_ARG(name), secret);
    const enum mr_status status =
        listens ? store_commit(cloudformation->options.store, &entry, &ticket) : MR_AGAIN;
    pthread_mutex_unlock(&cloudformation->lock);
    return status;
}

enum mr_status signal_add_locked(struct cloudformation *cloudformation, struct mr_arena *arena,
                                 struct mr_slice name, struct mr_slice message, int64_t *ret_ticket)
{
    struct store_entry entry = store_entry_make(arena);
    yyjson_val *doc = get(cloudformation, arena, name);
    yyjson_val *messages = mr_json_get(doc, "messages");
    if (doc == NULL)
        return MR_NOT_FOUND;
    if (yyjson_arr_size(messages) >= SIGNAL_MESSAGES_MAX)
        return MR_OK; /* more than anybody waits for */
    put(&entry, name, mr_json_get_text(doc, "secret"), messages, message);
    const enum mr_status status = store_commit(cloudformation->options.store, &entry, ret_ticket);
    pthread_cond_broadcast(&cloudformation->changed);
    return status;
}

yyjson_val *signal_messages(struct cloudformation *cloudformation, struct mr_arena *arena,
                            struct mr_slice name)
{
    pthread_mutex_lock(&cloudformation->lock);
    yyjson_val *doc = get(cloudformation, arena, name);
    pthread_mutex_unlock(&cloudformation->lock);
    return mr_json_get(doc, "messages");
}

void signal_close(struct cloudformation *cloudformation, struct mr_arena *arena,
                  struct mr_slice name)
{
    struct store_entry entry = store_entry_make(arena);
    int64_t ticket;
    store_doc_delete(&entry, service, kind, name);
    pthread_mutex_lock(&cloudformation->lock);
    if (store_commit(cloudformation->options.store, &entry, &ticket) != MR_OK)
        mr_log(MR_LOG_ERROR, "cloudformation", "cannot store the end of a wait for signals");
    pthread_mutex_unlock(&cloudformation->lock);
}

enum signal_news signal_wait(struct cloudformation *cloudformation, struct mr_slice uuid,
                             struct mr_slice status, struct mr_slice name, size_t known)
{
    enum { LOOK_MS = 1000 };
    enum signal_news news = SIGNAL_LOOK;
    struct stack stack;
    struct mr_arena arena; /* of this look: there are many */
    mr_arena_init(&arena);
    pthread_mutex_lock(&cloudformation->lock);
    if (cloudformation->locked.closing)
        news = SIGNAL_CLOSING;
    else if (stack_get(cloudformation, &arena, uuid, &stack) != MR_OK ||
             !mr_slice_equal(stack.status, status))
        news = SIGNAL_CALLED_OFF;
    else if (yyjson_arr_size(mr_json_get(get(cloudformation, &arena, name), "messages")) <= known)
        cloudformation_wait_locked(cloudformation, LOOK_MS);
    pthread_mutex_unlock(&cloudformation->lock);
    mr_arena_fini(&arena);
    return news;
}

/* ---- URLs ---- */

static struct mr_slice query_value(struct mr_slice query, const char *name)
{
    struct mr_slice pair;
    while (query.len > 0 && mr_slice_split(&query, '&', &pair)) {
        const size_t equals = mr_slice_find(pair, '=');
        if (mr_slice_equal(mr_slice_sub(pair, 0, equals), mr_slice_cstr(name)))
            return mr_slice_sub(pair, equals == SIZE_MAX ? pair.len : equals + 1, SIZE_MAX);
    }
    return MR_S("");
}

struct mr_slice signal_name(struct mr_arena *arena, struct mr_slice url)
{
    const size_t at = mr_slice_search(url, MR_S(SIGNAL_PATH "?"));
    if (at == SIZE_MAX)
        return MR_S("");
    const struct mr_slice query = mr_slice_sub(url, at + sizeof SIGNAL_PATH, SIZE_MAX);
    return mr_percent_decode(arena, query_value(query, "Resource"), false);
}

/* In S3's words, since that is what AWS has there. */
static void refuse(struct http_exchange *exchange, int status, const char *code, const char *text)
{
    exchange->status = status;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/xml"));
    mr_buf_printf(&exchange->reply_body,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                  "<Message>%s</Message></Error>",
                  code, text);
    http_reply_send(exchange);
}

static void on_put(void *ctx, struct http_exchange *exchange)
{
    struct cloudformation *cloudformation = ctx;
    struct mr_arena *arena = &exchange->arena;
    int64_t ticket = 0;
    enum mr_status status = MR_NOT_FOUND;
    const struct mr_slice name = signal_name(arena, exchange->target);
    if (!mr_slice_equal(exchange->method, MR_S("PUT"))) {
        refuse(exchange, 405, "MethodNotAllowed",
               "The specified method is not allowed against this resource.");
        return;
    }
    pthread_mutex_lock(&cloudformation->lock);
    yyjson_val *doc = get(cloudformation, arena, name);
    const struct mr_slice secret = mr_json_get_text(doc, "secret");
    if (secret.len > 0 && mr_slice_equal(secret, query_value(exchange->query, "Signature")))
        status = signal_add_locked(cloudformation, arena, name, exchange->body, &ticket);
    pthread_mutex_unlock(&cloudformation->lock);
    if (status == MR_OK)
        http_reply_send_after(exchange, ticket);
    else if (status == MR_NOT_FOUND)
        refuse(exchange, 403, "AccessDenied", "Request has expired");
    else
        refuse(exchange, 500, "InternalError", "We encountered an internal error.");
}

void signal_register(struct cloudformation *cloudformation, struct protocol *protocol)
{
    protocol_register_internal_open(protocol, SIGNAL_PATH, on_put, cloudformation);
}
