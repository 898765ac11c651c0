/* millrace-sim: runs the server on seeds; see sim.h and README.md. */
#include "sim/server.h"
#include <errno.h>
#include <execinfo.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, RESTARTS_MAX = 40, STEPS_OF_A_START = 6000, STEPS_OF_A_RUN = 40000 };

struct outcome {
    bool found;
    uint64_t hash, steps;
    char finding[2048];
};

/* ---- one seed ---- */

/* Where it was; addr2line -e build/millrace-sim makes lines of it. */
static void on_signal(int number)
{
    void *frames[32];
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void signals_watch(void)
{
    static char stack[64 << 10];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
    (void)sigaltstack(&own, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGABRT, &action, NULL);
}

static _Noreturn void incarnation_run(void)
{
    if (sim->trace)
        signals_watch();
    sim_fibers_begin();
    struct serve *serve = sim_server_start();
    const size_t share = sim->plan.operations / (sim->plan.incarnations + 1) + 1;
    sim_retain_begin(serve);
    sim_table_make(serve);
    if (sim->plan.early)
        sim_clients_begin(serve, share);
    sim_way_make(serve);
    if (!sim->plan.early)
        sim_clients_begin(serve, share);
    sim_clients_join();
    if (sim->failed_io)
        sim_sleep(INT64_C(1000000000) * (int64_t)sim_below(20));
    if (sim->failed_io)
        sim_end(SIM_END_CRASHED);
    if (sim->calm) {
        sim_pipes_start(serve);
        sim_landed_check(serve);
    }
    sim_retain_end();
    if (sim->calm || sim_chance(2)) {
        serve_stop(serve);
        sim_trace("-- stopped");
        sim_end(SIM_END_DONE);
    }
    sim_sleep(INT64_C(1000000000) * (int64_t)sim_below(40));
    sim_end(SIM_END_CRASHED);
}

/* Returns how it ended; > 255: by a signal. */
static int incarnation(void)
{
    sim->failed_io = false;
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) {
        perror("millrace-sim: fork");
        exit(2);
    }
    if (child == 0)
        incarnation_run();
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static uint64_t choose_death(void)
{
    if (sim->calm)
        return UINT64_MAX;
    const uint64_t within = sim_chance(3) ? STEPS_OF_A_START : STEPS_OF_A_RUN;
    return sim->steps + 1 + sim_below(within);
}

static void seed_begin(uint64_t seed)
{
    sim_world_begin(seed);
    sim_plan_make(&sim->plan);
    sim->history = sim_alloc(sizeof *sim->history);
    sim_disk_begin();
}

static void seed_run(uint64_t seed, struct outcome *ret_outcome)
{
    seed_begin(seed);
    for (unsigned left = sim->plan.incarnations + 1; left > 0; left--) {
        sim->calm = left == 1;
        sim->die_at = choose_death();
        sim->dies_at_disk = sim_chance(4);
        sim->incarnation++;
        int end = incarnation();
        if (end == EXIT_FAILURE && sim->failed_io)
            end = SIM_END_REFUSED; /* the server ends itself when its data folder fails */
        sim_mix((uint64_t)end);
        if (end > 255 || end == SIM_END_FINDING ||
            (end != SIM_END_DONE && end != SIM_END_CRASHED && end != SIM_END_REFUSED)) {
            ret_outcome->found = true;
            if (end != SIM_END_FINDING)
                (void)snprintf(sim->finding, sizeof sim->finding,
                               "the server ended by itself: status %d", end);
            break;
        }
        if (sim->plan.power_cuts && !sim_chance(3))
            sim_disk_cut(); /* or else only the process died, or stopped as it should */
        sim_disk_collect();
    }
    ret_outcome->hash = sim->hash;
    ret_outcome->steps = sim->steps;
    (void)snprintf(ret_outcome->finding, sizeof ret_outcome->finding, "%s", sim->finding);
}

/* ---- many ---- */

struct options {
    uint64_t from, to;
    unsigned jobs, seconds;
    uint64_t trace_from, trace_to;
    bool trace, stop_at_first, twice;
    enum sim_mutation mutation;
};

static double now_s(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC); /* real time: it is not wrapped */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Takes every `jobs`th seed; writes a line per finding. Returns the findings. */
static int worker(const struct options *options, unsigned at, volatile bool *found,
                  uint64_t *ret_seeds)
{
    int findings = 0;
    const double until = now_s() + (options->seconds > 0 ? options->seconds : 1e9);
    sim_world_make();
    sim->trace = options->trace;
    sim->trace_from = options->trace_from;
    sim->trace_to = options->trace_to;
    sim->plan.mutation = options->mutation;
    for (uint64_t seed = options->from + at;
         seed <= options->to && now_s() < until && !(options->stop_at_first && *found);
         seed += options->jobs) {
        struct outcome outcome = {0}, again = {0};
        seed_run(seed, &outcome);
        if (options->twice) {
            seed_run(seed, &again);
            if (again.hash != outcome.hash && !outcome.found) {
                outcome.found = true;
                (void)snprintf(outcome.finding, sizeof outcome.finding,
                               "it does not run the same way twice");
            }
        }
        ++*ret_seeds;
        if (options->from == options->to)
            printf("seed %llu: %llu steps, hash %016llx\n", (unsigned long long)seed,
                   (unsigned long long)outcome.steps, (unsigned long long)outcome.hash);
        if (!outcome.found)
            continue;
        findings++;
        *found = true;
        printf("seed %llu, incarnation %u, step %llu: %s\n", (unsigned long long)seed,
               sim->incarnation, (unsigned long long)outcome.steps, outcome.finding);
        fflush(stdout);
    }
    return findings;
}

static int usage(void)
{
    fprintf(stderr, "usage: millrace-sim [--seed N | --seeds A..B] [--seconds N] [--jobs N] "
                    "[--trace] [--steps A..B] [--twice] [--first] [--mutation NAME]\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"seed", required_argument, NULL, 's'},     {"seeds", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 't'},  {"jobs", required_argument, NULL, 'j'},
        {"trace", no_argument, NULL, 'v'},          {"steps", required_argument, NULL, 'p'},
        {"twice", no_argument, NULL, '2'},          {"first", no_argument, NULL, 'f'},
        {"mutation", required_argument, NULL, 'm'}, {0}};
    unsigned long long from, to;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 's': options->from = options->to = strtoull(optarg, NULL, 10); break;
        case 'r':
            if (sscanf(optarg, "%llu..%llu", &from, &to) != 2)
                return false;
            options->from = from;
            options->to = to;
            break;
        case 't': options->seconds = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'j': options->jobs = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'v': options->trace = true; break;
        case 'p':
            if (sscanf(optarg, "%llu..%llu", &from, &to) != 2 || to == 0)
                return false;
            options->trace = true;
            options->trace_from = from;
            options->trace_to = to;
            break;
        case '2': options->twice = true; break;
        case 'f': options->stop_at_first = true; break;
        case 'm': options->mutation = sim_mutation_named(optarg); break;
        default: return false;
        }
    }
    return optind == argc && options->mutation < SIM_MUTATIONS && options->jobs > 0 &&
           options->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    struct options options = {.from = 1, .to = 1000, .jobs = 1};
    if (!parse(argc, argv, &options))
        return usage();
    (void)signal(SIGPIPE, SIG_IGN);
    const double began = now_s();
    volatile bool *found =
        mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED)
        return 2;
    int findings = 0, pipes[JOBS_MAX][2];
    for (unsigned i = 0; i < options.jobs; i++) {
        fflush(stdout);
        if (pipe(pipes[i]) != 0 || fork() != 0)
            continue;
        uint64_t told[2] = {0};
        told[0] = (uint64_t)worker(&options, i, found, &told[1]);
        const bool good = write(pipes[i][1], told, sizeof told) == sizeof told;
        fflush(stdout);
        _exit(good ? 0 : 2);
    }
    uint64_t seeds = 0;
    for (unsigned i = 0; i < options.jobs; i++) {
        uint64_t told[2] = {1, 0};
        close(pipes[i][1]);
        if (read(pipes[i][0], told, sizeof told) != sizeof told)
            fprintf(stderr, "millrace-sim: a job has died\n");
        findings += (int)told[0];
        seeds += told[1];
    }
    while (wait(NULL) > 0)
        continue;
    printf("sim: %llu seeds in %.1f s, %d findings\n", (unsigned long long)seeds, now_s() - began,
           findings);
    return findings == 0 ? 0 : 1;
}
