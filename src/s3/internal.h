/* s3/internal.h: what the files of this folder share.
 *
 * Order of locks: `many`, then stripes in order of their index. Whoever takes more than one stripe
 * holds `many`; whoever takes one alone does not, and never waits for another while he has it. */
#pragma once
#include "policy/guarded.h"
#include "s3/access.h"
#include "s3/access_log.h"
#include "s3/body.h"
#include "s3/list.h"
#include "s3/meta.h"
#include "s3/metrics.h"
#include "s3/notify.h"
#include "s3/s3.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    S3_STRIPES = 32, /* DeleteBucket holds all; ThreadSanitizer follows 64 locks of a thread */
    S3_KEY_BYTES_MAX = 1024,
    S3_USER_BYTES_MAX = 2048,
    S3_PARTS_MAX = 10000,
    S3_PAGE_MAX = 1000,
};
#define S3_PUT_BYTES_MAX (UINT64_C(5) << 30)  /* AWS: 5 GiB in one request */
#define S3_PART_BYTES_MIN (UINT64_C(5) << 20) /* AWS: but for the last one */

/* Keys are spread over stripes by their hash. Under a stripe's lock: read, decide, commit; never
 * wait for the disk. */
struct s3_stripe {
    pthread_mutex_t lock;   /* recursive: one delivery may commit two keys of one stripe */
    _Atomic int64_t ticket; /* of its last commit; S3_COMMITTING while one is going on */
};
enum { S3_COMMITTING = -1 };

struct s3 {
    struct s3_options options;
    struct s3_bodies *bodies;
    struct policy_guarded guarded; /* buckets; changed under the lock of their documents */
    struct s3_metrics *metrics;    /* of requests, where a bucket is set to have them */
    struct s3_access_log *log;
    struct s3_stripe stripes[S3_STRIPES];
    pthread_mutex_t many;    /* recursive */
    pthread_mutex_t buckets; /* one change of a bucket's document at a time; before all others */
    struct runtime_pump *sweep, *collect;
    struct s3_collector *collector;
    struct s3_expiry *expiry;
    struct s3_replicator *replicator;
    atomic_bool has_uploads;              /* uploads in parts may be there: looked for by deletes */
    struct s3_notifier *_Atomic notifier; /* NULL: nobody is told yet */
    atomic_ullong puts, gets, deletes, bytes_in, bytes_out;
};

/* ---- ops_metrics.c ---- */
/* What buckets are set to have measured. */
MR_MUST_USE enum mr_status s3_metrics_load(struct s3 *s3);

/* ---- ops_logging.c ---- */
MR_MUST_USE enum mr_status s3_logging_load(struct s3 *s3);

/* ---- engine.c ---- */
struct s3_stripe *s3_lock(struct s3 *s3, struct mr_slice stored_key);
void s3_unlock(struct s3_stripe *stripe);
/* Commits under the stripe's lock; not yet durable. */
MR_MUST_USE enum mr_status s3_commit_locked(struct s3 *s3, struct s3_stripe *stripe,
                                            struct store_entry *entry, int64_t *ret_ticket);
/* A record of VIEW_OBJECT; slices live in the arena. */
MR_MUST_USE enum mr_status s3_record(struct s3 *s3, struct mr_arena *arena,
                                     struct mr_slice stored_key, struct s3_meta *ret_meta);
/* An object of a bucket: its current version, or the one named, which may be a delete marker. */
struct s3_which {
    struct mr_slice bucket, key;
    const struct s3_version *version; /* NULL: the current one */
};
/* The same for an object, with the ticket that a reply telling of it has to wait for (set also when
 * there is none). */
MR_MUST_USE enum mr_status s3_find(struct s3 *s3, struct mr_arena *arena,
                                   const struct s3_which *which, struct s3_meta *ret_meta,
                                   int64_t *ret_ticket);
/* Finds and opens: the record and the body belong together. The caller closes the source. */
MR_MUST_USE enum mr_status s3_find_open(struct s3 *s3, struct mr_arena *arena,
                                        const struct s3_which *which, struct s3_meta *ret_meta,
                                        struct s3_source *ret_source, int64_t *ret_ticket);
/* "x", "\"x\"" and W/"x" are the same ETag; "*" fits all. */
bool s3_etag_fits(struct mr_slice wanted, const struct s3_meta *meta);

