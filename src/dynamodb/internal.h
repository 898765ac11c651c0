/* dynamodb/internal.h: what the files of this folder share.
 *
 * Locks, in order: dynamodb.admin (one change of tables at a time), lanes by number, dynamodb.lock
 * (the map), streams'. A lane's lock is held across reading the old item, deciding and committing.
 */
#pragma once
#include "base/map.h"
#include "dynamodb/dynamodb.h"
#include "item/expression.h"
#include "policy/guarded.h"
#include "protocol/protocol.h"
#include "streams/streams.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    DYNAMODB_TABLES_MAX = 2500, /* AWS: by default, in a region */
    DYNAMODB_PARTITIONS = 4,    /* of a new table, at most; see README.md */
    DYNAMODB_INDEXES_MAX = 25,
    DYNAMODB_DEFINITIONS_MAX = 128,
    DYNAMODB_PROJECTED_MAX = 100, /* NonKeyAttributes of all of a table's indexes together */
    DYNAMODB_HASH_KEYS_MAX = 4,   /* AWS: of a global index; the range keys too */
    DYNAMODB_KEYS_MAX = 8,
    DYNAMODB_TAGS_MAX = 50,
    DYNAMODB_TABLE_UNITS_MAX = 40000, /* AWS: of reads and of writes, by default */
    DYNAMODB_PAGE_BYTES = 1 << 20,
};

/* ---- faults.c ---- */
extern const struct protocol_fault dynamodb_not_found;
extern const struct protocol_fault dynamodb_in_use;
extern const struct protocol_fault dynamodb_condition_failed;
extern const struct protocol_fault dynamodb_limit_exceeded;
extern const struct protocol_fault dynamodb_not_implemented;
extern const struct protocol_fault dynamodb_canceled;
extern const struct protocol_fault dynamodb_token_mismatch;
extern const struct protocol_fault dynamodb_no_policy;
extern const struct protocol_fault dynamodb_duplicate;
/* Turns the outcome of an item_* function into the call's fault; returns MR_FAULT. */
enum mr_status dynamodb_refuse(struct protocol_call *call, enum mr_status status,
                               struct mr_slice error);

/* ---- tables ---- */
struct dynamodb_sums {
    int64_t items, bytes;
};
/* See count.c. */
struct dynamodb_count {
    _Atomic int64_t items, bytes;
};
static inline void dynamodb_count_add(struct dynamodb_count *count, int64_t items, int64_t bytes)
{
    atomic_fetch_add_explicit(&count->items, items, memory_order_relaxed);
    atomic_fetch_add_explicit(&count->bytes, bytes, memory_order_relaxed);
}
static inline struct dynamodb_sums dynamodb_count_get(const struct dynamodb_count *count)
{
    return (struct dynamodb_sums){atomic_load(&count->items), atomic_load(&count->bytes)};
}
struct dynamodb_key {
    struct mr_slice name;
    enum item_type type;
};
/* Tables and local indexes have one partition key and at most one sort key. A global index may have
 * several of each: an item has an entry when it has them all, and one partition is made of all
 * partition keys together. Made by dynamodb_schema_make. */
struct dynamodb_schema {
    struct dynamodb_key hash, range; /* the first of each */
    bool has_range;
    struct dynamodb_key keys[DYNAMODB_KEYS_MAX]; /* all: partition keys, then sort keys */
    size_t hash_count, key_count;
};
/* See index.c. */
enum dynamodb_index_state {
    DYNAMODB_INDEX_ACTIVE,
    DYNAMODB_INDEX_CREATING,
    DYNAMODB_INDEX_DELETING
};
/* See throughput.c. */
struct dynamodb_tuning {
    int64_t max_read, max_write;        /* OnDemandThroughput; 0: no limit */
    int64_t warm_read, warm_write;      /* WarmThroughput that was asked for; 0: none */
    int64_t increased_ms, decreased_ms; /* of provisioned units; 0: never */
    int64_t decreases;                  /* on the day of decreased_ms (UTC) */
};
enum dynamodb_projection { DYNAMODB_ALL, DYNAMODB_KEYS_ONLY, DYNAMODB_INCLUDE };
struct dynamodb_index {
    struct mr_slice name;
    uint8_t number; /* within the table; part of its entries' keys */
    bool local;
    size_t slot; /* where the table has it */
    struct dynamodb_schema schema;
    enum dynamodb_projection projection;
    struct mr_slice *included; /* INCLUDE's attributes */
    size_t included_count;
    atomic_int state;                        /* enum dynamodb_index_state */
    _Atomic int64_t read_units, write_units; /* global, provisioned */
    struct dynamodb_tuning tuning;           /* by dynamodb.lock */
    struct dynamodb_count count;
};

enum dynamodb_state {
    DYNAMODB_NONE,
    DYNAMODB_CREATING,
    DYNAMODB_ACTIVE,
    DYNAMODB_UPDATING,
    DYNAMODB_DELETING,
};

/* What is kept of earlier items; see history.c. */
struct dynamodb_history_state {
    uint32_t number;  /* 0: nothing */
    int64_t since_ms; /* nothing from before */
    int64_t days;     /* nor for longer */
};

