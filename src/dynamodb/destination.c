/* Kinesis streaming destinations of tables: the operations, states and documents.
 *
 *            enable            disable, or the table goes       all is carried
 *   (none) --------> ACTIVE ---------------------------> DISABLING ----------> DISABLED
 *      \  no such stream                                    (or forgotten, with its table)
 *       +----------> ENABLE_FAILED
 *
 * AWS: at most one destination of a table is alive (not DISABLED, not ENABLE_FAILED); the others
 * stay listed, and enabling the same stream again replaces its entry. ENABLING and UPDATING pass
 * before the reply leaves, and are shown in it alone.
 *
 * Stored: VIEW_META "dynamodb/destination/<table's number>/<stream's ARN>", and a cursor
 * "destination/<id>/<lane>" a lane, deleted with the entry that says DISABLED. A destination begins
 * and ends under all lanes of its table, in the entry that stores it: `start` and `end` are the
 * journal's tail of that moment. */
#include "dynamodb/destination.h"
#include "base/log.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEAD_MAX = 20 }; /* of one table: then the oldest is forgotten */

#define NOT_VALID "Table is not in a valid state to enable Kinesis Streaming Destination: "

static const char *const state_names[] = {"ACTIVE", "DISABLING", "DISABLED", "ENABLE_FAILED"};
static const char *const precision_names[] = {"", "MILLISECOND", "MICROSECOND"};

static bool is_dead(const struct destination *destination)
{
    return destination->locked.state == DESTINATION_DISABLED ||
           destination->locked.state == DESTINATION_ENABLE_FAILED;
}

static void set_state_locked(struct destination *destination, enum destination_state state)
{
    static const bool legal[4][4] = {
        [DESTINATION_ACTIVE] = {[DESTINATION_DISABLING] = true},
        [DESTINATION_DISABLING] = {[DESTINATION_DISABLED] = true},
    };
    enum destination_state old = destination->locked.state;
    assert(legal[old][state]);
    destination->locked.state = state;
    mr_log(MR_LOG_INFO, "dynamodb", "destination '%.*s' of table '%.*s' %s -> %s",
           MR_ARG(destination->stream), MR_ARG(destination->table), state_names[old],
           state_names[state]);
}

void destination_note(struct destination *destination, const char *format, ...)
{
    struct dynamodb_destinations *destinations = destination->dynamodb->destinations;
    char text[sizeof(destination->locked.reason)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pthread_mutex_lock(&destinations->lock);
    bool fresh = strcmp(text, destination->locked.reason) != 0;
    memcpy(destination->locked.reason, text, sizeof(text));
    pthread_mutex_unlock(&destinations->lock);
    if (fresh && text[0] != '\0')
        mr_log(MR_LOG_WARN, "dynamodb", "destination '%.*s' of table '%.*s': %s",
               MR_ARG(destination->stream), MR_ARG(destination->table), text);
}

bool destination_is_ending(struct destination *destination)
{
    return atomic_load(&destination->end) != INT64_MAX;
}

/* ---- documents ---- */

static struct mr_slice document_name(struct mr_arena *arena, const struct destination *destination)
{
    return mr_arena_printf(arena, "%010u/%.*s", (unsigned)destination->number,
                           MR_ARG(destination->stream));
}

static void document_put_locked(struct destination *destination, struct store_entry *entry)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "id", destination->id);
    mr_json_key_int(&json, "number", destination->number);
    mr_json_key_string(&json, "table", destination->table);
    mr_json_key_string(&json, "region", destination->region);
    mr_json_key_string(&json, "stream", destination->stream);
    mr_json_key_int(&json, "created_ms", destination->created_ms);
    mr_json_key_int(&json, "state", destination->locked.state);
    mr_json_key_bool(&json, "orphan", destination->locked.orphan);
    mr_json_key_int(&json, "precision", atomic_load(&destination->precision));
    mr_json_key_int(&json, "start", destination->start);
    mr_json_key_int(&json, "end", atomic_load(&destination->end));
    mr_json_key(&json, "windows");
    mr_json_array(&json);
    for (size_t i = 0; i < destination->lane_count; i++)
        mr_json_int(&json, destination->lanes[i].window);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    store_doc_put(entry, "dynamodb", "destination", document_name(entry->arena, destination),
                  mr_arena_copy(entry->arena, mr_buf_slice(&text)));
    mr_buf_fini(&text);
}

