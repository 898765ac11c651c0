/* streams/streams.h: a table's change stream: the record of every change of every item, kept for 24
 * hours.
 *
 * A stream has an open shard a partition of its table, or several where that has grown; after some
 * hours one is closed and a child goes on (its parent's id is in it), and one whose partition grows
 * is closed and two children go on. So an item's changes lie in one line of shards: read a parent
 * before its children. A partition has one window of the journal (journal.h) for as long as the
 * table lives, and a shard is a stretch of it, from `start` to before `end`, and of that the items
 * whose hash lies in its range: the entry that changed the item IS the stream record, and its
 * position in the journal is the record's sequence number.
 * Nothing is copied when a change is made; records are rendered when they are read. Others may read
 * the same windows (a table's Kinesis destinations), so a window may hold changes, and old images,
 * that no stream shows.
 *
 * Who calls what: dynamodb/ enables and disables streams (its table's entry carries their
 * documents) and writes the records' meta; pipes/ and the operations of the Streams API read.
 * Below, "stream" is one life of a table's stream: disabling ends it, enabling again begins another
 * with a new label and ARN.
 *
 * Units: positions are the journal's; times epoch milliseconds. Threads: everything here may be
 * called from any thread except a streams_reader, which belongs to one thread at a time. Streams
 * are counted references: streams_unref what streams_find and streams_create returned. */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "base/meters.h"
#include "base/rng.h"
#include "journal/journal.h"
#include "view/store.h"

struct protocol;
struct streams;        /* the registry of all streams */
struct streams_stream; /* one of them */

enum streams_view {
    STREAMS_VIEW_NONE = 0, /* no stream */
    STREAMS_VIEW_KEYS_ONLY,
    STREAMS_VIEW_NEW_IMAGE,
    STREAMS_VIEW_OLD_IMAGE,
    STREAMS_VIEW_NEW_AND_OLD_IMAGES,
};
/* "NEW_IMAGE" and so on. STREAMS_VIEW_NONE: no such view type. */
enum streams_view streams_view_parse(struct mr_slice text);
const char *streams_view_name(enum streams_view view);
/* Whether records of this view carry the old image, so that the writer must put it into its op
 * (has_old, old). */
static inline bool streams_view_wants_old(enum streams_view view)
{
    return view == STREAMS_VIEW_OLD_IMAGE || view == STREAMS_VIEW_NEW_AND_OLD_IMAGES;
}

enum streams_event { STREAMS_INSERT = 1, STREAMS_MODIFY = 2, STREAMS_REMOVE = 3 };

/* ---- the registry ---- */
struct streams_options {
    struct store *store;
    struct mr_rng *rng;
    struct meters *meters; /* NULL: nothing is measured */
};
/* Loads the streams that the store knows. */
MR_MUST_USE enum mr_status streams_open(struct streams **ret_streams,
                                        const struct streams_options *options);
void streams_close(struct streams *streams); /* accepts NULL */
/* Registers DescribeStream, ListStreams, GetShardIterator and GetRecords. */
void streams_register(struct streams *streams, struct protocol *protocol);

/* ---- reading: what pipes and event source mappings use ---- */

/* A shard. Immutable but for its end. */
struct streams_shard {
    const char *id;     /* "shardId-00000001718000000000-1a2b3c4d"; owned by the stream */
    const char *parent; /* id of the shard that it continues, or NULL; may name one already gone */
    uint32_t window;    /* of its partition, and so of its relatives; see runtime_pump_watch */
    uint32_t partition; /* of the table */
    uint16_t hash_from, hash_to; /* both in it: of the items whose changes it has */
    int64_t start;               /* position before which it has no record */
    int64_t end; /* closed: position at or after which it has no record; else INT64_MAX */
    int64_t created_ms;
    int64_t closed_ms; /* 0: open */
};
enum {
    STREAMS_PARTITIONS_MAX = 256,
    STREAMS_SHARDS_MAX = 1024,          /* kept at a time; one that cannot be rolled stays open */
    STREAMS_SHARDS_OPEN_MAX = 16,       /* of a partition: each reads past what the others have */
    STREAMS_SHARD_MS = 4 * 3600 * 1000, /* AWS: so old a shard is rolled */
};

