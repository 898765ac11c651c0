#include "protocol/internal.h"
enum route_kind route_rest(struct protocol_call *call, struct protocol_service *service)
{
    call->priv->service = service;
    call->priv->wire = MODEL_REST_JSON;
    protocol_fail(call, &protocol_not_implemented, "%s", "restJson");
    return ROUTE_UNKNOWN;
}
enum route_kind route_s3(struct protocol_call *call, struct protocol_service *service)
{
    call->priv->service = service;
    call->priv->wire = MODEL_REST_XML;
    protocol_fail(call, &protocol_not_implemented, "%s", "S3");
    return ROUTE_UNKNOWN;
}
bool route_form(struct protocol_call *call)
{
    protocol_fail(call, &protocol_not_implemented, "%s", "query");
    return false;
}
void decode_rest(struct protocol_call *call)
{
    (void)call;
}
void decode_query(struct protocol_call *call)
{
    (void)call;
}
void encode_rest(struct protocol_call *call)
{
    (void)call;
}
void encode_query(struct protocol_call *call)
{
    (void)call;
}
void auth_check(struct protocol_call *call)
{
    (void)call;
}
void stream_begin(struct protocol_call *call)
{
    (void)call;
}
void stream_finish(struct protocol_call *call)
{
    (void)call;
}
