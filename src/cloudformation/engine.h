/* cloudformation/engine.h: carries a stack operation out, resource by resource.
 *
 * A job on a worker runs the phases that the stack's status names:
 *
 *   CREATE ------------------------------------------------------------> CREATE_COMPLETE
 *     \-> ROLLBACK (what was made is removed) -> ROLLBACK_COMPLETE | ROLLBACK_FAILED
 *     \-> CREATE_FAILED (rollback disabled), DELETE (on failure: delete)
 *   UPDATE -> UPDATE_COMPLETE_CLEANUP (what is left over is removed) ---> UPDATE_COMPLETE
 *     \-> UPDATE_ROLLBACK (what was changed is changed back)
 *           -> UPDATE_ROLLBACK_COMPLETE_CLEANUP -> UPDATE_ROLLBACK_COMPLETE
 *           \-> UPDATE_ROLLBACK_FAILED
 *     \-> UPDATE_FAILED (rollback disabled)
 *   DELETE -> DELETE_COMPLETE | DELETE_FAILED
 *
 * Before a resource's service is called, the resource's record says what is about to happen; after
 * it, what came of it. Both are commits in the same journal as the service's own, so their order
 * holds through a crash without waiting for the disk in between. At the next start the job finds
 * the status, skips the records that this operation has done, and runs the one under way again. */
#pragma once
#include "cloudformation/evaluate.h"
#include "cloudformation/internal.h"
#include "cloudformation/resource.h"

struct run {
    struct cloudformation *cloudformation;
    struct mr_arena *arena;
    struct mr_slice uuid;
    struct stack stack; /* as of the last look */
    struct record_list records;
    struct template template; /* of the phase */
    struct evaluation evaluation;
    /* The phase's work: logical ids, or records. */
    struct mr_slice phase; /* the status it was made for, and the operation */
    int64_t phase_operation;
    struct mr_slice *names;
    struct stack_resource **order;
    size_t count, at;
};

/* What became of a step. */
enum step_result { STEP_DONE, STEP_FAILED, STEP_INTERRUPTED };

/* ---- steps.c ---- */
enum step_result step_create(struct run *run, struct mr_slice logical);
enum step_result step_update(struct run *run, struct mr_slice logical);
enum step_result step_revert(struct run *run, struct stack_resource *record);
enum step_result step_delete(struct run *run, struct stack_resource *record);
/* Removes what an update left over of a resource: the physical resource before a replacement, and
 * the doomed ones. */
enum step_result step_clean(struct run *run, struct stack_resource *record);

/* ---- engine.c ---- */
/* Commits with the lock held; a failure is logged and ends the job at the next step. */
void run_commit(struct run *run, struct store_entry *entry);
/* Ends a phase: the stack's new status with its event, if the stack is still in the phase that the
 * run knows. `change` (may be NULL) edits the stack before it is stored. */
void run_turn(struct run *run, const char *status, struct mr_slice reason,
              void (*change)(struct run *run, struct stack *stack, struct store_entry *entry));