static void document_delete(const struct destination *destination, struct store_entry *entry)
{
    store_doc_delete(entry, "dynamodb", "destination", document_name(entry->arena, destination));
}

static struct destination *destination_alloc(struct dynamodb *dynamodb, size_t lane_count)
{
    struct destination *destination = mr_calloc(1, sizeof(*destination));
    destination->dynamodb = dynamodb;
    mr_arena_init(&destination->arena);
    destination->lanes = MR_NEW_ARRAY(&destination->arena, struct destination_lane, lane_count + 1);
    destination->lane_count = lane_count;
    atomic_store(&destination->end, INT64_MAX);
    return destination;
}

static void destination_free(struct destination *destination)
{
    destination_stop(destination);
    mr_arena_fini(&destination->arena);
    free(destination);
}

/* Newest first. */
static void list_add_locked(struct dynamodb_destinations *destinations,
                            struct destination *destination)
{
    struct destination **link = &destinations->locked.first;
    while (*link != NULL && (*link)->created_ms > destination->created_ms)
        link = &(*link)->next;
    destination->next = *link;
    *link = destination;
}

static enum mr_status load_lanes(struct destination *destination, yyjson_val *windows)
{
    struct store *store = destination->dynamodb->store;
    for (size_t i = 0; i < destination->lane_count; i++) {
        struct destination_lane *lane = &destination->lanes[i];
        lane->window = (uint32_t)mr_json_i64(yyjson_arr_get(windows, i), 0);
        lane->committed = destination->start;
        enum mr_status status = store_cursor_get(
            store, destination_cursor_name(&destination->arena, destination, i), &lane->committed);
        if (status < 0)
            return status;
        lane->cursor.position = lane->committed;
        atomic_store(&lane->passed, lane->committed);
    }
    return MR_OK;
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct dynamodb *dynamodb = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, 16);
    yyjson_val *windows = mr_json_get(doc, "windows");
    struct mr_slice id = mr_json_get_text(doc, "id");
    struct destination *destination = destination_alloc(dynamodb, yyjson_arr_size(windows));
    enum mr_status status = MR_OK;
    if (doc == NULL || id.len >= sizeof(destination->id))
        status = MR_RAISE(MR_FAIL_DATA, "the document of destination '%.*s' cannot be read",
                          MR_ARG(name));
    if (status == MR_OK) {
        memcpy(destination->id, id.ptr, id.len);
        destination->number = (uint32_t)mr_json_get_i64(doc, "number", 0);
        destination->table = mr_arena_copy(&destination->arena, mr_json_get_text(doc, "table"));
        destination->region = mr_arena_copy(&destination->arena, mr_json_get_text(doc, "region"));
        destination->stream = mr_arena_copy(&destination->arena, mr_json_get_text(doc, "stream"));
        destination->created_ms = mr_json_get_i64(doc, "created_ms", 0);
        destination->start = mr_json_get_i64(doc, "start", 0);
        destination->locked.state = (enum destination_state)mr_json_get_i64(doc, "state", 0);
        destination->locked.orphan = mr_json_get_bool(doc, "orphan", false);
        atomic_store(&destination->precision, (int)mr_json_get_i64(doc, "precision", 0));
        atomic_store(&destination->end, mr_json_get_i64(doc, "end", INT64_MAX));
        status = load_lanes(destination, windows);
    }
    mr_arena_fini(&arena);
    if (status < 0) {
        destination_free(destination);
        return status;
    }
    list_add_locked(dynamodb->destinations, destination);
    return MR_OK;
}

/* ---- opening and closing ---- */

