/* cloudformation/internal.h: what the files of this folder share.
 *
 * Stored in VIEW_META, kinds of "cloudformation":
 *   name       <stack name> -> {"uuid"}: the stack that lives under the name
 *   stack      <uuid> -> struct stack; a deleted one stays for a while
 *   template   <uuid>/<number> -> {"body", "processed"}
 *   resource   <uuid>/<logical id> -> struct stack_resource
 *   event      <uuid>/<16 hex digits, rising> -> {the wire's members, times in ms}
 *   changeset  <uuid>/<change set's uuid> -> struct change_set
 *   signal     <uuid>/<logical id> -> {"secret", "messages"} (signal.c)
 *
 * One lock orders all changes of these. An operation's job is the only one that writes resources
 * and events of its stack while a status ends in _IN_PROGRESS; it reads the stack again, under the
 * lock, before each step, since DeleteStack may have taken the stack over. */
#pragma once
#include "base/map.h"
#include "cloudformation/cloudformation.h"
#include "cloudformation/template.h"
#include <pthread.h>

enum {
    CLOUDFORMATION_STACKS_MAX = 2000,     /* AWS: alive at a time */
    CLOUDFORMATION_DELETED_MAX = 100,     /* remembered */
    CLOUDFORMATION_EVENTS_MAX = 2000,     /* a stack, when an operation begins */
    CLOUDFORMATION_CHANGE_SETS_MAX = 100, /* a stack */
    CLOUDFORMATION_SETTLE_MS_MAX = 5000,  /* a description waits so long for an operation's end */
    CLOUDFORMATION_SETTLERS_MAX = 8,      /* descriptions that wait at a time */
};

struct cloudformation {
    struct cloudformation_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* `closing`, or a job ended */
    struct {
        bool closing;
        size_t jobs;           /* submitted and not ended */
        struct mr_map running; /* uuid -> itself, of stacks that have a job */
        int settlers;
        int64_t event_last;
        char endpoint[128]; /* empty: not known yet */
    } locked;
};

extern const struct protocol_fault cloudformation_validation_error, cloudformation_already_exists,
    cloudformation_insufficient_capabilities, cloudformation_change_set_not_found,
    cloudformation_invalid_change_set_status, cloudformation_limit_exceeded;

/* Waits; false when the server stops. */
bool cloudformation_pause(struct cloudformation *cloudformation, int wait_ms);
/* Waits for whatever happens first, wait_ms at most; the lock is held. */
void cloudformation_wait_locked(struct cloudformation *cloudformation, int wait_ms);

/* ---- stack.c: records ---- */

/* What a stack is made of, as far as an update changes it. */
struct stack_version {
    int64_t template; /* number of its text */
    struct mr_slice description;
    yyjson_val *parameters;    /* name -> text */
    yyjson_val *resolved;      /* name -> text of those in the Parameter Store; NULL: none */
    yyjson_val *secrets;       /* names of NoEcho parameters */
    yyjson_val *tags;          /* [{Key, Value}] */
    yyjson_val *capabilities;  /* [text] */
    yyjson_val *notifications; /* [ARN] */
    yyjson_val *imports;       /* names of exports that its template imports */
};

struct stack {
    struct mr_slice uuid, id, name, region, account;
    struct mr_slice status, reason;
    struct mr_slice change_set;                 /* ARN of the one that made it what it is */
    struct mr_slice token;                      /* ClientRequestToken of the last operation */
    struct mr_slice on_failure;                 /* "ROLLBACK", "DELETE" or "DO_NOTHING" */
    struct mr_slice role;                       /* stored, shown, not used */
    struct mr_slice parent, root;               /* ids, of a nested stack */
    int64_t created_ms, updated_ms, deleted_ms; /* 0: not yet */
    int64_t operation;                          /* counts operations */
    int64_t template_last;                      /* number given out last */
    int64_t timeout_minutes;                    /* shown; 0: none */
    bool protection;                            /* against DeleteStack */
    bool disable_rollback;                      /* of the operation under way */
    struct mr_slice policy;                     /* stack policy, JSON; empty: none */
    struct mr_slice policy_now;                 /* instead, in the update under way; empty: none */
    yyjson_val *outputs;                        /* as on the wire */
    yyjson_val *retain;                         /* logical ids that DeleteStack leaves */
    struct stack_version now;
    struct stack_version target; /* what an update makes of it; template 0: none under way */
};

