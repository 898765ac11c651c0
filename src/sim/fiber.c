/* sim/fiber.c: threads that take turns in one, and the clock. */
#include "sim/sim.h"
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum {
    FIBERS_MAX = 256,
    STACK_BYTES = 512 << 10,
    STEP_NS_MAX = 400,
    STEPS_MAX = 20000000, /* of a seed: beyond it something runs in circles */
};

#define JUMPED_NS_MAX (INT64_C(16) * 3600 * 1000000000)

enum fiber_state { FIBER_FREE, FIBER_READY, FIBER_WAITING, FIBER_DONE };

struct fiber {
    enum fiber_state state;
    char name[16];
    void *(*run)(void *arg);
    void *arg;
    void *stack; /* where it stopped: see context_switch */
    char *memory;
    ucontext_t context; /* where there is no context_switch */
    const void *waits_on;
    int64_t until_ns;
    bool timed_out;
    char *locals; /* its copy of the program's thread-local variables */
    int error;
};

static struct fiber fibers[FIBERS_MAX];
static int fiber_count, self;
static int ready[FIBERS_MAX], ready_count;
static int64_t next_until_ns;
static char *locals; /* the thread-local variables of this program */
static size_t locals_bytes;
static char *fresh; /* the same, as a thread finds them */

/* ---- switching ---- */

#ifdef __x86_64__
void sim_context_switch(void **ret_from, void *to);
__asm__(".text\n"
        ".globl sim_context_switch\n"
        ".type sim_context_switch, @function\n"
        "sim_context_switch:\n"
        "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "movq %rsp, (%rdi)\n"
        "movq %rsi, %rsp\n"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
        "ret\n"
        ".size sim_context_switch, .-sim_context_switch\n");

static void context_make(struct fiber *fiber, void (*entry)(void))
{
    void **top = (void **)(void *)(fiber->memory + STACK_BYTES);
    *--top = NULL; /* so that the stack is aligned as after a call */
    void *code;
    memcpy(&code, &entry, sizeof code);
    *--top = code;
    top -= 6;
    memset(top, 0, 6 * sizeof *top);
    fiber->stack = top;
}

static void context_switch(struct fiber *from, struct fiber *to)
{
    sim_context_switch(&from->stack, to->stack);
}
#else
static void context_make(struct fiber *fiber, void (*entry)(void))
{
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->memory;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, entry, 0);
}

static void context_switch(struct fiber *from, struct fiber *to)
{
    swapcontext(&from->context, &to->context);
}
#endif

static void switch_to(int id)
{
    if (id == self)
        return;
    struct fiber *from = &fibers[self], *to = &fibers[id];
    memcpy(from->locals, locals, locals_bytes);
    from->error = errno;
    memcpy(locals, to->locals, locals_bytes);
    self = id;
    context_switch(from, to);
    errno = fibers[self].error;
}

/* ---- who goes on ---- */

static void make_ready(int id)
{
    fibers[id].state = FIBER_READY;
    fibers[id].waits_on = NULL;
    fibers[id].until_ns = INT64_MAX;
    ready[ready_count++] = id;
}

static void look_at_clock(void)
{
    if (sim->now_ns < next_until_ns)
        return;
    next_until_ns = INT64_MAX;
    for (int i = 0; i < fiber_count; i++) {
        struct fiber *fiber = &fibers[i];
        if (fiber->state != FIBER_WAITING)
            continue;
        if (fiber->until_ns <= sim->now_ns) {
            fiber->timed_out = true;
            make_ready(i);
        } else if (fiber->until_ns < next_until_ns) {
            next_until_ns = fiber->until_ns;
        }
    }
}

static void say_who_waits(char *ret, size_t size)
{
    size_t at = 0;
    ret[0] = '\0';
    for (int i = 0; i < fiber_count && at + 40 < size; i++)
        if (fibers[i].state == FIBER_WAITING)
            at += (size_t)snprintf(ret + at, size - at, " %s", fibers[i].name);
}

static int choose(void)
{
    while (ready_count == 0) {
        if (next_until_ns == INT64_MAX) {
            char names[1024];
            say_who_waits(names, sizeof names);
            sim_finding("deadlock: all wait for each other:%s", names);
        }
        sim->now_ns = next_until_ns;
        look_at_clock();
    }
    const int at = (int)sim_below((uint64_t)ready_count);
    const int id = ready[at];
    ready[at] = ready[--ready_count];
    return id;
}

static void go_on(void)
{
    look_at_clock();
    const int id = choose();
    sim_mix((uint64_t)id);
    if (sim_traces_steps())
        sim_trace("goes on: %s %d", fibers[id].name, id);
    switch_to(id);
}

