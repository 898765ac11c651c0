/* X-Ray's trace of an invocation. There is no X-Ray, so nothing is recorded: what a caller says of
 * its trace is handed on, and TracingConfig decides what functions and logs are told. */
#include "lambda/internal.h"
#include <stdio.h>

enum { OTHERS_PERCENT = 5 }; /* AWS: the first request of a second, and of the others so many */

/* "Root=1-...;Parent=...;Sampled=1": the value of a name; empty: none. */
static struct mr_slice field(struct mr_slice header, struct mr_slice name)
{
    struct mr_slice part, key;
    while (mr_slice_split(&header, ';', &part)) {
        part = mr_slice_trim(part);
        if (mr_slice_split(&part, '=', &key) && mr_slice_equal(key, name) && part.ptr != NULL)
            return part;
    }
    return MR_S("");
}

/* "1-" + 8 digits + "-" + 24 digits, hexadecimal. */
static bool is_root(struct mr_slice text)
{
    static const char shape[] = "1-xxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx";
    if (text.len != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const bool digit = mr_byte_in(text.ptr[i], "0123456789abcdefABCDEF");
        if (shape[i] == 'x' ? !digit : text.ptr[i] != shape[i])
            return false;
    }
    return true;
}

static bool draw(struct lambda_function *function, int64_t now_ms)
{
    const long long second = now_ms / 1000;
    return atomic_exchange(&function->traced_s, second) != second ||
           mr_rng_u64(function->lambda->options.rng) % 100 < OTHERS_PERCENT;
}

void lambda_trace_make(struct lambda_trace *trace, struct lambda_function *function,
                       struct mr_slice header, bool active, int64_t now_ms)
{
    struct mr_rng *rng = function->lambda->options.rng;
    const struct mr_slice root = field(header, MR_S("Root"));
    const struct mr_slice sampled = field(header, MR_S("Sampled"));
    const uint64_t high = mr_rng_u64(rng), low = mr_rng_u64(rng);
    if (is_root(root))
        (void)snprintf(trace->id, sizeof trace->id, "%.*s", MR_ARG(root));
    else
        (void)snprintf(trace->id, sizeof trace->id, "1-%08llx-%016llx%08llx",
                       (unsigned long long)(now_ms / 1000), (unsigned long long)high,
                       (unsigned long long)(low >> 32));
    (void)snprintf(trace->segment, sizeof trace->segment, "%016llx",
                   (unsigned long long)mr_rng_u64(rng));
    if (mr_slice_equal(sampled, MR_S("0")) || mr_slice_equal(sampled, MR_S("1")))
        trace->sampled = sampled.ptr[0] == '1';
    else
        trace->sampled = active && draw(function, now_ms);
}
