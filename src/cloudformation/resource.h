/* cloudformation/resource.h: one kind of resource a row: how it is made, changed and removed.
 *
 * A type's functions call the operations of its service through the protocol, on a worker, and
 * return when the resource is as it must be (a table is ACTIVE, a pipe RUNNING). They can be run
 * again after a crash in their middle: `resumed` says that an earlier run may have got anywhere, so
 * that what exists already is taken over.
 *
 * A property that a type's table does not list, or that the operation's shape does not have, fails
 * the resource. */
#pragma once
#include "cloudformation/coerce.h"
#include "protocol/protocol.h"

struct cloudformation;
struct resource_call;

enum resource_property_flags {
    RESOURCE_REQUIRED = 1,
    RESOURCE_REPLACES = 2, /* a change needs a new resource */
};
struct resource_property {
    const char *name;
    unsigned flags;
};

struct resource_type {
    const char *name;    /* "AWS::DynamoDB::Table" */
    const char *service; /* in reasons of failures: "DynamoDb" */
    const struct resource_property *properties;
    size_t property_count;
    const char *const *attributes; /* of GetAtt; NULL-terminated */
    /* A name is made when the property is absent: "<stack>-<logical>-<random>" of at most name_max
     * bytes. NULL: the service gives the id. */
    const char *name_parent; /* the object in which name_property stands; NULL: top level */
    const char *name_property;
    const char *name_scope; /* the property within whose value names are unique; NULL: everywhere */
    size_t name_max;
    bool name_lower;
    const char *open_attributes; /* besides: all that begin so; NULL: none */
    bool open_properties;        /* any property may be there */
    bool has_policy;             /* takes a CreationPolicy */
    bool renames;                /* an update may tell another physical id: it replaces by that */
    bool always_updates;         /* even if no property changed: what lies behind them may have */
    /* Beyond RESOURCE_REPLACES: does a change inside a property need a new resource? May be NULL.
     */
    bool (*replaces)(yyjson_val *properties, yyjson_val *before);
    /* Is there something by the name in call->physical already? Asked before a creation under a
     * name that the template gives, so that a creation that is run again never takes over what
     * others made. NULL: names are always made here. */
    bool (*exists)(struct resource_call *call);
    void (*create)(struct resource_call *call);
    void (*update)(struct resource_call *call); /* NULL: every change replaces */
    void (*drop)(struct resource_call *call);
};

enum { RESOURCE_ATTRIBUTES_MAX = 16, RESOURCE_READY_MS_MAX = 60000 };

struct resource_call {
    struct cloudformation *cloudformation;
    struct mr_arena *arena;
    const struct resource_type *type;
    struct mr_slice type_name; /* as the template has it */
    struct mr_slice logical, stack_name, stack_id, region, account;
    struct mr_slice stack_uuid, stack_status;
    yyjson_val *stack_tags; /* [{Key, Value}] or NULL */
    yyjson_val *properties; /* evaluated; of drop: those it was made with */
    yyjson_val *policy;     /* its CreationPolicy, evaluated, or NULL; of create */
    yyjson_val *before;     /* of update: the properties until now */
    struct mr_slice token;  /* the same for each run of one creation */
    bool resumed;
    bool reverting; /* of update: back to what was before an update that failed */
    /* In: the name chosen for it, or the id it has. Out (create): the id; set as soon as something
     * with that id may exist, so that a failed creation is removed. */
    struct mr_slice physical;

    /* Outcome. */
    struct mr_slice reason; /* why it failed; empty: done */
    bool interrupted;       /* the server stops: run again later */
    struct {
        const char *name;
        struct mr_slice value;
    } attributes[RESOURCE_ATTRIBUTES_MAX];
    size_t attribute_count;
    yyjson_val *attribute_map; /* name -> text, instead of the above; NULL: none */

    /* The last operation's fault. */
    struct {
        int status; /* 0: none */
        struct mr_slice code, message;
    } fault;
};

/* NULL: no such type here. */
const struct resource_type *resource_type_find(struct mr_slice name);
bool resource_type_has_attribute(const struct resource_type *type, struct mr_slice attribute);
bool resource_type_replaces(const struct resource_type *type, struct mr_slice property);
/* Empty, or what is wrong with the properties: unknown or missing ones. */
struct mr_slice resource_check(struct mr_arena *arena, const struct resource_type *type,
                               yyjson_val *properties);
/* The name in the properties, or a new one; empty when the service gives the id. */
struct mr_slice resource_name(struct resource_call *call, struct mr_rng *rng);

/* ---- for the types ---- */

