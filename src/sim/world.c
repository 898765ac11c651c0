/* sim/world.c: the memory that the incarnations of a seed share. */
#include "sim/sim.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORLD_BYTES = 512 << 20, CLASS_MIN = 4 };

struct sim_world *sim;

void sim_world_make(void)
{
    void *memory = mmap(NULL, WORLD_BYTES, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("millrace-sim: mmap");
        exit(2);
    }
    sim = memory;
}

void sim_world_begin(uint64_t seed)
{
    const bool trace = sim->trace;
    const uint64_t trace_from = sim->trace_from, trace_to = sim->trace_to;
    const struct sim_plan plan = sim->plan;
    memset(sim, 0, sizeof *sim);
    sim->trace = trace;
    sim->trace_from = trace_from;
    sim->trace_to = trace_to;
    sim->plan.mutation = plan.mutation;
    sim->next = (char *)sim + ((sizeof *sim + 63) & ~(size_t)63);
    sim->end = (char *)sim + WORLD_BYTES;
    sim->seed = seed;
    mr_rng_init_seed(&sim->rng, seed);
    sim->now_ns = INT64_C(1000000000);
    sim->wall_ns = INT64_C(1750000000000000000);
}

static unsigned class_of(size_t size)
{
    unsigned class = CLASS_MIN;
    while (((size_t)1 << class) < size)
        class ++;
    return class;
}

void *sim_alloc(size_t size)
{
    const unsigned class = class_of(size);
    void *found = sim->free_lists[class];
    if (found != NULL) {
        memcpy(&sim->free_lists[class], found, sizeof found);
    } else {
        found = sim->next;
        sim->next += (size_t)1 << class;
        if (sim->next > sim->end)
            sim_finding("the simulator's memory is used up");
    }
    return memset(found, 0, size);
}

void sim_free(void *ptr, size_t size)
{
    if (ptr == NULL)
        return;
    const unsigned class = class_of(size);
    memcpy(ptr, &sim->free_lists[class], sizeof ptr);
    sim->free_lists[class] = ptr;
}

bool sim_owns(const void *ptr)
{
    return (const char *)ptr >= (const char *)sim && (const char *)ptr < sim->end;
}

/* ---- chance, and what happened ---- */

uint64_t sim_below(uint64_t bound)
{
    return mr_rng_u64(&sim->rng) % bound;
}

bool sim_chance(unsigned one_in)
{
    return one_in != 0 && sim_below(one_in) == 0;
}

void sim_mix(uint64_t value)
{
    uint64_t hash = (sim->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    sim->hash = hash ^ hash >> 29;
}

void sim_mix_text(struct mr_slice text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    sim_mix(hash);
}

bool sim_traces_steps(void)
{
    return sim->trace && sim->trace_to != 0 && sim->steps >= sim->trace_from &&
           sim->steps <= sim->trace_to;
}

void sim_trace(const char *format, ...)
{
    if (!sim->trace || (sim->trace_to != 0 && !sim_traces_steps()))
        return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%10llu %14.6f ", (unsigned long long)sim->steps, (double)sim->now_ns / 1e9);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void sim_end(enum sim_end end)
{
    sim_mix((uint64_t)end);
    fflush(NULL);
    _exit((int)end);
}

void sim_finding(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sim->finding, sizeof sim->finding, format, args);
    va_end(args);
    sim_trace("finding: %s", sim->finding);
    sim_end(SIM_END_FINDING);
}