struct dynamodb_lane {
    _Alignas(64) pthread_mutex_t lock;
    struct {
        struct mr_buf old; /* the item before, while a write is decided */
        uint32_t window;   /* of the lane's changes; 0: nobody reads them */
        bool old_images;   /* somebody who reads them wants them */
        uint32_t history;  /* number of the table's history; 0: none */
        bool deleted;      /* the table is gone */
        bool recorded;     /* a change went into the window; */
        bool searched;     /* or the stream's shard had none when it was looked for: see roll.c */
    } locked;
    struct dynamodb_count count; /* of what this process has changed */
    _Atomic int64_t ticket;      /* of the lane's last commit */
    atomic_int busy;             /* a commit may be visible whose ticket is not known yet */
};

struct dynamodb_table {
    atomic_int references;
    struct dynamodb *dynamodb;
    /* immutable */
    struct mr_arena arena;
    uint32_t number; /* begins its items' keys; never used twice */
    struct mr_slice name, arn, region, account, uuid;
    int64_t created_ms;
    struct dynamodb_schema schema;
    size_t partitions;
    struct dynamodb_lane *lanes;
    struct mr_slice origin; /* JSON: what it was restored or imported from; empty: CreateTable */
    bool fills;             /* by admin: its items are still being written (fill.c) */
    atomic_bool hidden;     /* as long, from the operations on items */
    /* One a partition, of its changes: for the shards of all the table's streams and for its
     * destinations. 0 until somebody reads changes for the first time, then the same for ever.
     * By admin. */
    uint32_t *windows;
    /* Change under admin, all lanes and dynamodb.lock; an index stays where it is as long as the
     * table, its slot may become empty. */
    struct dynamodb_index *_Atomic slots[DYNAMODB_INDEXES_MAX];
    _Atomic size_t index_count; /* slots ever used */
    uint8_t last_index_number;
    struct dynamodb_key definitions[DYNAMODB_DEFINITIONS_MAX]; /* by dynamodb.lock */
    size_t definition_count;
    /* What UpdateTable may change. */
    struct {
        enum dynamodb_state state;
        bool on_demand;
        int64_t on_demand_since_ms; /* 0: never */
        int64_t read_units, write_units;
        struct dynamodb_tuning tuning;
        bool protection;
        bool infrequent, class_given;  /* table class; described once somebody named one */
        int64_t class_changed_ms;      /* by UpdateTable; 0: never */
        bool encrypted;                /* SSESpecification: described, nothing more */
        struct mr_buf kms_key;         /* ARN; empty: AWS's own */
        struct streams_stream *stream; /* the latest one, enabled or not; may be NULL */
        bool stream_enabled;
        bool destination;       /* a Kinesis stream is to have its changes */
        struct mr_buf tags;     /* JSON array of {Key, Value}; empty: none */
        struct mr_buf ttl;      /* name of the attribute; empty: no TTL */
        int64_t ttl_changed_ms; /* 0: never */
        struct dynamodb_history_state history;
    } locked;                   /* by dynamodb.lock */
    struct dynamodb_count base; /* what was there before, and fills; the lanes have the rest */
    _Atomic(struct dynamodb_meters *) meters; /* meters.c; NULL: none yet */
    /* since the start */
    _Atomic uint64_t inserts, modifies, removes, failures;
};

struct dynamodb {
    struct protocol *protocol; /* once registered */
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters;
    struct streams *streams;
    struct s3 *s3;
    void (*log)(void *ctx, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                struct mr_slice text);
    void *log_ctx;
    bool testing;
    pthread_mutex_t admin;
    pthread_rwlock_t lock;
    struct {
        struct mr_map tables; /* name -> struct dynamodb_table */
    } locked;
    struct policy_guarded guarded; /* tables and streams that have a policy: access.c */
    struct dynamodb_drops *drops;
    struct dynamodb_tokens *tokens;
    struct dynamodb_ttl *ttl;
    struct runtime_pump *rolls;
    struct dynamodb_indexes *indexes;
    struct dynamodb_recovery *recovery;
    struct kinesis *kinesis;
    struct dynamodb_destinations *destinations;
    struct dynamodb_counts *counts;
};

/* ---- table.c ---- */
struct dynamodb_table *dynamodb_table_alloc(struct dynamodb *dynamodb);
/* Makes the lanes; once number, schema and partitions are set. */
void dynamodb_table_ready(struct dynamodb_table *table);
struct dynamodb_table *dynamodb_table_find(struct dynamodb *dynamodb, struct mr_slice name);
size_t dynamodb_table_count(struct dynamodb *dynamodb);
void dynamodb_table_unref(struct dynamodb_table *table); /* accepts NULL */
/* For MR_CLEANUP. */
static inline void dynamodb_table_release(struct dynamodb_table **table)
{
    dynamodb_table_unref(*table);
}
void dynamodb_table_publish(struct dynamodb_table *table);
void dynamodb_table_withdraw(struct dynamodb_table *table);
/* The one place where states change. Takes dynamodb.lock. */
void dynamodb_table_set_state(struct dynamodb_table *table, enum dynamodb_state state);
enum dynamodb_state dynamodb_table_state(struct dynamodb_table *table);
const char *dynamodb_state_name(enum dynamodb_state state);
void dynamodb_table_lock_lanes(struct dynamodb_table *table);
void dynamodb_table_unlock_lanes(struct dynamodb_table *table);
/* Gives the table its windows, if it has none yet; with the entry that the table's document joins.
 * Under admin. */
void dynamodb_table_need_windows(struct dynamodb_table *table, struct store_entry *entry);
/* Under all lanes, or before others find the table: what their writes shall keep from now on, for
 * the table's stream and its destination. */
