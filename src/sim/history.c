#include "sim/history.h"
#include <stdio.h>
#include <stdlib.h>

struct sim_op *sim_op_begin(enum sim_op_kind kind, size_t count)
{
    struct sim_history *history = sim->history;
    if (history->count == SIM_OPS_MAX)
        sim_finding("more than %d operations", SIM_OPS_MAX);
    struct sim_op *op = &history->ops[history->count++];
    *op = (struct sim_op){.kind = kind, .count = count, .invoked = ++history->event};
    return op;
}

void sim_op_end(struct sim_op *op, enum sim_result result)
{
    op->result = result;
    op->returned = ++sim->history->event;
    sim_mix(op->returned);
    sim_mix(result);
}

uint64_t sim_mark(const struct sim_op *op, size_t part)
{
    return (uint64_t)(op - sim->history->ops) * SIM_PARTS_MAX + part + 1;
}

static const struct sim_op *op_of(uint64_t mark, size_t *ret_part)
{
    const size_t at = (size_t)(mark - 1) / SIM_PARTS_MAX;
    *ret_part = (size_t)(mark - 1) % SIM_PARTS_MAX;
    if (mark == 0 || at >= sim->history->count || *ret_part >= sim->history->ops[at].count)
        sim_finding("a record bears mark %llu, which no write has", (unsigned long long)mark);
    return &sim->history->ops[at];
}

uint64_t sim_history_newest(unsigned key)
{
    const struct sim_op *newest = NULL;
    uint64_t mark = 0;
    for (size_t i = 0; i < sim->history->count; i++) {
        const struct sim_op *op = &sim->history->ops[i];
        for (size_t part = 0; op->result == SIM_DONE && part < op->count; part++)
            if (op->parts[part].key == key && op->parts[part].change != SIM_GET &&
                (newest == NULL || op->returned > newest->returned)) {
                newest = op;
                mark = op->parts[part].change == SIM_DELETE ? 0 : sim_mark(op, part);
            }
    }
    return mark;
}

static int compare(const void *a, const void *b)
{
    const struct sim_record *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static const struct sim_record *record_of(const struct sim_record *records, size_t count,
                                          uint64_t mark)
{
    for (size_t i = 0; i < count; i++)
        if (records[i].new_w == mark)
            return &records[i];
    return NULL;
}

/* The record that took this version of an item away. */
static const struct sim_record *removal_of(const struct sim_record *records, size_t count,
                                           uint64_t mark)
{
    for (size_t i = 0; i < count; i++)
        if (records[i].new_w == 0 && records[i].old_w == mark)
            return &records[i];
    return NULL;
}

/* The record of a part of an operation; NULL: there is none, or nobody can tell. */
static const struct sim_record *part_record(const struct sim_record *records, size_t count,
                                            const struct sim_op *op, size_t part)
{
    const struct sim_part *p = &op->parts[part];
    if (p->change == SIM_GET)
        return NULL;
    if (p->change != SIM_DELETE)
        return record_of(records, count, sim_mark(op, part));
    return p->told && p->old_w != 0 ? removal_of(records, count, p->old_w) : NULL;
}

bool sim_history_is_whole(const struct sim_record *records, size_t count, char *ret_missing,
                          size_t size)
{
    for (size_t i = 0; i < sim->history->count; i++) {
        const struct sim_op *op = &sim->history->ops[i];
        for (size_t part = 0; op->result == SIM_DONE && part < op->count; part++) {
            const struct sim_part *p = &op->parts[part];
            if (p->change == SIM_GET || (p->change == SIM_DELETE && (!p->told || p->old_w == 0)) ||
                part_record(records, count, op, part) != NULL)
                continue;
            (void)snprintf(ret_missing, size,
                           "operation %zu (kind %d, part %zu, key %u, mark %llu) was acknowledged "
                           "and has not landed",
                           i, (int)op->kind, part, p->key, (unsigned long long)sim_mark(op, part));
            return false;
        }
    }
    return true;
}

/* ---- each record by itself, and beside its neighbour ---- */

static void check_chain(const struct sim_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sim_record *record = &records[i];
        const struct sim_record *before =
            i > 0 && records[i - 1].key == record->key ? &records[i - 1] : NULL;
        if (before != NULL && before->sequence == record->sequence)
            sim_finding("record %llu of key %u landed twice", (unsigned long long)record->sequence,
                        record->key);
        const uint64_t was = before == NULL ? 0 : before->new_w;
        if (record->old_w != was)
            sim_finding("record %llu of key %u says that mark %llu was there before, but the "
                        "record before it left %llu",
                        (unsigned long long)record->sequence, record->key,
                        (unsigned long long)record->old_w, (unsigned long long)was);
        if (record->new_w == 0)
            continue;
        size_t part;
        const struct sim_op *op = op_of(record->new_w, &part);
        const struct sim_part *p = &op->parts[part];
        if (p->key != record->key)
            sim_finding("mark %llu was written to another key", (unsigned long long)record->new_w);
        if (op->result == SIM_REFUSED)
            sim_finding("mark %llu was written although its client was refused",
                        (unsigned long long)record->new_w);
        if (p->conditional && p->expected_w != was)
            sim_finding("mark %llu was to be written over mark %llu, and was written over %llu",
                        (unsigned long long)record->new_w, (unsigned long long)p->expected_w,
                        (unsigned long long)was);
        const int64_t n = p->change == SIM_UPDATE ? (was == 0 ? 0 : record->old_n) + 1 : 0;
        if (record->new_n != n)
            sim_finding("mark %llu counts %lld instead of %lld", (unsigned long long)record->new_w,
                        (long long)record->new_n, (long long)n);
    }
}

