/* Replies compressed as the client's Accept-Encoding asks. */
#include "base/codec.h"
#include "protocol/internal.h"
#include <stdlib.h>

enum { PACKED_BYTES_MIN = 4096 }; /* AWS: shorter ones are sent as they are */

/* "gzip;q=0.5": its name and weight. */
static double weight_of(struct mr_slice choice, struct mr_slice *ret_name)
{
    struct mr_slice part;
    char text[16];
    double weight = 1;
    (void)mr_slice_split(&choice, ';', ret_name);
    *ret_name = mr_slice_trim(*ret_name);
    while (mr_slice_split(&choice, ';', &part)) {
        part = mr_slice_trim(part);
        if (part.len < 3 || part.len - 2 >= sizeof(text) || (part.ptr[0] | 0x20) != 'q' ||
            part.ptr[1] != '=')
            continue;
        memcpy(text, part.ptr + 2, part.len - 2);
        text[part.len - 2] = 0;
        weight = strtod(text, NULL);
    }
    return weight;
}

void packing_reply(struct protocol_call *call)
{
    struct mr_buf *body = &call->exchange->reply_body;
    struct mr_slice accepted, choice, name;
    double gzip = 0, deflate = 0;
    if (body->len < PACKED_BYTES_MIN)
        return;
    accepted = protocol_header(call, "accept-encoding");
    while (mr_slice_split(&accepted, ',', &choice)) {
        double weight = weight_of(choice, &name);
        if (mr_slice_equal_nocase(name, MR_S("gzip")))
            gzip = weight;
        else if (mr_slice_equal_nocase(name, MR_S("deflate")))
            deflate = weight;
    }
    if (!(gzip > 0) && !(deflate > 0))
        return;
    struct mr_buf packed = {0};
    (gzip >= deflate ? mr_gzip : mr_zlib)(&packed, mr_buf_slice(body));
    mr_buf_fini(body);
    *body = packed;
    reply_header(call, "content-encoding", gzip >= deflate ? MR_S("gzip") : MR_S("deflate"));
}
