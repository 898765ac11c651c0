/* Who asks, and what a request says to conditions whatever its service: keys of "aws:". One that
 * says nothing about a request of this server (VPCs, organisations, tags of principals) is absent.
 */
#include "policy/request.h"
#include "base/codec.h"
#include "protocol/protocol.h"

/* Of a request with a role's session, that role; of any other with a signature, or that needs none
 * here, the account's root. */
struct policy_caller policy_caller_of(struct protocol_call *call)
{
    struct policy_caller caller = {.account = call->account, .id = call->account};
    struct mr_slice session, id;
    if (call->anonymous)
        return (struct policy_caller){.id = MR_S("anonymous")};
    caller.arn = mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account));
    if (!protocol_session_of(call, &id, &session))
        return caller;
    struct mr_slice rest = session, part = {0};
    for (int i = 0; i < 2; i++) /* the role is the second part */
        (void)mr_slice_split(&rest, '/', &part);
    caller.id = id;
    caller.session = session;
    caller.arn = mr_arena_printf(call->arena, "arn:aws:iam::%.*s:role/%.*s", MR_ARG(call->account),
                                 MR_ARG(part));
    return caller;
}

struct mr_slice policy_caller_name(const struct policy_caller *caller)
{
    return caller->session.len > 0 ? caller->session : caller->arn;
}

/* ---- values ---- */

bool policy_give(struct mr_arena *arena, struct mr_slice text, struct policy_values *ret_values)
{
    struct mr_slice *one = MR_NEW(arena, struct mr_slice);
    *one = text;
    *ret_values = (struct policy_values){one, 1};
    return text.ptr != NULL;
}

bool policy_give_cstr(struct mr_arena *arena, const char *text, struct policy_values *ret_values)
{
    return policy_give(arena, mr_slice_cstr(text), ret_values);
}

/* ---- the caller ---- */

static bool look_caller(const struct policy_request *request, const char *name,
                        struct policy_values *ret_values)
{
    struct mr_arena *arena = request->call->arena;
    const struct policy_caller *caller = request->caller;
    if (strcmp(name, "userid") == 0)
        return policy_give(arena, caller->id, ret_values);
    if (strcmp(name, "PrincipalType") == 0)
        return policy_give_cstr(arena,
                                caller->arn.len == 0       ? "Anonymous"
                                : caller->session.len == 0 ? "Account"
                                                           : "AssumedRole",
                                ret_values);
    if (caller->arn.len == 0)
        return false;
    return policy_give(arena, strcmp(name, "PrincipalArn") == 0 ? caller->arn : caller->account,
                       ret_values);
}

/* ---- how it came ---- */

static bool is_loopback(const uint8_t peer[static 16])
{
    static const uint8_t zeroes[16], one[16] = {[15] = 1}, mapped[13] = {[10] = 0xff, 0xff, 127};
    return memcmp(peer, zeroes, 16) == 0 || memcmp(peer, one, 16) == 0 ||
           memcmp(peer, mapped, sizeof mapped) == 0;
}

static bool give_address(struct protocol_call *call, struct policy_values *ret_values)
{
    char text[HTTP_PEER_TEXT];
    http_peer_text(call->exchange, text);
    return policy_give(call->arena, mr_arena_copy(call->arena, mr_slice_cstr(text)), ret_values);
}

static bool look_call(const struct policy_request *request, const char *name,
                      struct policy_values *ret_values)
{
    struct protocol_call *call = request->call;
    char date[32];
    if (strcmp(name, "SourceIp") == 0)
        return give_address(call, ret_values);
    if (strcmp(name, "SecureTransport") == 0)
        return policy_give_cstr(call->arena, is_loopback(call->exchange->peer) ? "true" : "false",
                                ret_values);
    if (strcmp(name, "CurrentTime") == 0)
        return policy_give(call->arena,
                           mr_arena_copy(call->arena, mr_date_iso8601(call->now_ms, date)),
                           ret_values);
    if (strcmp(name, "EpochTime") == 0)
        return policy_give(call->arena,
                           mr_arena_printf(call->arena, "%lld", (long long)(call->now_ms / 1000)),
                           ret_values);
    if (strcmp(name, "RequestedRegion") == 0)
        return policy_give(call->arena, call->region, ret_values);
    return policy_give(call->arena, call->account, ret_values);
}

static const struct {
    const char *name;   /* behind "aws:" */
    const char *header; /* that it is; NULL: `look` tells */
    bool (*look)(const struct policy_request *request, const char *name,
                 struct policy_values *ret_values);
} keys[] = {
    {"CurrentTime", NULL, look_call},        {"EpochTime", NULL, look_call},
    {"PrincipalAccount", NULL, look_caller}, {"PrincipalArn", NULL, look_caller},
    {"PrincipalType", NULL, look_caller},    {"Referer", "referer", NULL},
    {"RequestedRegion", NULL, look_call},    {"ResourceAccount", NULL, look_call},
    {"SecureTransport", NULL, look_call},    {"SourceIp", NULL, look_call},
    {"UserAgent", "user-agent", NULL},       {"userid", NULL, look_caller},
};

/* AWS: no service that acts for somebody calls here. */
static bool is_never(struct mr_slice name)
{
    return mr_slice_equal_nocase(name, MR_S("PrincipalIsAWSService")) ||
           mr_slice_equal_nocase(name, MR_S("ViaAWSService"));
}

bool policy_request_look(const struct policy_request *request, struct mr_slice key,
                         struct policy_values *ret_values)
{
    struct mr_arena *arena = request->call->arena;
    if (!mr_slice_equal_nocase(mr_slice_sub(key, 0, 4), MR_S("aws:")))
        return false;
    const struct mr_slice name = mr_slice_sub(key, 4, SIZE_MAX);
    for (size_t i = 0; i < MR_COUNT(keys); i++) {
        if (!mr_slice_equal_nocase(name, mr_slice_cstr(keys[i].name)))
            continue;
        if (keys[i].header != NULL)
            return policy_give(arena, protocol_header(request->call, keys[i].header), ret_values);
        return keys[i].look(request, keys[i].name, ret_values);
    }
    return is_never(name) && policy_give_cstr(arena, "false", ret_values);
}