/* Of two objects one holds all the earlier records of an item. */
static void check_objects(const struct sim_record *records, size_t count)
{
    for (size_t i = 0; i + 2 < count; i++)
        for (size_t j = i + 1; j < count && records[j].key == records[i].key; j++) {
            if (records[i].failed || records[j].failed || records[j].object == records[i].object)
                continue;
            for (size_t k = j + 1; k < count && records[k].key == records[i].key; k++)
                if (!records[k].failed && records[k].object == records[i].object)
                    sim_finding("the records of key %u are in two objects by turns",
                                records[i].key);
        }
}

/* ---- what clients were told ---- */

static void check_told(const struct sim_record *records, size_t count, const struct sim_op *op,
                       size_t part)
{
    const struct sim_part *p = &op->parts[part];
    if (op->result != SIM_DONE || !p->told || p->change == SIM_GET)
        return;
    if (p->conditional && p->old_w != p->expected_w)
        sim_finding("a client found mark %llu of key %u under a condition on %llu",
                    (unsigned long long)p->old_w, p->key, (unsigned long long)p->expected_w);
    const struct sim_record *record = part_record(records, count, op, part);
    if (record == NULL)
        return; /* nothing was deleted */
    if (p->change == SIM_UPDATE && record->new_n != p->n)
        sim_finding("an update was told %lld, its record says %lld", (long long)p->n,
                    (long long)record->new_n);
    if (p->change == SIM_PUT && record->old_w != p->old_w)
        sim_finding("a put was told mark %llu was there before, its record says %llu",
                    (unsigned long long)p->old_w, (unsigned long long)record->old_w);
}

/* Whose a removal is. Several may have asked for it; who was told of it is certain. */
static void attribute_removal(struct sim_record *record)
{
    bool possible = false;
    for (size_t i = 0; i < sim->history->count; i++) {
        const struct sim_op *op = &sim->history->ops[i];
        for (size_t part = 0; part < op->count && op->result != SIM_REFUSED; part++) {
            const struct sim_part *p = &op->parts[part];
            if (p->change != SIM_DELETE || p->key != record->key)
                continue;
            if (op->result == SIM_DONE && p->told && p->old_w == record->old_w) {
                record->asked = op->invoked;
                record->certain = op->returned;
                return;
            }
            possible = possible || op->result == SIM_UNKNOWN || !p->told;
        }
    }
    if (!possible)
        sim_finding("nobody asked for the removal of mark %llu of key %u",
                    (unsigned long long)record->old_w, record->key);
}

static void attribute(struct sim_record *record)
{
    record->asked = 0;
    record->certain = UINT64_MAX;
    if (record->expired) {
        if (!sim->plan.expires || record->new_w != 0)
            sim_finding("an item has expired that has no time to live");
        /* when the clock is set, the moment that was looked at may lie ahead of the record's */
        if (record->old_t == 0 || (!sim->plan.clock_jumps && record->created_s < record->old_t))
            sim_finding("mark %llu of key %u has expired at %lld, its time is %lld",
                        (unsigned long long)record->old_w, record->key,
                        (long long)record->created_s, (long long)record->old_t);
        return;
    }
    if (record->new_w == 0) {
        attribute_removal(record);
        return;
    }
    size_t part;
    const struct sim_op *op = op_of(record->new_w, &part);
    record->asked = op->invoked;
    if (op->result == SIM_DONE)
        record->certain = op->returned;
}