void dynamodb_table_set_changes(struct dynamodb_table *table);
/* Under all lanes: their writes keep history as the table now says. */
void dynamodb_table_set_history(struct dynamodb_table *table);
/* In any state. */
struct dynamodb_index *dynamodb_table_index(const struct dynamodb_table *table,
                                            struct mr_slice name);
/* NULL: there is none. i < table->index_count. */
static inline struct dynamodb_index *dynamodb_index_at(const struct dynamodb_table *table, size_t i)
{
    return atomic_load_explicit(&table->slots[i], memory_order_acquire);
}
/* All tables by name, with references. */
struct dynamodb_table **dynamodb_table_list(struct dynamodb *dynamodb, struct mr_arena *arena,
                                            size_t *ret_count);
/* For what sweeps table by table: the first that is wanted behind `number` in the order of numbers,
 * with a reference; or NULL. `wanted` is called under dynamodb.lock. */
struct dynamodb_table *dynamodb_table_after(struct dynamodb *dynamodb, uint32_t number,
                                            bool (*wanted)(const struct dynamodb_table *table));
/* "T" from "T" or "arn:aws:dynamodb:R:A:table/T". */
struct mr_slice dynamodb_table_name(struct mr_slice name_or_arn);

/* ---- document.c ---- */
/* The table as it now is; the caller holds admin. */
void dynamodb_document_put(struct dynamodb_table *table, struct store_entry *entry);
/* The same as JSON, and a table made of it: not yet ready, nor published. NULL: it cannot be read.
 */
void dynamodb_document_json(struct mr_json *json, const struct dynamodb_table *table);
struct dynamodb_table *dynamodb_document_read(struct dynamodb *dynamodb, yyjson_val *doc);
void dynamodb_document_delete(const struct dynamodb_table *table, struct store_entry *entry);
MR_MUST_USE enum mr_status dynamodb_document_load(struct dynamodb *dynamodb);

/* ---- describe.c ---- */
/* The TableDescription object. */
enum dynamodb_describe {
    DYNAMODB_DESCRIBE,
    DYNAMODB_DESCRIBE_NEW,
    DYNAMODB_DESCRIBE_UPDATED, /* a new index is not being filled yet */
    DYNAMODB_DESCRIBE_GONE,
};
void dynamodb_describe(struct mr_json *json, struct dynamodb_table *table,
                       enum dynamodb_describe how);
/* Parts of it, as members of the open object. */
void dynamodb_describe_schema(struct mr_json *json, const struct dynamodb_schema *schema);
void dynamodb_describe_index(struct mr_json *json, const struct dynamodb_index *index);
/* All of one kind; `write` adds what else an index has. */
void dynamodb_describe_indexes(struct mr_json *json, const struct dynamodb_table *table, bool local,
                               void (*write)(struct mr_json *json,
                                             const struct dynamodb_table *table,
                                             const struct dynamodb_index *index, const void *ctx),
                               const void *ctx);
void dynamodb_describe_sse(struct mr_json *json, struct dynamodb_table *table);

/* ---- create.c ---- */
/* MR_FAULT: an SSESpecification that contradicts itself. */
MR_MUST_USE enum mr_status dynamodb_sse_check(struct protocol_call *call, yyjson_val *wish);
/* Takes an SSESpecification into the table; NULL: leaves it as it is. */
void dynamodb_sse_change(struct dynamodb_table *table, yyjson_val *wish);
/* Reads and checks a CreateTable request into a fresh table; NULL after setting the fault. */
struct dynamodb_table *dynamodb_table_from_request(struct protocol_call *call);

/* Reads the request's AttributeDefinitions and that one global index into the scratch table, beside
 * the definitions of `table`. */
MR_MUST_USE enum mr_status dynamodb_index_read(struct protocol_call *call,
                                               struct dynamodb_table *scratch,
                                               const struct dynamodb_table *table,
                                               yyjson_val *each);
/* MR_FAULT: the table's indexes, and the one that may be added, project too many attributes. */
MR_MUST_USE enum mr_status dynamodb_projected_check(struct protocol_call *call,
                                                    const struct dynamodb_table *table,
                                                    const struct dynamodb_index *added);

/* ---- throughput.c ---- */
struct dynamodb_tuning_wish {
    yyjson_val *owner;     /* has OnDemandThroughput, WarmThroughput, or not */
    struct mr_slice index; /* its name; empty: the table */
    bool on_demand;        /* the table, when all is done */
    int64_t read_units, write_units;
    const struct dynamodb_tuning *current; /* NULL: it is being made */
};
/* AWS: who names OnDemandThroughput (or what overrides it) or WarmThroughput gives one of its two
 * members at least. */
MR_MUST_USE enum mr_status dynamodb_tuning_check_empty(struct protocol_call *call,
                                                       yyjson_val *owner, const char *name);
MR_MUST_USE enum mr_status dynamodb_tuning_read(struct protocol_call *call,
                                                const struct dynamodb_tuning_wish *wish,
                                                struct dynamodb_tuning *ret_tuning);
/* Notes a change of provisioned units. */
void dynamodb_tuning_count(struct dynamodb_tuning *tuning, int64_t read_growth,
                           int64_t write_growth, int64_t now_ms);
/* MR_FAULT: another decrease would be one too many for now. */
MR_MUST_USE enum mr_status dynamodb_decrease_check(struct protocol_call *call,
                                                   const struct dynamodb_tuning *tuning,
                                                   int64_t read_growth, int64_t write_growth);