static void set_destination(struct dynamodb_table *table, bool destination)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    table->locked.destination = destination;
    pthread_rwlock_unlock(&table->dynamodb->lock);
}

/* Cursors go with the entry that says DISABLED, so all that there are still need the journal. */
static int64_t floor_of(void *ctx)
{
    const struct dynamodb_destinations *destinations = ctx;
    return store_cursor_floor(destinations->dynamodb->store, MR_S("destination/"));
}

enum mr_status dynamodb_destinations_open(struct dynamodb *dynamodb)
{
    struct dynamodb_destinations *destinations = mr_calloc(1, sizeof(*destinations));
    destinations->dynamodb = dynamodb;
    pthread_mutex_init(&destinations->lock, NULL);
    dynamodb->destinations = destinations;
    store_floor_register(dynamodb->store, "destinations", floor_of, destinations);
    enum mr_status status = store_doc_each(dynamodb->store, "dynamodb", "destination",
                                           (struct mr_slice){0}, load_one, dynamodb);
    struct destination *each = destinations->locked.first;
    for (; status >= 0 && each != NULL; each = each->next) {
        struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
            dynamodb_table_find(dynamodb, each->table);
        if (each->locked.state == DESTINATION_ACTIVE && table != NULL) {
            set_destination(table, true);
            dynamodb_table_set_changes(table);
        }
        if (!is_dead(each))
            destination_start(each);
    }
    return status < 0 ? status : MR_OK;
}

void dynamodb_destinations_close(struct dynamodb *dynamodb)
{
    struct dynamodb_destinations *destinations = dynamodb->destinations;
    if (destinations == NULL)
        return;
    store_floor_unregister(dynamodb->store, destinations);
    while (destinations->locked.first != NULL) {
        struct destination *first = destinations->locked.first;
        destinations->locked.first = first->next;
        destination_free(first);
    }
    pthread_mutex_destroy(&destinations->lock);
    free(destinations);
    dynamodb->destinations = NULL;
}

void dynamodb_destinations_lock(struct dynamodb *dynamodb)
{
    pthread_mutex_lock(&dynamodb->destinations->lock);
}

void dynamodb_destinations_unlock(struct dynamodb *dynamodb)
{
    pthread_mutex_unlock(&dynamodb->destinations->lock);
}

/* ---- ending ---- */

static enum mr_status finish_locked(struct destination *destination, struct mr_arena *arena)
{
    struct store_entry entry = store_entry_make(arena);
    for (size_t i = 0; i < destination->lane_count; i++)
        (void)store_entry_delete(&entry, VIEW_CURSOR,
                                 destination_cursor_name(arena, destination, i));
    set_state_locked(destination, DESTINATION_DISABLED);
    if (destination->locked.orphan)
        document_delete(destination, &entry);
    else
        document_put_locked(destination, &entry);
    destination->locked.gone = destination->locked.orphan;
    return store_commit_wait(destination->dynamodb->store, &entry);
}

enum mr_status destination_finish(struct destination *destination)
{
    struct dynamodb_destinations *destinations = destination->dynamodb->destinations;
    struct mr_arena arena;
    mr_arena_init(&arena);
    pthread_mutex_lock(&destinations->lock);
    enum mr_status status = finish_locked(destination, &arena);
    pthread_mutex_unlock(&destinations->lock);
    mr_arena_fini(&arena);
    return status;
}

static void end_locked(struct destination *destination)
{
    set_state_locked(destination, DESTINATION_DISABLING);
    atomic_store(&destination->end, journal_tail(store_journal(destination->dynamodb->store)));
}

void dynamodb_destinations_end_locked(struct dynamodb_table *table, struct store_entry *entry)
{
    struct destination *each = table->dynamodb->destinations->locked.first;
    for (; each != NULL; each = each->next) {
        if (each->number != table->number || each->locked.gone)
            continue;
        each->locked.orphan = true;
        if (each->locked.state == DESTINATION_ACTIVE)
            end_locked(each);
        each->locked.gone = is_dead(each);
        if (each->locked.gone)
            document_delete(each, entry);
        else
            document_put_locked(each, entry);
    }
}

