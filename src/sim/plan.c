/* sim/plan.c: what a seed is about. */
#include "sim/sim.h"
#include <string.h>

static const char *const names[SIM_MUTATIONS] = {
    [SIM_SOUND] = "sound",
    [SIM_SYNC_SKIPPED] = "sync-skipped",
    [SIM_REPLY_EARLY] = "reply-early",
    [SIM_CURSOR_APART] = "cursor-apart",
    [SIM_REPLAY_LATE] = "replay-late",
    [SIM_FOLDER_UNSYNCED] = "folder-unsynced",
    [SIM_FLUSH_AHEAD] = "flush-ahead",
    [SIM_WAKE_LOST] = "wake-lost",
    [SIM_TAIL_TRUSTED] = "tail-trusted",
    [SIM_RETAIN_LATE] = "retain-late",
    [SIM_FILTER_OPEN] = "filter-open",
    [SIM_FILTER_SHUT] = "filter-shut",
    [SIM_CONDITION_OPEN] = "condition-open",
    [SIM_CONDITION_SHUT] = "condition-shut",
    [SIM_EXPIRY_EARLY] = "expiry-early",
    [SIM_EXPIRY_MISSED] = "expiry-missed",
};

enum sim_mutation sim_mutation_named(const char *name)
{
    int mutation = 0;
    while (mutation < SIM_MUTATIONS && strcmp(names[mutation], name) != 0)
        mutation++;
    return (enum sim_mutation)mutation;
}

const char *sim_mutation_name(enum sim_mutation mutation)
{
    return names[mutation];
}

void sim_plan_make(struct sim_plan *plan)
{
    static const unsigned preempts[] = {2, 5, 20, 100}, pads[] = {10, 300, 6000};
    const enum sim_mutation mutation = plan->mutation;
    *plan = (struct sim_plan){
        .mutation = mutation,
        .preempt = preempts[sim_below(MR_COUNT(preempts))],
        .incarnations = (unsigned)sim_below(6),
        .clients = 1 + (unsigned)sim_below(5),
        .keys = 1 + (unsigned)sim_below(12),
        .operations = 20 + (unsigned)sim_below(60),
        .pad_bytes = pads[sim_below(MR_COUNT(pads))],
        .shards = 1 + (unsigned)sim_below(3),
        .segment_bytes = (uint64_t)16384 << sim_below(4),
        .pause_ns_max = sim_chance(3) ? INT64_C(200000000000) : INT64_C(2000000000),
        .memtable_bytes = (size_t)2048 << sim_below(10),
        .seconds = sim_chance(2) ? 0 : 1 + (unsigned)sim_below(20),
        .has_function = !sim_chance(4),
        .functions_fail = sim_chance(2),
        .power_cuts = !sim_chance(4),
        .disk_fails = sim_chance(4),
        .clock_jumps = sim_chance(4),
        .clock_goes_back = sim_chance(2),
        .meddles = sim_chance(3),
        .filters = sim_chance(4),
        .expires = sim_chance(3),
        .early = sim_chance(3),
        .retains = sim_chance(4),
        .leaves = sim_chance(4),
    };
    if (mutation == SIM_SOUND)
        return;
    /* Where what is broken shows soonest. */
    plan->power_cuts = true;
    plan->incarnations = 2 + plan->incarnations;
    plan->memtable_bytes = 2048;
    plan->filters |= mutation == SIM_FILTER_OPEN || mutation == SIM_FILTER_SHUT;
    plan->expires |= mutation == SIM_EXPIRY_EARLY || mutation == SIM_EXPIRY_MISSED;
    plan->clock_jumps &= !plan->expires;
    if (mutation == SIM_EXPIRY_EARLY) { /* it takes a write beside the search, once a second */
        plan->operations = 300;
        plan->pad_bytes = 10;
        plan->clients = 5;
    }
    if (mutation == SIM_RETAIN_LATE) {
        plan->early = plan->retains = plan->leaves = true;
        plan->segment_bytes = 16384;
        plan->pad_bytes = 6000;
        plan->clients = 5;
    }
}