/* Before the units change: what was warm once stays so. */
void dynamodb_tuning_keep_warm(struct dynamodb_tuning *tuning, bool on_demand, int64_t read_units,
                               int64_t write_units);
/* Each writes its member. */
void dynamodb_describe_throughput(struct mr_json *json, int64_t read_units, int64_t write_units,
                                  const struct dynamodb_tuning *tuning, int64_t now_ms);
void dynamodb_describe_on_demand(struct mr_json *json, const struct dynamodb_tuning *tuning);
/* What the table, or an index, serves at once. */
void dynamodb_warm_units(bool on_demand, int64_t read_units, int64_t write_units,
                         const struct dynamodb_tuning *tuning, int64_t *ret_read,
                         int64_t *ret_write);
void dynamodb_describe_warm(struct mr_json *json, bool on_demand, int64_t read_units,
                            int64_t write_units, const struct dynamodb_tuning *tuning);
void dynamodb_tuning_put(struct mr_json *json, const struct dynamodb_tuning *tuning);
struct dynamodb_tuning dynamodb_tuning_take(yyjson_val *doc);

/* ---- checks.c ---- */
/* MR_FAULT: units beyond what any table may have. */
MR_MUST_USE enum mr_status dynamodb_throughput_check(struct protocol_call *call,
                                                     yyjson_val *throughput);
/* MR_FAULT: units beyond what the account may give a table, or the index (empty: the table). */
MR_MUST_USE enum mr_status dynamodb_units_check(struct protocol_call *call, yyjson_val *throughput,
                                                struct mr_slice index);
/* Whether an UpdateTable request creates or deletes an index; and the fault of doing so beside
 * another. */
bool dynamodb_index_comes_or_goes(const struct protocol_call *call);
enum mr_status dynamodb_index_refuse_another(struct protocol_call *call);
/* What is wrong with an UpdateTable request whatever its table is. */
MR_MUST_USE enum mr_status dynamodb_update_request_check(struct protocol_call *call);
/* MR_FAULT: there is no such TableClass. */
MR_MUST_USE enum mr_status dynamodb_class_check(struct protocol_call *call);
/* Tags as a request gives them; and the fault of having too many. */
MR_MUST_USE enum mr_status dynamodb_tags_check(struct protocol_call *call, yyjson_val *tags);
enum mr_status dynamodb_tags_fail(struct protocol_call *call);

/* ---- index.c: indexes made and deleted while their table serves ---- */
struct dynamodb_index_change {
    yyjson_val *list; /* GlobalSecondaryIndexUpdates, or NULL */
    struct dynamodb_index *created, *deleted;
    struct dynamodb_tuning tunings[DYNAMODB_INDEXES_MAX]; /* of those updated, by slot */
};
/* Reads and checks; changes nothing. The caller holds admin. */
MR_MUST_USE enum mr_status dynamodb_index_changes(struct protocol_call *call,
                                                  struct dynamodb_table *table,
                                                  struct dynamodb_index_change *ret_change);
/* AWS: an index that is being filled may be deleted, though its table is UPDATING. The caller holds
 * admin. */
bool dynamodb_index_cancels(const struct protocol_call *call, const struct dynamodb_table *table);
/* Under admin and all lanes, before the entry that stores the table. */
void dynamodb_index_apply_locked(struct dynamodb_table *table,
                                 const struct dynamodb_index_change *change);
/* tables.c: whether the table is on demand when the UpdateTable request is done. The caller holds
 * admin. */
bool dynamodb_on_demand_wanted(const struct protocol_call *call,
                               const struct dynamodb_table *table);
/* Under dynamodb.lock. */
void dynamodb_index_units_set(struct dynamodb_index *index, int64_t read_units, int64_t write_units,
                              int64_t now_ms);
/* The table is UPDATING until its indexes are finished; then this makes it ACTIVE. */
void dynamodb_indexes_begin(struct dynamodb_table *table);
void dynamodb_indexes_open(struct dynamodb *dynamodb);
void dynamodb_indexes_close(struct dynamodb *dynamodb);

/* ---- key.c ---- */
/* Keys of VIEW_ITEM:  table number (u32, big-endian), hash of the partition key (u16, big-endian),
 * key of the partition key, key of the sort key (item.h). Keys of VIEW_INDEX: table number, index
 * number (u8), hash of the index's partition key (u16), its key, the key of the index's sort key,
 * then the table's keys. */
struct dynamodb_address {
    struct mr_slice key; /* in VIEW_ITEM */
    struct dynamodb_lane *lane;
    size_t partition;
};
enum { DYNAMODB_HASH_BITS = 16 };
uint16_t dynamodb_hash(struct mr_slice hash_key); /* of the key form; stored: must never change */
/* The lane of a key of VIEW_ITEM. */
struct dynamodb_lane *dynamodb_lane_of(const struct dynamodb_table *table, struct mr_slice key);
/* `item` has the key attributes, checked. */
struct dynamodb_address dynamodb_address_of(struct mr_arena *arena, struct dynamodb_table *table,
                                            struct mr_slice item);
size_t dynamodb_partition_of(const struct dynamodb_table *table, uint16_t hash);
struct dynamodb_schema dynamodb_schema_make(const struct dynamodb_key *keys, size_t hash_count,
                                            size_t key_count);
