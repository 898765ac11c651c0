/* s3/lifecycle.h: what a bucket's lifecycle rules say about one version of one object, or about an
 * upload in parts. Pure: rules are the JSON that is stored, in the names of the model. */
#pragma once
#include "base/json.h"
#include "s3/meta.h"

struct s3_subject {
    struct mr_slice key;
    const struct s3_meta *meta;
    bool latest;
    bool alone;            /* the only version of its key */
    int64_t past_since_ms; /* when a newer version came; of one that is not the latest */
    bool archives_small;   /* small ones too move to archive classes */
    uint32_t newer_past;   /* how many newer versions there are that are not the latest either */
};
enum s3_fate { S3_FATE_STAYS, S3_FATE_EXPIRES, S3_FATE_MOVES /* to another storage class */ };
/* What is due now; `ret_class` is set for S3_FATE_MOVES. */
enum s3_fate s3_lifecycle_judge(yyjson_val *rules, const struct s3_subject *subject, int64_t now_ms,
                                struct mr_slice *ret_class);
/* When the current version of an object will expire, and by which rule. False: never. */
bool s3_lifecycle_expiry(yyjson_val *rules, struct mr_slice key, const struct s3_meta *meta,
                         int64_t *ret_due_ms, struct mr_slice *ret_rule);
/* Is an upload in parts, begun then, to be given up? */
bool s3_lifecycle_gives_up(yyjson_val *rules, struct mr_slice key, int64_t begun_ms,
                           int64_t now_ms);
/* When that will be, and by which rule. False: never. */
bool s3_lifecycle_abort(yyjson_val *rules, struct mr_slice key, int64_t begun_ms,
                        int64_t *ret_due_ms, struct mr_slice *ret_rule);
/* Is the rule, of a lifecycle or of replication, enabled and about the object? `meta` NULL: there
 * are no tags and no size yet to go by. */
bool s3_rule_fits(yyjson_val *rule, struct mr_slice key, const struct s3_meta *meta);
/* AWS: everything is due at a midnight UTC. The first after `now_ms`. */
int64_t s3_lifecycle_next_ms(int64_t now_ms);