/* ---- change.c ---- */
/* Puts or deletes one object, under conditions, keeping versions as its bucket says. */
struct s3_change {
    struct mr_slice bucket, key;
    const struct s3_meta *meta;       /* NULL: delete */
    const struct s3_body *body;       /* the new body that `meta` names; NULL: stored already */
    const struct s3_version *version; /* of a delete: this one alone, for good */
    struct mr_slice if_match;         /* an ETag or "*"; ptr NULL: no such condition */
    bool if_absent;                   /* If-None-Match: * */
    bool expired;                     /* by a lifecycle rule, not by a client */
    const char *event;                /* of a put: "ObjectCreated:Copy"; NULL: "...:Put" */
    struct mr_slice request_id, access_key; /* who did it, for notifications; may be empty */
    bool bypass;                            /* may delete what is retained in GOVERNANCE mode */
    enum s3_replica {
        S3_REPLICA_NOT,
        S3_REPLICA_NEW,    /* `meta` is of a version elsewhere, and keeps its id and place */
        S3_REPLICA_CHANGED /* the same, when it is there already; else nothing is done */
    } replica;
    /* Under the lock, before the commit: adds further ops, or refuses with any other status. */
    enum mr_status (*guard)(void *ctx, struct store_entry *entry);
    void *ctx;
    /* Results. */
    bool conflict;             /* MR_FAULT: the object was deleted while the upload went on */
    bool versioned;            /* the bucket keeps or kept versions: `made` has a name to be told */
    bool marker;               /* what was made, or deleted by its version, is a delete marker */
    struct s3_version made;    /* or the version that was deleted for good */
    bool told;                 /* an event waits for its function */
    bool replicates;           /* a replica is to be made */
    bool there;                /* of a replica: no version was made */
    struct s3_meta dropped[2]; /* whose bodies end with the entry */
    size_t dropped_count;
};
/* MR_NOT_FOUND: no such bucket. MR_EXISTS: it exists though if_absent. MR_INVALID: another ETag.
 * MR_END: if_match, and there is no such object. MR_FULL: the version is retained or held.
 * MR_INVALID of a replica: the bucket does not keep versions. The
 * replaced body is dropped. A delete of what is not there is MR_OK. Not yet durable. */
MR_MUST_USE enum mr_status s3_change_apply(struct s3 *s3, struct mr_arena *arena,
                                           struct s3_change *change, int64_t *ret_ticket);
/* The two halves of it, for whoever holds the stripe and commits by himself: the ops, with the same
 * outcomes; and what follows the commit. */
MR_MUST_USE enum mr_status s3_change_plan(struct s3 *s3, struct store_entry *entry,
                                          struct mr_slice stored, struct s3_change *change);
void s3_change_done(struct s3 *s3, struct s3_change *change, int64_t ticket);
/* Changes the record of an object in place: `fn` gets it under the lock, and refuses with another
 * status than MR_OK, which is returned. `event`, which may be NULL, names what it is; the rest of
 * it is filled in. MR_NOT_FOUND: no such object. Not yet durable. */
MR_MUST_USE enum mr_status s3_amend(struct s3 *s3, struct mr_arena *arena,
                                    const struct s3_which *which,
                                    enum mr_status (*fn)(void *ctx, struct s3_meta *meta),
                                    void *ctx, const struct s3_event *event, int64_t *ret_ticket);
void s3_entry_meta(struct store_entry *entry, struct mr_slice stored, const struct s3_meta *meta);

/* ---- versions.c ---- */
/* The newest version that is not current, or delete marker, but for `except` (may be NULL), under
 * the stripe. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status s3_newest_version(struct s3 *s3, struct mr_arena *arena,
                                             struct mr_slice bucket, struct mr_slice key,
                                             const struct s3_version *except,
                                             struct s3_meta *ret_meta);
/* One page of versions: keys in byte order, the newest version of each first. */
struct s3_version_page {
    struct mr_slice bucket, prefix, delimiter; /* the last two may be empty */
    struct mr_slice after_key; /* only what comes behind it, or, with after_version, behind that */
    const struct s3_version *after_version; /* may be NULL */
    size_t limit;
    enum mr_status (*on_version)(void *ctx, struct mr_slice key, const struct s3_meta *meta,
                                 bool latest);
    enum mr_status (*on_prefix)(void *ctx, struct mr_slice prefix);
    void *ctx;
    /* results */
    bool truncated;
    size_t count;
    struct mr_slice last_key; /* the last key or prefix shown; in the arena */
    struct s3_version last_version;
    bool last_is_prefix;
};
MR_MUST_USE enum mr_status s3_versions_walk(struct view *view, struct mr_arena *arena,
                                            struct s3_version_page *page);

/* ---- acl.c ---- */
/* Ownership is enforced: lists count for nothing. */
bool s3_acl_disabled(yyjson_val *document);

/* ---- buckets.c ---- */
/* What decides how a change is made. */
enum s3_versioning { S3_VERSIONS_NEVER, S3_VERSIONS_ENABLED, S3_VERSIONS_SUSPENDED };
struct s3_bucket_state {
    enum s3_versioning versioning;
    bool locks;                  /* object lock is on: */
    enum s3_retention retention; /* what a new object gets by itself, for so long */
    int64_t retain_ms;
    enum s3_sse sse; /* how a new object that says nothing is said to be encrypted */
    struct mr_slice kms_key;
    bool bucket_key;
    yyjson_val *document;
};
/* AWS: the ETag of what a key of KMS encrypts is no MD5, nor the same twice. The meta is that of an
 * object or a part, and has the MD5; `sse` is the object's. */
void s3_sse_etag(struct s3 *s3, enum s3_sse sse, struct s3_meta *meta);
/* The inverse of what S3 calls them; MR_INVALID: no such encryption. */
MR_MUST_USE enum mr_status s3_sse_parse(struct mr_slice name, enum s3_sse *ret_sse);
/* MR_NOT_FOUND: no such bucket. */
MR_MUST_USE enum mr_status s3_bucket_state(struct s3 *s3, struct mr_arena *arena,
                                           struct mr_slice name, struct s3_bucket_state *ret_state);