static inline yyjson_val *resource_property(const struct resource_call *call, const char *name)
{
    return mr_json_get(call->properties, name);
}
struct mr_slice resource_property_text(const struct resource_call *call, const char *name);
/* Did the property change (update)? */
bool resource_changed(const struct resource_call *call, const char *name);
bool resource_json_equal(yyjson_val *a, yyjson_val *b); /* "5" and 5 are equal, order of members */
struct mr_slice resource_attribute_value(const struct resource_call *call, const char *name);
void resource_attribute(struct resource_call *call, const char *name, struct mr_slice value);
/* The resource fails for a reason of our own. */
void resource_fail(struct resource_call *call, const char *format, ...) MR_PRINTF(2, 3);
/* The resource fails because of the last operation's fault. */
void resource_fail_fault(struct resource_call *call);
bool resource_fault_is(const struct resource_call *call, const char *code);
bool resource_fault_is_gone(const struct resource_call *call); /* it does not exist */
/* It exists, and may be what an earlier run of this creation made. */
bool resource_fault_is_ours(const struct resource_call *call);

enum resource_ready { RESOURCE_READY, RESOURCE_NOT_YET, RESOURCE_BROKEN };
/* Asks again and again until it is ready: true. False: it is broken (the probe has failed the
 * call), it takes too long, or the server stops. */
bool resource_wait(struct resource_call *call,
                   enum resource_ready (*probe)(struct resource_call *));
/* Waits for more than `known` messages of that name, or a while (signal.c). False: no more waiting,
 * since the server stops (interrupted) or the stack does something else by now (failed). */
bool resource_wait_signal(struct resource_call *call, struct mr_slice name, size_t known);
/* The name of the resource's own messages, and a new URL for them (signal.c), once the server
 * listens. False: as above, or it could not be stored (failed). */
struct mr_slice resource_signal_name(const struct resource_call *call);
bool resource_open_signal(struct resource_call *call, struct mr_slice *ret_url);
/* For a probe: has what was just asked for, and is `found` or NULL, gone? */
enum resource_ready resource_is_gone(struct resource_call *call, yyjson_val *found);

/* A request to a service, in the making. Usual form:
 *     struct request request;
 *     request_open(&request, call, "kinesis", "CreateStream");
 *     request_text(&request, "StreamName", call->physical);
 *     if (!request_done(&request)) return;
 */
struct request {
    struct resource_call *call;
    const char *service, *operation;
    const struct model_service *model;
    const struct model_shape *input;
    struct coercion coercion;
    struct mr_buf buf;
    struct mr_json json;
    struct mr_slice payload;
};
void request_open(struct request *request, struct resource_call *call, const char *service,
                  const char *operation);
void request_text(struct request *request, const char *member, struct mr_slice value);
/* As the member's shape wants it; nothing when value is NULL. */
void request_value(struct request *request, const char *member, yyjson_val *value);
/* What an update sends when the template no longer says the property of this name: its default, as
 * JSON. True when it did. */
bool request_reset(struct request *request, const char *member, const char *json);
/* Properties that the operation calls by the same name, as far as they are there. */
void request_properties(struct request *request, const char *const *names, size_t count);
/* An object or text as JSON text: policies. */
void request_document(struct request *request, const char *member, yyjson_val *value);
/* {"a": "b"} from [{"Key": "a", "Value": "b"}] (or a map), with the stack's tags added. */
void request_tag_map(struct request *request, const char *member, yyjson_val *tags);
void request_tag_list(struct request *request, const char *member, yyjson_val *tags);
/* How a service changes tags. */
struct resource_tagging {
    const char *service, *tag, *untag;                     /* operations */
    const char *id_member, *tags_member, *untagged_member; /* of their inputs */
    bool as_list;                                          /* [{Key, Value}], else a map */
    const char *kind_member, *kind; /* what the id names, where that is asked; or NULL */
};
/* Makes the tags of the resource `id` what the property Tags says now; nothing when it did not
 * change. False: the call failed. */
bool resource_retag(struct resource_call *call, const struct resource_tagging *tagging,
                    struct mr_slice id);
/* Sends: the output, or NULL with call->fault set. The request is used up. */
yyjson_val *request_send(struct request *request);
/* Sends; a fault fails the resource. False when it did. */
bool request_done(struct request *request);
/* Sends a creation under call->physical. False: it failed, and nothing of ours has that name. */
bool request_create(struct request *request);
/* Sends a deletion; what is not there any more is no failure. Waits with the probe, unless NULL. */
void request_drop(struct request *request,
                  enum resource_ready (*is_gone)(struct resource_call *call));
/* A copy of the object (or a new one) with the member set. */
yyjson_val *resource_with(struct mr_arena *arena, yyjson_val *object, const char *member,
                          struct mr_slice value);
/* As JSON text, in the arena: objects in full, texts as they are. */
struct mr_slice resource_document(struct mr_arena *arena, yyjson_val *value);