/* Frees those that are forgotten. Under admin, without the lock: a pump may have to end first. */
static void reap(struct dynamodb_destinations *destinations)
{
    for (;;) {
        pthread_mutex_lock(&destinations->lock);
        struct destination **link = &destinations->locked.first;
        while (*link != NULL && !(*link)->locked.gone)
            link = &(*link)->next;
        struct destination *gone = *link;
        if (gone != NULL)
            *link = gone->next;
        pthread_mutex_unlock(&destinations->lock);
        if (gone == NULL)
            return;
        destination_free(gone);
    }
}

void dynamodb_destinations_ended(struct dynamodb_table *table)
{
    struct dynamodb_destinations *destinations = table->dynamodb->destinations;
    pthread_mutex_lock(&destinations->lock);
    for (struct destination *each = destinations->locked.first; each != NULL; each = each->next) {
        if (each->number == table->number && each->pump != NULL)
            runtime_pump_wake(each->pump);
    }
    pthread_mutex_unlock(&destinations->lock);
    reap(destinations);
}

/* ---- operations ---- */

static struct dynamodb_table *find_table(struct protocol_call *call)
{
    return dynamodb_need_table(call, mr_json_get_text(call->in, "TableName"), true);
}

static enum destination_precision precision_of(yyjson_val *configuration)
{
    struct mr_slice text = mr_json_get_text(configuration, "ApproximateCreationDateTimePrecision");
    for (int i = DESTINATION_MILLISECOND; i <= DESTINATION_MICROSECOND; i++) {
        if (mr_slice_equal(text, mr_slice_cstr(precision_names[i])))
            return (enum destination_precision)i;
    }
    return DESTINATION_UNSET;
}

static struct destination *find_locked(const struct dynamodb_table *table, struct mr_slice stream)
{
    struct destination *each = table->dynamodb->destinations->locked.first;
    while (each != NULL && (each->number != table->number || each->locked.gone ||
                            !mr_slice_equal(each->stream, stream)))
        each = each->next;
    return each;
}

static void reply(struct protocol_call *call, const struct dynamodb_table *table,
                  const char *status, const char *configuration)
{
    mr_json_key_string(&call->out, "TableName", table->name);
    mr_json_key_value(&call->out, "StreamArn", mr_json_get(call->in, "StreamArn"));
    mr_json_key_cstr(&call->out, "DestinationStatus", status);
    if (configuration == NULL)
        return;
    yyjson_val *given = mr_json_get(call->in, configuration);
    mr_json_key(&call->out, configuration);
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "ApproximateCreationDateTimePrecision",
                      mr_json_get(given, "ApproximateCreationDateTimePrecision"));
    mr_json_object_end(&call->out);
}

/* ---- EnableKinesisStreamingDestination ---- */

/* One that is alive bars another. Those that are dead give way when they name the same stream, or
 * when they are too many. */
static enum mr_status make_room_locked(struct protocol_call *call, struct dynamodb_table *table,
                                       struct mr_slice stream, struct store_entry *entry)
{
    size_t dead = 0;
    struct destination *each = table->dynamodb->destinations->locked.first;
    for (; each != NULL; each = each->next) {
        if (each->number == table->number && !is_dead(each))
            return protocol_fail(call, &protocol_validation,
                                 NOT_VALID "EnableKinesisStreamingDestination must be DISABLED or "
                                           "ENABLE_FAILED to perform ENABLE operation.");
    }
    for (each = table->dynamodb->destinations->locked.first; each != NULL; each = each->next) {
        if (each->number != table->number || each->locked.gone)
            continue;
        each->locked.gone = mr_slice_equal(each->stream, stream) || ++dead >= DEAD_MAX;
        if (each->locked.gone)
            document_delete(each, entry);
    }
    return MR_OK;
}