bool s3_bucket_name_ok(struct mr_slice name);
struct s3_new_bucket {
    struct mr_slice name, region;
    bool locks;                           /* object lock is on, and so is versioning */
    struct mr_slice tags, ownership, acl; /* members of the document; empty: none */
};
/* MR_EXISTS: it is there already. */
MR_MUST_USE enum mr_status s3_bucket_create(struct s3 *s3, struct mr_arena *arena,
                                            const struct s3_new_bucket *bucket,
                                            int64_t *ret_ticket);
/* MR_EXISTS: it is not empty. MR_FULL: there are versions left. MR_NOT_FOUND. Uploads in progress
 * go with it. */
MR_MUST_USE enum mr_status s3_bucket_delete(struct s3 *s3, struct mr_arena *arena,
                                            struct mr_slice name, int64_t *ret_ticket);
/* The bucket's document. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status s3_bucket_get(struct s3 *s3, struct mr_arena *arena,
                                         struct mr_slice name, yyjson_val **ret_document);
/* Sets a member of the document to a JSON text; an empty one takes the member away. */
MR_MUST_USE enum mr_status s3_bucket_set(struct s3 *s3, struct mr_arena *arena,
                                         struct mr_slice name, const char *member,
                                         struct mr_slice json, int64_t *ret_ticket);

/* ---- multipart.c ---- */
struct s3_upload {
    struct mr_slice bucket, key, id;
    struct s3_meta meta; /* what the object will have; modified_ms: when it was begun */
};
MR_MUST_USE enum mr_status s3_upload_begin(struct s3 *s3, struct mr_arena *arena,
                                           struct s3_upload *upload, int64_t *ret_ticket);
/* Could it be the id of an upload of that key, over or not? */
bool s3_upload_id_of(struct mr_arena *arena, struct mr_slice id, struct mr_slice bucket,
                     struct mr_slice key);
/* MR_NOT_FOUND. */
MR_MUST_USE enum mr_status s3_upload_find(struct s3 *s3, struct mr_arena *arena,
                                          struct mr_slice bucket, struct mr_slice key,
                                          struct mr_slice id, struct s3_upload *ret_upload);
/* Makes a body a part, whose record `part` is; MR_NOT_FOUND: the upload has gone, the body is the
 * caller's. */
MR_MUST_USE enum mr_status s3_upload_add(struct s3 *s3, struct mr_arena *arena,
                                         const struct s3_upload *upload, uint32_t number,
                                         const struct s3_meta *part, const struct s3_body *body,
                                         int64_t *ret_ticket);
MR_MUST_USE enum mr_status s3_upload_abort(struct s3 *s3, struct mr_arena *arena,
                                           const struct s3_upload *upload, int64_t *ret_ticket);
struct s3_stored_part {
    uint32_t number;
    struct s3_meta meta;
};
/* All parts in order of their numbers; memory from the arena. */
MR_MUST_USE enum mr_status s3_upload_parts(struct s3 *s3, struct mr_arena *arena,
                                           struct mr_slice upload_id,
                                           struct s3_stored_part **ret_parts, size_t *ret_count);
/* Joins the chosen parts to one body and makes it the object. `object` has all but the body; its
 * conditions are those of s3_change, and so are the outcomes; besides MR_AGAIN: a part was sent
 * again or the upload ended meanwhile. Blocks for as long as the copy takes. */
MR_MUST_USE enum mr_status s3_upload_finish(struct s3 *s3, struct mr_arena *arena,
                                            const struct s3_upload *upload,
                                            const struct s3_stored_part *chosen, size_t count,
                                            struct s3_meta *object, struct s3_change *change,
                                            int64_t *ret_ticket);

/* ---- expire.c: lifecycle rules ---- */
void s3_expiry_start(struct s3 *s3);
void s3_expiry_wake(struct s3 *s3); /* the rules changed */
void s3_expiry_stop(struct s3 *s3);

/* ---- replicate.c: replication to other buckets ---- */
struct s3_replicated {
    struct mr_slice bucket, key;
    const struct s3_meta *meta; /* the version, or delete marker */
    bool update;                /* it is not new: its tags, access or retention changed */
};
/* Adds to the entry of the change that replicas are to be made, as the rules in the bucket's
 * document say. True: they are; s3_replicate_wake follows the commit. */
bool s3_replicate_plan(struct s3 *s3, struct store_entry *entry, yyjson_val *document,
                       const struct s3_replicated *what);
/* The bucket that a rule's ARN names; empty: it is none. */
struct mr_slice s3_replication_bucket(yyjson_val *rule);
void s3_replicate_start(struct s3 *s3);
void s3_replicate_wake(struct s3 *s3);
void s3_replicate_stop(struct s3 *s3);

/* ---- collect.c: pumps ---- */
void s3_pumps_start(struct s3 *s3);
void s3_pumps_stop(struct s3 *s3);