/* Of one partition key and at most one sort key. */
static inline bool dynamodb_schema_is_plain(const struct dynamodb_schema *schema)
{
    return schema->hash_count == 1 && schema->key_count <= 2;
}
/* Writes the beginning of all keys with those partition keys. */
void dynamodb_prefix_write(struct item_writer *writer, const struct dynamodb_table *table,
                           const struct dynamodb_index *index, const struct item_value *hashes,
                           size_t count);
/* The key of the item's entry in the index; false: it has none there. */
bool dynamodb_index_key(struct mr_arena *arena, const struct dynamodb_table *table,
                        const struct dynamodb_index *index, struct mr_slice item,
                        struct mr_slice *ret_key);
struct mr_slice dynamodb_index_value(struct mr_arena *arena, const struct dynamodb_table *table,
                                     const struct dynamodb_index *index, struct mr_slice item);
/* Encodes a Key parameter: MR_OK, or MR_FAULT. */
MR_MUST_USE enum mr_status dynamodb_key_read(struct protocol_call *call, yyjson_val *json,
                                             struct mr_slice *ret_keys);
/* A value of that key attribute has its type and a size that keys may have; `where` precedes what
 * is told. */
MR_MUST_USE enum mr_status dynamodb_key_value_check(struct protocol_call *call,
                                                    const struct dynamodb_key *key,
                                                    const struct item_value *value, bool range,
                                                    const char *where);
/* It has exactly the table's keys, of the right types and sizes. */
MR_MUST_USE enum mr_status dynamodb_key_check(struct protocol_call *call,
                                              const struct dynamodb_table *table,
                                              struct mr_slice keys);
/* A value of a key attribute of an index is not empty; one of another type is not looked at. */
MR_MUST_USE enum mr_status dynamodb_index_check_empty(struct protocol_call *call,
                                                      const struct dynamodb_index *index,
                                                      const struct dynamodb_key *key,
                                                      const struct item_value *value);
/* Whether a key of the table is empty, and, `indexed`, one of an index: told before all else that
 * may be wrong with keys in a transaction. */
MR_MUST_USE enum mr_status dynamodb_item_check_empty(struct protocol_call *call,
                                                     const struct dynamodb_table *table,
                                                     struct mr_slice item, bool indexed);
/* An item to put in a batch: as dynamodb_item_check, but what its keys lack is told in the words of
 * dynamodb_key_check. */
MR_MUST_USE enum mr_status dynamodb_item_check_batch(struct protocol_call *call,
                                                     const struct dynamodb_table *table,
                                                     struct mr_slice item);
/* AWS: an item and its entries in all local indexes have at most 400 KB together. */
MR_MUST_USE enum mr_status dynamodb_item_check_locals(struct protocol_call *call,
                                                      const struct dynamodb_table *table,
                                                      struct mr_slice item, bool updated);
/* An item to put has the table's keys, and index keys of the right types where it has any. */
MR_MUST_USE enum mr_status dynamodb_item_check(struct protocol_call *call,
                                               const struct dynamodb_table *table,
                                               struct mr_slice item);
MR_MUST_USE enum mr_status dynamodb_item_check_indexes(struct protocol_call *call,
                                                       const struct dynamodb_table *table,
                                                       struct mr_slice item);
/* The key attributes alone, as an item. */
struct mr_slice dynamodb_keys_of(struct mr_arena *arena, const struct dynamodb_schema *schema,
                                 struct mr_slice item);
/* An update leaves the keys alone. */
MR_MUST_USE enum mr_status dynamodb_update_check(struct protocol_call *call,
                                                 const struct dynamodb_table *table,
                                                 const struct item_update *update);
/* What has paths; each may be NULL. */
struct dynamodb_paths {
    const struct item_update *update;
    const struct item_node *filter;
    const struct item_projection *projection;
};
/* None of them leads into a key of the table or of an index. */
MR_MUST_USE enum mr_status dynamodb_paths_check(struct protocol_call *call,
                                                const struct dynamodb_table *table,
                                                const struct dynamodb_paths *paths);
bool dynamodb_is_key(const struct dynamodb_schema *schema, struct mr_slice name);
bool dynamodb_is_projected(const struct dynamodb_table *table, const struct dynamodb_index *index,
                           struct mr_slice name);

/* ---- request.c ---- */
enum dynamodb_expression {
    DYNAMODB_UPDATE = 1,
    DYNAMODB_CONDITION = 2,
    DYNAMODB_KEY_CONDITION = 4,
    DYNAMODB_FILTER = 8,
    DYNAMODB_PROJECTION = 16,
    DYNAMODB_LEGACY = 32, /* the operation also knows the parameters of the time before them */
    DYNAMODB_ACTION = 64, /* of a transaction: see dynamodb_check_parameters */
};
struct dynamodb_expressions {
    bool has_update, has_condition, has_key_condition, has_filter;
    struct item_update update;
    struct item_condition condition;
    struct item_key_condition key_condition;
    struct item_condition filter;
    bool legacy_filter;                 /* errors have other words */
    struct item_projection *projection; /* NULL: whole items */
    bool projected;
};
/* Refuses parameters that exclude each other. `members` is where the parameters
 * stand, `kinds` the expressions that the operation knows. */
MR_MUST_USE enum mr_status dynamodb_check_parameters(struct protocol_call *call,
                                                     yyjson_val *members, unsigned kinds);