static struct destination *make(struct protocol_call *call, const struct dynamodb_table *table,
                                struct mr_slice stream, bool failed)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct destination *destination = destination_alloc(dynamodb, failed ? 0 : table->partitions);
    mr_rng_uuid(dynamodb->rng, destination->id);
    destination->number = table->number;
    destination->table = mr_arena_copy(&destination->arena, table->name);
    destination->region = mr_arena_copy(&destination->arena, table->region);
    destination->stream = mr_arena_copy(&destination->arena, stream);
    destination->created_ms = call->now_ms;
    destination->locked.state = failed ? DESTINATION_ENABLE_FAILED : DESTINATION_ACTIVE;
    atomic_store(&destination->precision,
                 (int)precision_of(mr_json_get(call->in, "EnableKinesisStreamingConfiguration")));
    return destination;
}

/* Under all lanes: its changes begin with the entry that stores it. */
static void begin_locked(struct dynamodb_table *table, struct destination *destination,
                         struct store_entry *entry)
{
    dynamodb_table_need_windows(table, entry);
    destination->start = journal_tail(store_journal(table->dynamodb->store));
    for (size_t i = 0; i < destination->lane_count; i++) {
        struct destination_lane *lane = &destination->lanes[i];
        lane->window = table->windows[i];
        lane->committed = lane->cursor.position = destination->start;
        atomic_store(&lane->passed, lane->committed);
        store_cursor_put(entry, destination_cursor_name(entry->arena, destination, i),
                         lane->committed);
    }
    set_destination(table, true);
    dynamodb_document_put(table, entry);
}

/* Under all lanes. */
static enum mr_status enable_locked(struct protocol_call *call, struct dynamodb_table *table,
                                    struct mr_slice stream, bool failed,
                                    struct destination **ret_destination)
{
    struct dynamodb_destinations *destinations = table->dynamodb->destinations;
    struct store_entry entry = store_entry_make(call->arena);
    enum mr_status status = make_room_locked(call, table, stream, &entry);
    if (status != MR_OK)
        return status;
    struct destination *destination = make(call, table, stream, failed);
    if (!failed)
        begin_locked(table, destination, &entry);
    document_put_locked(destination, &entry);
    list_add_locked(destinations, destination);
    status = store_commit_wait(table->dynamodb->store, &entry);
    dynamodb_table_set_changes(table);
    *ret_destination = destination;
    return status;
}

/* AWS looks at the stream after the reply, and tells what it found in the destination's status. */
static enum mr_status enable_admin(struct protocol_call *call, struct dynamodb_table *table)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct mr_slice stream = mr_json_get_text(call->in, "StreamArn");
    struct destination *destination = NULL;
    if (dynamodb_check_filled(call, table) != MR_OK)
        return MR_FAULT;
    struct kinesis_stream *target = kinesis_find(dynamodb->kinesis, stream);
    bool failed = target == NULL || !mr_slice_equal(kinesis_stream_arn(target), stream);
    kinesis_release(dynamodb->kinesis, target);
    dynamodb_table_lock_lanes(table);
    dynamodb_destinations_lock(dynamodb);
    enum mr_status status = enable_locked(call, table, stream, failed, &destination);
    dynamodb_destinations_unlock(dynamodb);
    dynamodb_table_unlock_lanes(table);
    if (status != MR_OK)
        return status;
    if (failed)
        destination_note(destination, "User does not have a permission to use kinesis stream");
    else
        destination_start(destination);
    reap(dynamodb->destinations);
    reply(call, table, "ENABLING", "EnableKinesisStreamingConfiguration");
    return MR_OK;
}

void dynamodb_enable_destination(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table != NULL)
        protocol_fail_internal(call, enable_admin(call, table));
    pthread_mutex_unlock(&dynamodb->admin);
}

/* ---- DisableKinesisStreamingDestination ---- */