/* It saw the newest change that was certain when it began, or a newer one that had been asked for
 * when it ended. */
static void check_read(const struct sim_record *records, size_t count, const struct sim_op *op)
{
    const struct sim_part *p = &op->parts[0];
    const struct sim_record *newest = NULL;
    bool good = p->old_w == 0; /* nothing may have been there yet */
    if (op->result != SIM_DONE)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct sim_record *record = &records[i];
        if (record->key != p->key)
            continue;
        if (record->certain < op->invoked) {
            newest = record;
            good = false;
        }
        if (record->new_w != p->old_w || record->asked > op->returned)
            continue;
        good = true;
        if (record->new_w != 0 && record->new_n != p->n)
            sim_finding("a client read count %lld, the record says %lld", (long long)p->n,
                        (long long)record->new_n);
    }
    if (!good)
        sim_finding("a client read mark %llu of key %u, although the change to mark %llu was "
                    "certain",
                    (unsigned long long)p->old_w, p->key,
                    (unsigned long long)(newest == NULL ? 0 : newest->new_w));
}

/* A condition may have failed only if something else can have been there meanwhile. */
static void check_refusal(const struct sim_record *records, size_t count, const struct sim_op *op)
{
    const struct sim_part *p = &op->parts[0];
    bool good = p->expected_w != 0; /* nothing was there yet */
    if (op->result != SIM_REFUSED || !p->conditional)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct sim_record *record = &records[i];
        if (record->key != p->key)
            continue;
        const bool other = record->new_w != p->expected_w;
        if (record->certain < op->invoked)
            good = other;
        else if (record->asked <= op->returned)
            good = good || other;
    }
    if (!good)
        sim_finding("a condition on mark %llu of key %u failed, although it was there",
                    (unsigned long long)p->expected_w, p->key);
}

/* Who was answered before another began comes first. */
static void check_order(const struct sim_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count && records[j].key == records[i].key; j++)
            if (records[j].certain < records[i].asked)
                sim_finding("of key %u the change to mark %llu was acknowledged before that to "
                            "mark %llu was asked for, and comes behind it",
                            records[i].key, (unsigned long long)records[j].new_w,
                            (unsigned long long)records[i].new_w);
}

static void check_transaction(const struct sim_record *records, size_t count,
                              const struct sim_op *op)
{
    size_t found = 0, expected = 0;
    for (size_t part = 0; part < op->count; part++) {
        if (op->parts[part].change == SIM_DELETE)
            continue;
        expected++;
        found += part_record(records, count, op, part) != NULL;
    }
    if (found != 0 && found != expected)
        sim_finding("of a transaction's %zu changes %zu landed", expected, found);
}

static bool is_taken(const struct sim_record *record)
{
    return record->old_w == 0 || record->new_w == 0;
}

bool sim_history_only_is_whole(const struct sim_record *records, size_t count,
                               const struct sim_record *only, size_t only_count)
{
    for (size_t i = 0; i < count; i++) {
        bool found = !is_taken(&records[i]);
        for (size_t j = 0; j < only_count && !found; j++)
            found = only[j].sequence == records[i].sequence;
        if (!found)
            return false;
    }
    return true;
}

void sim_history_check_only(struct sim_record *only, size_t count)
{
    if (count > 0)
        qsort(only, count, sizeof *only, compare);
    for (size_t i = 0; i < count; i++) {
        if (!is_taken(&only[i]))
            sim_finding("record %llu has passed a filter that does not take it",
                        (unsigned long long)only[i].sequence);
        if (i > 0 && only[i - 1].sequence == only[i].sequence)
            sim_finding("record %llu has passed the filter twice",
                        (unsigned long long)only[i].sequence);
    }
    check_objects(only, count);
}

void sim_history_check(struct sim_record *records, size_t count)
{
    if (count > 0)
        qsort(records, count, sizeof *records, compare);
    for (size_t i = 0; i < count; i++)
        attribute(&records[i]);
    check_chain(records, count);
    check_objects(records, count);
    check_order(records, count);
    for (size_t i = 0; i < sim->history->count; i++) {
        const struct sim_op *op = &sim->history->ops[i];
        if (op->kind == SIM_GET)
            check_read(records, count, op);
        check_refusal(records, count, op);
        if (op->kind == SIM_TRANSACT)
            check_transaction(records, count, op);
        for (size_t part = 0; part < op->count; part++)
            check_told(records, count, op, part);
    }
}
