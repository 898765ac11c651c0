/* s3/notify.h: what a change tells to functions. Its durable form heads notify.c. */
#pragma once
#include "s3/meta.h"
#include "s3/s3.h"

/* Something that happened to an object. */
struct s3_event {
    const char *name; /* "ObjectCreated:Put" */
    struct mr_slice bucket, key;
    const struct s3_meta *meta;             /* size and ETag, or that it is a marker; may be NULL */
    const struct s3_version *version;       /* may be NULL: the bucket keeps none */
    struct mr_slice request_id, access_key; /* may be empty */
    struct mr_slice region;                 /* set by s3_notify_plan */
};
/* Adds the event to the entry of the change, once for each configuration in the bucket's document
 * that wants it. True: some did; s3_notify_wake follows the commit. */
bool s3_notify_plan(struct s3 *s3, struct store_entry *entry, yyjson_val *document,
                    const struct s3_event *event);
void s3_notify_wake(struct s3 *s3);
/* Is there such a function? */
bool s3_notify_knows(struct s3 *s3, struct mr_slice function);
/* Does the event that a configuration names, "s3:ObjectCreated:*", fit the one that happened? */
bool s3_event_fits(struct mr_slice wanted, struct mr_slice name);