/* Under all lanes. */
static enum mr_status disable_locked(struct protocol_call *call, struct dynamodb_table *table,
                                     struct destination **ret_destination)
{
    struct store_entry entry = store_entry_make(call->arena);
    struct destination *destination = find_locked(table, mr_json_get_text(call->in, "StreamArn"));
    if (destination == NULL || destination->locked.state != DESTINATION_ACTIVE)
        return protocol_fail(call, &protocol_validation,
                             NOT_VALID "KinesisStreamingDestination must be ACTIVE to perform "
                                       "DISABLE operation.");
    end_locked(destination);
    document_put_locked(destination, &entry);
    set_destination(table, false);
    dynamodb_table_set_changes(table);
    *ret_destination = destination;
    return store_commit_wait(table->dynamodb->store, &entry);
}

static enum mr_status disable_admin(struct protocol_call *call, struct dynamodb_table *table)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct destination *destination = NULL;
    yyjson_val *configuration = mr_json_get(call->in, "EnableKinesisStreamingConfiguration");
    if (precision_of(configuration) != DESTINATION_UNSET)
        return protocol_fail(call, &protocol_validation,
                             "Stream cannot be disabled using EnableKinesisStreamingConfiguration "
                             "parameters");
    dynamodb_table_lock_lanes(table);
    dynamodb_destinations_lock(dynamodb);
    enum mr_status status = disable_locked(call, table, &destination);
    dynamodb_destinations_unlock(dynamodb);
    dynamodb_table_unlock_lanes(table);
    if (status != MR_OK)
        return status;
    assert(destination != NULL);
    runtime_pump_wake(destination->pump);
    reply(call, table, "DISABLING", NULL);
    return MR_OK;
}

void dynamodb_disable_destination(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table != NULL)
        protocol_fail_internal(call, disable_admin(call, table));
    pthread_mutex_unlock(&dynamodb->admin);
}

/* ---- UpdateKinesisStreamingDestination ---- */

static enum mr_status update_locked(struct protocol_call *call, struct dynamodb_table *table)
{
    struct mr_slice stream = mr_json_get_text(call->in, "StreamArn");
    enum destination_precision precision =
        precision_of(mr_json_get(call->in, "UpdateKinesisStreamingConfiguration"));
    struct destination *destination = find_locked(table, stream);
    struct store_entry entry = store_entry_make(call->arena);
    if (precision == DESTINATION_UNSET)
        return protocol_fail(call, &protocol_validation,
                             "Streaming destination cannot be updated with given parameters: "
                             "UpdateKinesisStreamingConfiguration cannot be null or contain only "
                             "null values");
    if (destination == NULL)
        return protocol_fail(call, &protocol_validation,
                             NOT_VALID "No streaming destination with streamArn: %.*s found for "
                                       "table with tableName: %.*s",
                             MR_ARG(stream), MR_ARG(table->name));
    if (destination->locked.state != DESTINATION_ACTIVE)
        return protocol_fail(call, &protocol_validation,
                             NOT_VALID "Kinesis streaming is not in ACTIVE state. Updates are only "
                                       "allowed in ACTIVE state. TableName: %.*s, kdsArn: %.*s",
                             MR_ARG(table->name), MR_ARG(stream));
    enum destination_precision now =
        (enum destination_precision)atomic_load(&destination->precision);
    if (precision == (now == DESTINATION_UNSET ? DESTINATION_MILLISECOND : now))
        return protocol_fail(call, &protocol_validation,
                             "Invalid Request: Precision is already set to the desired value of %s "
                             "for tableId: %.*s, kdsArn: %.*s",
                             precision_names[precision], MR_ARG(table->uuid), MR_ARG(stream));
    atomic_store(&destination->precision, (int)precision);
    document_put_locked(destination, &entry);
    enum mr_status status = store_commit_wait(table->dynamodb->store, &entry);
    if (status == MR_OK)
        reply(call, table, "UPDATING", "UpdateKinesisStreamingConfiguration");
    return status;
}

void dynamodb_update_destination(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table != NULL) {
        dynamodb_destinations_lock(dynamodb);
        enum mr_status status = update_locked(call, table);
        dynamodb_destinations_unlock(dynamodb);
        protocol_fail_internal(call, status);
    }
    pthread_mutex_unlock(&dynamodb->admin);
}