MR_MUST_USE enum mr_status dynamodb_parse_expressions(struct protocol_call *call,
                                                      yyjson_val *members, unsigned kinds,
                                                      struct dynamodb_expressions *ret);
/* The same in the parts that Query and Scan need apart: QueryFilter or ScanFilter with
 * AttributesToGet (empties *ret first), the expressions, KeyConditions. */
MR_MUST_USE enum mr_status dynamodb_parse_filters(struct protocol_call *call, yyjson_val *members,
                                                  unsigned kinds, struct dynamodb_expressions *ret);
MR_MUST_USE enum mr_status dynamodb_parse_new(struct protocol_call *call, yyjson_val *members,
                                              unsigned kinds, struct dynamodb_expressions *ret);
MR_MUST_USE enum mr_status dynamodb_parse_key_conditions(struct protocol_call *call,
                                                         yyjson_val *members,
                                                         struct dynamodb_expressions *ret);
/* MR_FAULT: no table can have that name. */
MR_MUST_USE enum mr_status dynamodb_name_check(struct protocol_call *call, struct mr_slice name);
/* The table of that name or ARN, or NULL after setting the fault; `described`: in the words of the
 * operations on tables. */
struct dynamodb_table *dynamodb_need_table(struct protocol_call *call, struct mr_slice name_or_arn,
                                           bool described);
/* MR_FAULT: an ARN that is no table's, or is of another region or another account. `action`: what
 * the caller would need a policy for. Names that are no ARNs are let through. */
MR_MUST_USE enum mr_status dynamodb_arn_check(struct protocol_call *call,
                                              struct mr_slice name_or_arn, const char *action);
/* The same for any ARN of this service: whether it is of here. */
MR_MUST_USE enum mr_status dynamodb_place_check(struct protocol_call *call, struct mr_slice arn,
                                                const char *action);
/* The same for the request's TableName, in the words of the operations on items. */
struct dynamodb_table *dynamodb_request_table(struct protocol_call *call);

enum dynamodb_return {
    DYNAMODB_RETURN_NONE,
    DYNAMODB_ALL_OLD,
    DYNAMODB_UPDATED_OLD,
    DYNAMODB_ALL_NEW,
    DYNAMODB_UPDATED_NEW
};
enum dynamodb_return dynamodb_return_values(const struct protocol_call *call);

enum dynamodb_capacity {
    DYNAMODB_CAPACITY_NONE,
    DYNAMODB_CAPACITY_TOTAL,
    DYNAMODB_CAPACITY_INDEXES
};
enum dynamodb_capacity dynamodb_capacity_wanted(const struct protocol_call *call);
/* Units used on a table and its indexes. */
struct dynamodb_units {
    double table;
    double indexes[DYNAMODB_INDEXES_MAX];
};
double dynamodb_read_units(uint64_t bytes, bool consistent); /* at least one block */
double dynamodb_write_units(uint64_t bytes);
/* ---- meters.c: metrics of AWS/DynamoDB ---- */
enum dynamodb_meter {
    DYNAMODB_METER_READ,
    DYNAMODB_METER_WRITE,
    DYNAMODB_METER_CONDITION,
    DYNAMODB_METER_EXPIRED,
};
void dynamodb_meter(struct dynamodb_table *table, enum dynamodb_meter kind, uint64_t count);
void dynamodb_consumed(const struct dynamodb_table *table, const struct dynamodb_units *units,
                       bool write);
/* The call's reply, if it is no fault, is one of its operation on the table. */
void dynamodb_meter_latency(struct protocol_call *call, struct dynamodb_table *table);
void dynamodb_meter_returned(const struct protocol_call *call, struct dynamodb_table *table,
                             uint64_t count);
void dynamodb_meter_errors(struct dynamodb *dynamodb, struct protocol *protocol);
void dynamodb_meters_free(struct dynamodb_table *table);

/* The ConsumedCapacity object (the caller has written the member's name). `named`: the table as
 * the request names it, for AWS tells the ARN to who gave it. */
void dynamodb_capacity_json(struct mr_json *json, enum dynamodb_capacity wanted,
                            struct mr_slice named, const struct dynamodb_table *table,
                            const struct dynamodb_units *units);
void dynamodb_capacity_kind_json(struct mr_json *json, enum dynamodb_capacity wanted,
                                 struct mr_slice named, const struct dynamodb_table *table,
                                 const struct dynamodb_units *units, const char *kind);

/* The key ItemCollectionMetrics and what it says of one item, where it is asked for and the table
 * has local indexes. */
void dynamodb_collection_json(struct protocol_call *call, const struct dynamodb_table *table,
                              struct mr_slice item);
/* The same of many items: `next` gives them in the order of tables and keys. */
typedef bool dynamodb_next_item(void *ctx, size_t at, const struct dynamodb_table **ret_table,
                                struct mr_slice *ret_item);
void dynamodb_collections_json(struct protocol_call *call, dynamodb_next_item *next, void *ctx);