/* Is the status one that a job works on? REVIEW_IN_PROGRESS is none. */
bool stack_is_busy(const struct stack *stack);
bool stack_has_status(const struct stack *stack, const char *status);
void stack_put(struct store_entry *entry, const struct stack *stack);
MR_MUST_USE enum mr_status stack_get(struct cloudformation *cloudformation, struct mr_arena *arena,
                                     struct mr_slice uuid, struct stack *ret_stack);
/* By name (living ones) or ARN (deleted ones as well). */
MR_MUST_USE enum mr_status stack_find(struct cloudformation *cloudformation, struct mr_arena *arena,
                                      struct mr_slice name_or_id, struct stack *ret_stack);
void stack_name_put(struct store_entry *entry, const struct stack *stack);
void stack_name_delete(struct store_entry *entry, const struct stack *stack);
/* Calls fn for each, in no order that means anything. */
MR_MUST_USE enum mr_status stack_each(struct cloudformation *cloudformation, struct mr_arena *arena,
                                      enum mr_status (*fn)(void *ctx, const struct stack *stack),
                                      void *ctx);
/* The stack with everything that belongs to it. */
MR_MUST_USE enum mr_status stack_purge(struct cloudformation *cloudformation,
                                       struct mr_arena *arena, struct store_entry *entry,
                                       const struct stack *stack);
/* The value of an export. */
MR_MUST_USE enum mr_status stack_import(struct cloudformation *cloudformation,
                                        struct mr_arena *arena, struct mr_slice name,
                                        struct mr_slice *ret_value, struct mr_slice *ret_stack_id);

/* Why the stack cannot give up its exports, or change their values to those in `outputs` (as on the
 * wire; NULL: it goes): others import them. Empty: it can. */
MR_MUST_USE enum mr_status exports_conflict(struct cloudformation *cloudformation,
                                            struct mr_arena *arena, const struct stack *stack,
                                            yyjson_val *outputs, struct mr_slice *ret_why);
/* [name]: the living stacks that import it, but for `except` (may be NULL). */
MR_MUST_USE enum mr_status exports_importers(struct cloudformation *cloudformation,
                                             struct mr_arena *arena, struct mr_slice name,
                                             const struct stack *except, yyjson_val **ret_names);

void stack_template_put(struct store_entry *entry, const struct stack *stack, int64_t number,
                        const struct template *template);
void stack_template_delete(struct store_entry *entry, const struct stack *stack, int64_t number);
MR_MUST_USE enum mr_status stack_template_get(struct cloudformation *cloudformation,
                                              struct mr_arena *arena, const struct stack *stack,
                                              int64_t number, struct mr_slice *ret_body);
/* What the transform made of it (*ret_is_processed), or the body where there is none. */
MR_MUST_USE enum mr_status stack_template_processed(struct cloudformation *cloudformation,
                                                    struct mr_arena *arena,
                                                    const struct stack *stack, int64_t number,
                                                    struct mr_slice *ret_text,
                                                    bool *ret_is_processed);

/* ---- record.c: resources of stacks ---- */

struct stack_resource {
    struct mr_slice logical, type, physical, status, reason;
    struct mr_slice intended; /* the name chosen for a creation under way */
    struct mr_slice token;
    int64_t changed_ms;
    int64_t operation;      /* the last one that touched it */
    yyjson_val *properties; /* evaluated; what it was made with */
    yyjson_val *attributes; /* of GetAtt */
    yyjson_val *depends;    /* logical ids */
    bool retain;            /* DeletionPolicy */
    bool retain_replaced;   /* UpdateReplacePolicy */
    bool found;             /* something by this name was there before its creation */
    bool fresh;             /* made by the operation under way: a rollback removes it */
    bool replaced;          /* `previous` is another physical resource */
    yyjson_val *previous;   /* {physical, properties, attributes, depends}: before this update */
    yyjson_val *doomed;     /* [{physical, properties}]: to be removed in the cleanup */
};

