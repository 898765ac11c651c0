#include "protocol/internal.h"
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
bool stream_unframe(struct protocol_call *call, struct mr_slice *body)
{
    (void)call;
    (void)body;
    return true;
}