/* ---- DescribeKinesisStreamingDestination, status ---- */

static void describe_locked(struct mr_json *json, const struct destination *destination)
{
    int precision = atomic_load(&destination->precision);
    mr_json_object(json);
    mr_json_key_string(json, "StreamArn", destination->stream);
    mr_json_key_cstr(json, "DestinationStatus", state_names[destination->locked.state]);
    if (destination->locked.state == DESTINATION_ENABLE_FAILED)
        mr_json_key_cstr(json, "DestinationStatusDescription",
                         "User does not have a permission to use kinesis stream");
    if (precision != DESTINATION_UNSET)
        mr_json_key_cstr(json, "ApproximateCreationDateTimePrecision", precision_names[precision]);
    mr_json_object_end(json);
}

void dynamodb_describe_destination(struct protocol_call *call)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table == NULL)
        return;
    mr_json_key_string(&call->out, "TableName", table->name);
    mr_json_key(&call->out, "KinesisDataStreamDestinations");
    mr_json_array(&call->out);
    dynamodb_destinations_lock(table->dynamodb);
    struct destination *each = table->dynamodb->destinations->locked.first;
    for (; each != NULL; each = each->next) {
        if (each->number == table->number && !each->locked.gone)
            describe_locked(&call->out, each);
    }
    dynamodb_destinations_unlock(table->dynamodb);
    mr_json_array_end(&call->out);
}

void dynamodb_destinations_status(struct dynamodb *dynamodb, struct mr_json *json)
{
    dynamodb_destinations_lock(dynamodb);
    struct destination *each = dynamodb->destinations->locked.first;
    for (; each != NULL; each = each->next) {
        int64_t last_ms = atomic_load(&each->last_ms), waiting = atomic_load(&each->waiting_ms);
        if (each->locked.gone)
            continue;
        mr_json_object(json);
        mr_json_key_string(json, "name", each->table);
        mr_json_key_string(json, "stream", each->stream);
        mr_json_key_cstr(json, "state", state_names[each->locked.state]);
        mr_json_key_cstr(json, "reason", each->locked.reason);
        mr_json_key_int(json, "records", (int64_t)atomic_load(&each->records));
        mr_json_key_int(json, "dropped", (int64_t)atomic_load(&each->dropped));
        mr_json_key_int(json, "lag_ms", waiting == 0 ? 0 : store_now(dynamodb->store) - waiting);
        if (last_ms != 0)
            mr_json_key_int(json, "last_record_ms", last_ms);
        mr_json_object_end(json);
    }
    dynamodb_destinations_unlock(dynamodb);
}

void dynamodb_hops(struct dynamodb *dynamodb, struct hop_list *list)
{
    dynamodb_destinations_lock(dynamodb);
    struct destination *each = dynamodb->destinations->locked.first;
    for (; each != NULL; each = each->next) {
        if (each->locked.gone || is_dead(each))
            continue;
        const size_t slash = mr_slice_find(each->stream, '/');
        const struct mr_slice stream =
            mr_slice_sub(each->stream, slash == SIZE_MAX ? 0 : slash + 1, SIZE_MAX);
        struct hop *hop = hop_list_add(
            list, "destination",
            mr_arena_printf(list->arena, "%.*s/%.*s", MR_ARG(each->table), MR_ARG(stream)));
        hop->source = mr_arena_printf(list->arena, "table/%.*s", MR_ARG(each->table));
        hop->sink = mr_arena_printf(list->arena, "stream/%.*s", MR_ARG(stream));
        hop->state = state_names[each->locked.state];
        hop->reason = mr_arena_copy(list->arena, mr_slice_cstr(each->locked.reason));
        for (size_t i = 0; i < each->lane_count; i++)
            hop_window_add(list, hop,
                           &(struct hop_window){
                               .window = each->lanes[i].window,
                               .passed = atomic_load(&each->lanes[i].passed),
                               .end = atomic_load(&each->end),
                           });
    }
    dynamodb_destinations_unlock(dynamodb);
}