/* ---- write.c ---- */
enum dynamodb_write_kind { DYNAMODB_PUT, DYNAMODB_DELETE, DYNAMODB_CHANGE };
struct dynamodb_write {
    enum dynamodb_write_kind kind;
    struct dynamodb_address address;
    struct mr_slice item;                   /* PUT: the item; else the keys */
    const struct item_update *update;       /* CHANGE; NULL: none */
    const struct item_condition *condition; /* or NULL */
    bool inserts;                           /* a failing condition means: there is one already */
    bool wants_old;                         /* copy the old item into `old` */
    bool wants_old_on_failure;
    /* results */
    struct mr_slice old;      /* ptr NULL: none, or not wanted */
    struct mr_slice new_item; /* ptr NULL: none */
    struct dynamodb_units units;
    uint64_t old_size, new_size; /* 0: none */
};
/* Decides and commits one write. MR_OK; MR_FAULT; < 0. Raises call->ticket. */
MR_MUST_USE enum mr_status dynamodb_write_run(struct protocol_call *call,
                                              struct dynamodb_table *table,
                                              struct dynamodb_write *write);
/* Unconditional puts and deletes of one lane, as one entry. `writes` all have the same lane. */
MR_MUST_USE enum mr_status dynamodb_write_batch(struct protocol_call *call,
                                                struct dynamodb_table *table,
                                                struct dynamodb_write *const *writes, size_t count);
/* The two halves of a write, for those who hold the lanes of several.
 * Evaluate: MR_OK (new_item is set), MR_NOT_FOUND (the condition does not hold), MR_INVALID (the
 * update does not fit, *ret_error), MR_FAULT, < 0. `*ret_old` is borrowed from the lane until its
 * next read. */
MR_MUST_USE enum mr_status dynamodb_write_evaluate_locked(struct protocol_call *call,
                                                          struct dynamodb_table *table,
                                                          struct dynamodb_write *write,
                                                          struct mr_slice *ret_old,
                                                          struct mr_slice *ret_error);
/* Adds the ops of an evaluated write to the entry; none when nothing changes. */
void dynamodb_write_ops_locked(struct protocol_call *call, struct dynamodb_table *table,
                               struct dynamodb_write *write, struct mr_slice old,
                               struct store_entry *entry);
/* Deletes the item with that key (of VIEW_ITEM) as the service itself, if it has expired.
 * MR_OK: raises *ticket.  MR_NOT_FOUND: it is gone, or has more time.  < 0. */
MR_MUST_USE enum mr_status dynamodb_write_expire(struct mr_arena *arena,
                                                 struct dynamodb_table *table, struct mr_slice key,
                                                 struct mr_slice attribute, int64_t now_ms,
                                                 int64_t *ticket);
/* Commits, so that a reader who sees the change also learns what to wait for; raises *ticket. */
MR_MUST_USE enum mr_status dynamodb_lane_commit_locked(struct dynamodb_table *table,
                                                       struct dynamodb_lane *lane,
                                                       struct store_entry *entry, int64_t *ticket);
/* Unlocks, and gives the memory of a large old item back: tables may be many. */
void dynamodb_lane_unlock(struct dynamodb_lane *lane);
/* What a reader of the lane must wait for; to be called after it has read. */
int64_t dynamodb_lane_ticket(struct dynamodb *dynamodb, struct dynamodb_lane *lane);
int64_t dynamodb_table_ticket(struct dynamodb_table *table); /* of all lanes */

/* ---- drop.c: deletes the items of deleted tables in the background ---- */
MR_MUST_USE enum mr_status dynamodb_drops_open(struct dynamodb *dynamodb);
void dynamodb_drops_close(struct dynamodb *dynamodb);
/* The order to delete joins the entry; dynamodb_drops_begin starts it after the commit. */
void dynamodb_drops_add(uint32_t number, struct store_entry *entry);
void dynamodb_drops_begin(struct dynamodb *dynamodb, uint32_t number);

/* ---- fill.c ---- */
/* MR_FAULT: the table is still being restored or imported. The caller holds admin. */
MR_MUST_USE enum mr_status dynamodb_check_filled(struct protocol_call *call,
                                                 const struct dynamodb_table *table);

/* ---- history.c ---- */
/* What the item with that key was, for the change that joins the same entry. */
void dynamodb_history_add(uint32_t number, struct mr_slice key, struct mr_slice old,
                          struct store_entry *entry);
/* Commits changes of items: stamps their history, under the lanes of all of them. */
MR_MUST_USE enum mr_status dynamodb_commit_locked(struct dynamodb *dynamodb,
                                                  struct store_entry *entry, int64_t *ret_ticket);

/* ---- ttl.c: deletes expired items in the background ---- */
void dynamodb_ttl_open(struct dynamodb *dynamodb);
void dynamodb_ttl_close(struct dynamodb *dynamodb);
bool dynamodb_ttl_expired(struct mr_slice item, struct mr_slice attribute, int64_t now_ms);

/* ---- count.c: how many items and bytes there are ---- */
/* Before anybody writes items. */
MR_MUST_USE enum mr_status dynamodb_counts_open(struct dynamodb *dynamodb);
/* When nobody writes any more. */
void dynamodb_counts_close(struct dynamodb *dynamodb);
struct dynamodb_sums dynamodb_table_sums(const struct dynamodb_table *table);

/* ---- destination.c: Kinesis streams that a table's changes go to ---- */
MR_MUST_USE enum mr_status dynamodb_destinations_open(struct dynamodb *dynamodb);
void dynamodb_destinations_close(struct dynamodb *dynamodb);
/* Held, behind the lanes, across the entry that ends a table and its destinations. */
void dynamodb_destinations_lock(struct dynamodb *dynamodb);
void dynamodb_destinations_unlock(struct dynamodb *dynamodb);
/* The table goes: its destinations end with the entry that says so, and carry what lies before. */
void dynamodb_destinations_end_locked(struct dynamodb_table *table, struct store_entry *entry);
void dynamodb_destinations_ended(struct dynamodb_table *table); /* behind the commit; under admin */