/* The stream of that ARN, enabled or disabled, or NULL. */
struct streams_stream *streams_find(struct streams *streams, struct mr_slice arn);
struct streams_stream *streams_ref(struct streams_stream *stream);
void streams_unref(struct streams_stream *stream); /* accepts NULL */
const char *streams_arn(const struct streams_stream *stream);
const char *streams_label(const struct streams_stream *stream);
const char *streams_table(const struct streams_stream *stream); /* table name */
const char *streams_region(const struct streams_stream *stream);
enum streams_view streams_view_type(const struct streams_stream *stream);
bool streams_is_enabled(const struct streams_stream *stream);
/* Copies at most `max` shards in order of age (parents before children); returns how many there
 * are. Closed ones are among them as long as the journal may hold something of theirs, which can be
 * longer than the 24 hours for which clients see them. The id and parent texts live as long as the
 * stream. */
size_t streams_shards(struct streams_stream *stream, struct streams_shard *ret_shards, size_t max);
/* The shard with that id: MR_OK or MR_NOT_FOUND. */
MR_MUST_USE enum mr_status streams_shard_find(struct streams_stream *stream, struct mr_slice id,
                                              struct streams_shard *ret_shard);

/* Where to start. TRIM_HORIZON: the oldest record still kept. LATEST: just after the newest change
 * made so far, durable or not. */
int64_t streams_trim_horizon(struct streams *streams, const struct streams_shard *shard);
int64_t streams_latest(struct streams *streams);

/* A change, as a stream shows it. Images are encoded items (item/item.h), borrowed from the reader
 * until its next call. An image that the view type leaves out, or that does not exist, has ptr
 * NULL. */
struct streams_record {
    struct streams_stream *stream;
    enum streams_event event;
    bool by_service;  /* deleted by TTL: shown as userIdentity */
    int64_t position; /* unique, rising: the sequence number */
    int64_t time_ms;  /* when it was committed */
    struct mr_slice keys, new_image, old_image;
    uint64_t size_bytes; /* SizeBytes */
};

/* The change that an op of a table's window holds, with all images that the writer kept. Borrowed
 * from the op. False: the op holds none. */
struct streams_change {
    enum streams_event event;
    bool by_service;
    struct mr_slice keys, new_image, old_image; /* as encoded items; ptr NULL: none */
};
bool streams_change_read(const struct journal_op *op, struct streams_change *ret_change);

/* Reads one shard in order. Store streams_reader_position() as the checkpoint: opening at it goes
 * on with the record behind the last one that streams_reader_next returned. */
struct streams_reader {
    struct streams *streams;
    struct streams_stream *stream; /* holds a reference */
    char shard_id[66];
    uint32_t window;
    uint16_t hash_from, hash_to;
    size_t skip_left; /* changes of other shards that it may pass; opened without a bound */
    uint64_t version; /* of the stream's shards when `end` was looked up */
    int64_t end;      /* of the shard; INT64_MAX: open */
    struct journal_cursor cursor;
};
/* `position`: from streams_trim_horizon, streams_latest, a stored checkpoint, or a record's
 * position (AT) or position + 1 (AFTER). MR_OK or MR_NOT_FOUND (no such shard). */
MR_MUST_USE enum mr_status streams_reader_open(struct streams_reader *reader,
                                               struct streams *streams,
                                               struct streams_stream *stream,
                                               struct mr_slice shard_id, int64_t position);
void streams_reader_close(struct streams_reader *reader); /* accepts a zeroed reader */
/* MR_OK: *ret_record is the next change that is durable.
 * MR_AGAIN: nothing more now; wait for the window to move (or skip_left is 0).
 * MR_END: the shard is closed (or gone) and read to its end; nothing will ever follow.
 * MR_NOT_FOUND: the position has been trimmed away; the reader now stands at the trim horizon: call
 * again (and tell). */
MR_MUST_USE enum mr_status streams_reader_next(struct streams_reader *reader,
                                               struct streams_record *ret_record);