void record_put(struct store_entry *entry, const struct stack *stack,
                const struct stack_resource *record);
void record_delete(struct store_entry *entry, const struct stack *stack, struct mr_slice logical);
/* All of a stack, in the order of their logical ids, each allocated on its own. */
struct record_list {
    struct stack_resource **items;
    size_t count, capacity;
};
MR_MUST_USE enum mr_status record_load(struct cloudformation *cloudformation,
                                       struct mr_arena *arena, const struct stack *stack,
                                       struct record_list *ret_list);
struct stack_resource *record_find(const struct record_list *list, struct mr_slice logical);
void record_add(struct mr_arena *arena, struct record_list *list, struct stack_resource *record);
void record_remove(struct record_list *list, const struct stack_resource *record);
/* The list in the order in which its resources need each other; backwards when reverse. */
struct stack_resource **record_order(struct mr_arena *arena, const struct record_list *list,
                                     bool reverse);
/* The physical id (attribute empty) or an attribute. */
MR_MUST_USE enum mr_status record_value(const struct stack_resource *record,
                                        struct mr_slice attribute, struct mr_slice *ret_value);

/* ---- events.c ---- */

/* One event of the stack itself (record NULL) or of a resource. */
void event_add(struct cloudformation *cloudformation, struct store_entry *entry,
               const struct stack *stack, const struct stack_resource *record, const char *status,
               struct mr_slice physical, struct mr_slice reason);
/* Removes the oldest beyond CLOUDFORMATION_EVENTS_MAX. */
MR_MUST_USE enum mr_status event_trim(struct cloudformation *cloudformation, struct mr_arena *arena,
                                      struct store_entry *entry, const struct stack *stack);

/* ---- signal.c: what others tell a stack about a resource ---- */

enum { SIGNAL_MESSAGES_MAX = 1000, SIGNAL_BYTES_MAX = 4096 };
/* Serves the URLs. */
void signal_register(struct cloudformation *cloudformation, struct protocol *protocol);
/* A new URL, under which messages about the resource are taken from now on; none of those before
 * count. MR_AGAIN: the server does not listen yet. */
MR_MUST_USE enum mr_status signal_open(struct cloudformation *cloudformation,
                                       struct mr_arena *arena, struct mr_slice name,
                                       struct mr_slice *ret_url);
/* Takes a message, which need not be known by a URL. MR_NOT_FOUND: nobody waits for any. The lock
 * is held. */
MR_MUST_USE enum mr_status signal_add_locked(struct cloudformation *cloudformation,
                                             struct mr_arena *arena, struct mr_slice name,
                                             struct mr_slice message, int64_t *ret_ticket);
/* [text, or false: it was too long]: what was told under the name "<uuid>/<logical id>"; NULL:
 * nothing is open there. */
yyjson_val *signal_messages(struct cloudformation *cloudformation, struct mr_arena *arena,
                            struct mr_slice name);
void signal_close(struct cloudformation *cloudformation, struct mr_arena *arena,
                  struct mr_slice name);
/* The name that a URL stands for; empty: it is none of ours. */
struct mr_slice signal_name(struct mr_arena *arena, struct mr_slice url);
enum signal_news { SIGNAL_LOOK, SIGNAL_CALLED_OFF, SIGNAL_CLOSING };
/* Waits until there are more than `known` messages, or for a while: SIGNAL_LOOK. The others: the
 * stack does not have the status any more, the server stops. */
enum signal_news signal_wait(struct cloudformation *cloudformation, struct mr_slice uuid,
                             struct mr_slice status, struct mr_slice name, size_t known);

/* ---- guard.c: stack policies ---- */