/* ---- roll.c: closes old shards of tables' streams and opens their children ---- */
/* What makes partitions split on AWS. */
struct dynamodb_growth {
    int64_t bytes;
    int64_t read_units, write_units; /* that the table is to serve in a second */
};
/* How many of the stream's shards the partition should have, so that together they are as many as
 * partitions would be on AWS; at least one. */
size_t dynamodb_shards_wanted(const struct dynamodb_growth *growth, size_t partitions,
                              size_t partition);
void dynamodb_rolls_open(struct dynamodb *dynamodb);
void dynamodb_rolls_close(struct dynamodb *dynamodb);

/* ---- misc.c ---- */
/* MR_FAULT: not the ARN of a table or of a stream. */
MR_MUST_USE enum mr_status dynamodb_resource_check(struct protocol_call *call, struct mr_slice arn,
                                                   bool *ret_stream);

/* ---- policy.c ---- */
/* MR_FAULT: no policy. */
MR_MUST_USE enum mr_status dynamodb_policy_add(struct protocol_call *call, struct mr_slice arn,
                                               struct mr_slice policy, struct store_entry *entry);
void dynamodb_policy_drop(struct mr_slice arn, struct store_entry *entry);
/* The policy of that resource; NULL: it has none. */
MR_MUST_USE enum mr_status dynamodb_policy_read(struct dynamodb *dynamodb, struct mr_arena *arena,
                                                struct mr_slice arn, yyjson_val **ret_policy);

/* ---- policy_check.c ---- */
/* MR_FAULT: no policy that a table or stream of that ARN can have. `policy` may be NULL. */
MR_MUST_USE enum mr_status dynamodb_policy_check(struct protocol_call *call, struct mr_slice arn,
                                                 yyjson_val *policy);

/* ---- token.c: ClientRequestToken, remembered for ten minutes ----
 * A token is stored in the entry of the transaction that it names, so a repeat after a crash is
 * known as well. */
MR_MUST_USE enum mr_status dynamodb_tokens_open(struct dynamodb *dynamodb);
void dynamodb_tokens_close(struct dynamodb *dynamodb);
struct dynamodb_token {
    struct mr_slice text;
    uint32_t content;     /* a checksum of what was asked */
    struct mr_slice json; /* what a repeat has to know */
    int64_t now_ms;
};
/* MR_NOT_FOUND: new.  MR_EXISTS: done before with the same content, and *ret_known is its `json`,
 * or NULL.  MR_INVALID: with other content.  < 0. */
/* The checksum of a request: of members and of sets' values in whatever order. */
uint32_t dynamodb_token_content(yyjson_val *request);
MR_MUST_USE enum mr_status dynamodb_token_check(struct dynamodb *dynamodb, struct mr_arena *arena,
                                                const struct dynamodb_token *token,
                                                yyjson_val **ret_known);
void dynamodb_token_add(struct dynamodb *dynamodb, struct store_entry *entry,
                        const struct dynamodb_token *token);

/* ---- operations ---- */
void dynamodb_create_table(struct protocol_call *call);
void dynamodb_describe_table(struct protocol_call *call);
void dynamodb_list_tables(struct protocol_call *call);
void dynamodb_update_table(struct protocol_call *call);
void dynamodb_delete_table(struct protocol_call *call);
void dynamodb_put_item(struct protocol_call *call);
void dynamodb_get_item(struct protocol_call *call);
void dynamodb_update_item(struct protocol_call *call);
void dynamodb_delete_item(struct protocol_call *call);
void dynamodb_batch_write_item(struct protocol_call *call);
void dynamodb_batch_get_item(struct protocol_call *call);
void dynamodb_transact_write_items(struct protocol_call *call);
void dynamodb_transact_get_items(struct protocol_call *call);
void dynamodb_execute_statement(struct protocol_call *call);
void dynamodb_batch_execute_statement(struct protocol_call *call);
void dynamodb_execute_transaction(struct protocol_call *call);
void dynamodb_query(struct protocol_call *call);
void dynamodb_scan(struct protocol_call *call);
void dynamodb_describe_limits(struct protocol_call *call);
void dynamodb_describe_endpoints(struct protocol_call *call);
void dynamodb_describe_time_to_live(struct protocol_call *call);
void dynamodb_update_time_to_live(struct protocol_call *call);
void dynamodb_enable_destination(struct protocol_call *call);
void dynamodb_disable_destination(struct protocol_call *call);
void dynamodb_update_destination(struct protocol_call *call);
void dynamodb_describe_destination(struct protocol_call *call);
void dynamodb_put_resource_policy(struct protocol_call *call);
void dynamodb_get_resource_policy(struct protocol_call *call);
void dynamodb_delete_resource_policy(struct protocol_call *call);
void dynamodb_tag_resource(struct protocol_call *call);
void dynamodb_untag_resource(struct protocol_call *call);
void dynamodb_list_tags(struct protocol_call *call);
void dynamodb_create_global_table(struct protocol_call *call);
void dynamodb_no_global_table(struct protocol_call *call);
void dynamodb_list_global_tables(struct protocol_call *call);
void dynamodb_describe_contributor_insights(struct protocol_call *call);
void dynamodb_list_contributor_insights(struct protocol_call *call);