static inline int64_t streams_reader_position(const struct streams_reader *reader)
{
    return reader->cursor.position;
}

/* Texts of a record: 32 hex digits, stable on every read; and the sequence number, 21 digits that
 * sort as text. */
void streams_event_id(const struct streams_stream *stream, int64_t position, char ret[static 33]);
void streams_sequence_text(int64_t position, char ret[static 22]);
/* MR_INVALID: no number that streams_sequence_text could have made. Numbers below them all give 0.
 */
MR_MUST_USE enum mr_status streams_sequence_parse(struct mr_slice text, int64_t *ret_position);

/* The record as GetRecords shows it; or, `for_target`, as Lambda and Pipes hand it on:
 * eventSourceARN comes last, and userIdentity's members are spelled in lower case. */
void streams_record_json(struct mr_json *json, const struct streams_record *record,
                         bool for_target);

/* ---- writing: what dynamodb uses ---- */
struct streams_key_attribute {
    struct mr_slice name;
    bool range;
};
struct streams_create {
    struct mr_slice region, account, table;
    enum streams_view view;
    struct streams_key_attribute keys[8];
    size_t key_count;
    size_t partitions;       /* of the table; at most STREAMS_PARTITIONS_MAX */
    const uint32_t *windows; /* theirs */
    int64_t now_ms;
};
/* Makes a stream whose shards begin at the journal's present tail; its document joins `entry`. The
 * caller holds every lane of a table that has any. Others find it after streams_publish, which
 * belongs behind the entry's commit. A stream that is not published is dropped by streams_unref. */
struct streams_stream *streams_create(struct streams *streams, const struct streams_create *options,
                                      struct store_entry *entry);
void streams_publish(struct streams *streams, struct streams_stream *stream);
/* Closes all shards at the journal's present tail; the new document joins `entry`. The caller holds
 * every lane of the table across this call, the entry's commit and streams_disable_done, so that no
 * change of the stream can follow. */
void streams_disable(struct streams *streams, struct streams_stream *stream, int64_t now_ms,
                     struct store_entry *entry);
void streams_disable_done(struct streams_stream *stream);
/* Whether an open shard of the partition is so old that they are to be rolled, if they have
 * records. INT64_MAX or when that will be, in ret_due_ms. */
bool streams_roll_is_due(struct streams_stream *stream, size_t partition, int64_t now_ms,
                         int64_t *ret_due_ms);
/* Whether an open shard of the partition has a durable record. Looks into the journal. */
bool streams_has_record(struct streams_stream *stream, size_t partition);
/* How many shards of the partition are open. 0: the stream is closed. */
size_t streams_open_count(const struct streams_stream *stream, size_t partition);
/* Closes the partition's open shards at the journal's present tail and opens a child of each; the
 * new document joins `entry`. The caller holds the partition's lane across this call and the
 * entry's commit, and rolls or splits one partition of a stream at a time. When the entry is
 * committed, and before the lane is let go: streams_roll_done with its ticket; if it cannot be
 * committed, the journal has failed for good. MR_FULL: STREAMS_SHARDS_MAX; nothing changed. */
MR_MUST_USE enum mr_status streams_roll(struct streams_stream *stream, size_t partition,
                                        int64_t now_ms, struct store_entry *entry);
/* Likewise, but closes only as many as it takes, the widest first, and opens two children of each,
 * with half of its hashes: `wanted` are open then, or twice as many as before when that is less. */
MR_MUST_USE enum mr_status streams_split(struct streams_stream *stream, size_t partition,
                                         size_t wanted, int64_t now_ms, struct store_entry *entry);
void streams_roll_done(struct streams_stream *stream, int64_t ticket);
/* The window of the stream's open shards for that partition; 0: there is none. */
uint32_t streams_window(const struct streams_stream *stream, size_t partition);
/* The meta of a change's op: what happened, and the item's keys as an encoded item. */
struct mr_slice streams_meta(struct mr_arena *arena, enum streams_event event, bool by_service,
                             struct mr_slice keys);