/* What the request says of stack policies, into the stack. False: it failed. */
bool guard_take(struct protocol_call *call, struct stack *stack);
/* Empty, or why the update may not do that to the resource: "Update:Modify", "Update:Replace" or
 * "Update:Delete". */
struct mr_slice guard_denies(struct mr_arena *arena, const struct stack *stack, const char *action,
                             struct mr_slice logical, struct mr_slice type);
extern const struct protocol_handler cloudformation_guard_handlers[];
extern const size_t cloudformation_guard_handler_count;

/* ---- changeset.c ---- */

struct change_set {
    struct mr_slice uuid, id, name, description;
    struct mr_slice type; /* "CREATE" or "UPDATE" */
    struct mr_slice status, execution, reason;
    struct mr_slice on_failure;
    int64_t created_ms;
    struct stack_version version;
    yyjson_val *changes; /* as on the wire */
};
void change_set_put(struct store_entry *entry, const struct stack *stack,
                    const struct change_set *set);
void change_set_delete(struct store_entry *entry, const struct stack *stack,
                       const struct change_set *set);
/* Calls fn for each of the stack's, or of all stacks' when stack->uuid is empty. */
MR_MUST_USE enum mr_status change_set_each(
    struct cloudformation *cloudformation, struct mr_arena *arena, const struct stack *stack,
    void (*fn)(void *ctx, const struct change_set *set, struct mr_slice stack_uuid), void *ctx);
/* The stack that a change set (by ARN) belongs to. */
MR_MUST_USE enum mr_status change_set_stack(struct cloudformation *cloudformation,
                                            struct mr_arena *arena, struct mr_slice id,
                                            struct stack *ret_stack);
/* By name (the newest) or ARN; an empty `stack` looks through all. */
MR_MUST_USE enum mr_status change_set_find(struct cloudformation *cloudformation,
                                           struct mr_arena *arena, const struct stack *stack,
                                           struct mr_slice name_or_id, struct change_set *ret_set);
/* After an execution: this one is done, the others are obsolete. */
void change_set_finish(struct cloudformation *cloudformation, struct mr_arena *arena,
                       struct store_entry *entry, const struct stack *stack, bool good);

/* ---- versions: JSON of the part that change sets and stacks share (stack.c) ---- */
void stack_version_write(struct mr_json *json, const struct stack_version *version);
struct stack_version stack_version_read(yyjson_val *object);
/* The value that the template sees; NULL: there is no such parameter. */
yyjson_val *stack_version_parameter(const struct stack_version *version, struct mr_slice name);
/* As DescribeStacks and DescribeChangeSet show them, nothing without any; secrets as asterisks. */
void stack_version_write_parameters(struct mr_json *json, const struct stack_version *version);

/* ---- plan.c ---- */

struct plan {
    size_t count;
    struct mr_slice changes; /* JSON array as on the wire */
    bool outputs_changed, tags_changed;
    yyjson_val *imports; /* [name]: exports that it imports */
    struct mr_slice error;
};
/* What an update to `template` with the version's parameters would do. */
MR_MUST_USE enum mr_status plan_make(struct cloudformation *cloudformation, struct mr_arena *arena,
                                     const struct stack *stack, const struct template *template,
                                     const struct stack_version *version, struct plan *ret_plan);

/* ---- engine.c, cloudformation.c ---- */

/* Waits until the stack has no job, for CLOUDFORMATION_SETTLE_MS_MAX at most. */
void engine_settle(struct cloudformation *cloudformation, struct mr_slice uuid);

/* Sees to it that a job works on the stack; the lock is held. */
void engine_start_locked(struct cloudformation *cloudformation, struct mr_slice uuid);

extern const struct protocol_handler cloudformation_stack_handlers[],
    cloudformation_describe_handlers[], cloudformation_change_set_handlers[],
    cloudformation_template_handlers[];
extern const size_t cloudformation_stack_handler_count, cloudformation_describe_handler_count,
    cloudformation_change_set_handler_count, cloudformation_template_handler_count;
