/* Athena: any text as an address and, behind its first line feed, as a network. */
#include "athena/ipaddress.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_slice rest = {(const char *)data, size}, text;
    struct athena_ipaddress address, again;
    struct mr_buf buf = {0}, error = {0};
    if (!mr_slice_split(&rest, '\n', &text) || !athena_ipaddress_parse(text, &address))
        return 0;
    athena_ipaddress_print(&buf, address);
    assert(athena_ipaddress_parse(mr_buf_slice(&buf), &again));
    assert(again.high == address.high && again.low == address.low);
    bool contained = false;
    const bool fine = athena_ipaddress_in(rest, address, &contained, &error);
    assert(fine == (error.len == 0) && (fine || !contained));
    mr_buf_fini(&buf);
    mr_buf_fini(&error);
    return 0;
}