static void step(void)
{
    sim->steps++;
    sim->now_ns += (int64_t)sim_below(STEP_NS_MAX);
    if (sim->steps >= sim->die_at) {
        sim_trace("-- the process dies");
        sim_end(SIM_END_CRASHED);
    }
    if (sim->steps > STEPS_MAX)
        sim_finding("no end after %d steps", STEPS_MAX);
}

void sim_disk_death(void)
{
    enum { ONE_IN = 50 };
    if (!sim->dies_at_disk || sim->calm || !sim_chance(ONE_IN))
        return;
    sim_trace("-- the process dies at the disk");
    sim_end(SIM_END_CRASHED);
}

void sim_point(void)
{
    step();
    /* Forwards in all less than the day that a stream keeps its records; backwards as it likes. */
    if (sim->plan.clock_jumps && sim->jumped_ns < JUMPED_NS_MAX && sim_chance(5000)) {
        int64_t by_ns = (int64_t)sim_below(18000) * 1000000000;
        if (sim->plan.clock_goes_back && sim_chance(2))
            by_ns = -by_ns;
        sim->wall_ns += by_ns;
        sim->jumped_ns += by_ns > 0 ? by_ns : 0;
        sim_trace("the clock jumps by %lld s", (long long)(by_ns / 1000000000));
    }
    look_at_clock();
    if (ready_count > 0 && sim_chance(sim->plan.preempt)) {
        make_ready(self);
        go_on();
    }
}

bool sim_wait(const void *what, int64_t until_ns)
{
    struct fiber *fiber = &fibers[self];
    step();
    fiber->state = FIBER_WAITING;
    fiber->waits_on = what;
    fiber->until_ns = until_ns;
    fiber->timed_out = false;
    if (until_ns < next_until_ns)
        next_until_ns = until_ns;
    go_on();
    return fiber->timed_out;
}

void sim_wake(const void *what, bool all)
{
    int found[FIBERS_MAX], count = 0;
    for (int i = 0; i < fiber_count; i++)
        if (fibers[i].state == FIBER_WAITING && fibers[i].waits_on == what)
            found[count++] = i;
    if (count == 0)
        return;
    if (!all) {
        found[0] = found[sim_below((uint64_t)count)];
        count = 1;
    }
    for (int i = 0; i < count; i++)
        make_ready(found[i]);
}

void sim_sleep(int64_t ns)
{
    (void)sim_wait(NULL, sim->now_ns + ns);
}

int sim_fiber_self(void)
{
    return self;
}

int64_t sim_now_ns(void)
{
    return sim->now_ns;
}

/* ---- beginnings and ends ---- */

static void fiber_main(void)
{
    struct fiber *fiber = &fibers[self];
    (void)fiber->run(fiber->arg);
    fiber = &fibers[self];
    fiber->state = FIBER_DONE;
    sim_wake(fiber, true);
    step();
    go_on();
    abort(); /* nobody makes it ready again */
}

static int slot_find(void)
{
    for (int i = 0; i < fiber_count; i++)
        if (fibers[i].state == FIBER_FREE)
            return i;
    if (fiber_count == FIBERS_MAX)
        sim_finding("more than %d threads", FIBERS_MAX);
    return fiber_count++;
}

int sim_fiber_start(const char *name, void *(*run)(void *arg), void *arg)
{
    const int id = slot_find();
    struct fiber *fiber = &fibers[id];
    if (fiber->memory == NULL) {
        fiber->memory = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        fiber->locals = calloc(1, locals_bytes);
        if (fiber->memory == MAP_FAILED || fiber->locals == NULL)
            abort();
    }
    memcpy(fiber->locals, fresh, locals_bytes);
    (void)snprintf(fiber->name, sizeof fiber->name, "%s", name);
    fiber->run = run;
    fiber->arg = arg;
    fiber->error = 0;
    context_make(fiber, fiber_main);
    make_ready(id);
    sim_point();
    return id;
}

void sim_fiber_join(int id)
{
    while (fibers[id].state != FIBER_DONE)
        (void)sim_wait(&fibers[id], INT64_MAX);
    fibers[id].state = FIBER_FREE;
}

static int find_locals(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            locals = info->dlpi_tls_data;
            locals_bytes = info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the program itself comes first */
}

void sim_fibers_begin(void)
{
    dl_iterate_phdr(find_locals, NULL);
    fiber_count = 1;
    self = 0;
    ready_count = 0;
    next_until_ns = INT64_MAX;
    fibers[0] = (struct fiber){.state = FIBER_READY, .name = "main", .until_ns = INT64_MAX};
    fibers[0].locals = calloc(1, locals_bytes);
    fresh = calloc(1, locals_bytes);
    if (fibers[0].locals == NULL || fresh == NULL)
        abort();
    memcpy(fresh, locals, locals_bytes);
}
