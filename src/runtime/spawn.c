#include "runtime/internal.h"
#include <errno.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__)
/* ThreadSanitizer takes clone() for a fork, and in the child, whose memory is ours, forgets all our
 * threads. It does not know the C library's other name of the same. */
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

/* Starts a program as vfork would: the child shares our memory and we wait until it has executed
 * the program or given up, so nothing of this process is copied however large it is.
 *
 * The child makes raw system calls only. Its own descriptor table, signal handlers and limits
 * change; what lies in memory, libc's records and a sanitizer's among them, is ours and stays as it
 * is. */

enum { SPAWN_STACK = 64 << 10, SIGNALS = 64, FILES_DEFAULT = 1024, FILES_SWEEP = 65536 };

/* The child never returns from these, so AddressSanitizer would never learn that its stack is free
 * again, and take the next child's use of the same addresses for a fault. */
#define RUNS_IN_CHILD __attribute__((no_sanitize("address")))

struct spawn_state {
    const struct runtime_spawn *spawn;
    pid_t parent;
    volatile int error; /* errno of the step that failed */
};

RUNS_IN_CHILD static bool step_failed(struct spawn_state *state, long result)
{
    if (result >= 0)
        return false;
    state->error = errno;
    return true;
}

RUNS_IN_CHILD static long limit(int resource, uint64_t value)
{
    uint64_t both[2] = {value, value}; /* the kernel's struct: soft, hard */
    return syscall(SYS_prlimit64, 0, resource, both, NULL);
}

RUNS_IN_CHILD static long close_above_stdio(void)
{
    long result = syscall(SYS_close_range, 3u, ~0u, 0u);
    for (int fd = 3; result < 0 && fd < FILES_SWEEP; fd++) /* a kernel before 5.9 */
        syscall(SYS_close, fd);
    return 0;
}

/* Handlers are ours, and an ignored signal would stay ignored in the program. Zeros are the
 * kernel's sigaction of the default. Only then signals are let in again. */
RUNS_IN_CHILD static long signals_by_default(void)
{
    uint64_t zeros[8] = {0};
    for (int number = 1; number <= SIGNALS; number++)
        syscall(SYS_rt_sigaction, number, zeros, NULL, (size_t)8); /* SIGKILL and SIGSTOP refuse */
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, zeros, NULL, (size_t)8);
}

RUNS_IN_CHILD static bool child_prepare(struct spawn_state *state)
{
    const struct runtime_child_options *options = state->spawn->options;
    uint64_t files = options->files_max != 0 ? options->files_max : FILES_DEFAULT;
    if (step_failed(state, syscall(SYS_prctl, PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L)))
        return false;
    if (syscall(SYS_getppid) != state->parent) { /* it died before that call */
        state->error = ESRCH;
        return false;
    }
    return !step_failed(state, syscall(SYS_setpgid, 0, 0)) &&
           !step_failed(state, syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L)) &&
           !step_failed(state, syscall(SYS_dup3, state->spawn->input, 0, 0)) &&
           !step_failed(state, syscall(SYS_dup3, state->spawn->output, 1, 0)) &&
           !step_failed(state, syscall(SYS_dup3, state->spawn->error, 2, 0)) &&
           !step_failed(state, close_above_stdio()) &&
           (options->folder == NULL || !step_failed(state, syscall(SYS_chdir, options->folder))) &&
           !step_failed(state, limit(RLIMIT_CORE, 0)) &&
           !step_failed(state, limit(RLIMIT_NOFILE, files)) &&
           !step_failed(state, signals_by_default()) &&
           /* Last: the address space is still ours, and a sanitizer's shadow alone is far beyond
            * any limit, so it could not map another page of it. */
           (options->memory_bytes == 0 ||
            !step_failed(state, limit(RLIMIT_AS, options->memory_bytes)));
}

RUNS_IN_CHILD static int child_main(void *arg)
{
    struct spawn_state *state = arg;
    const struct runtime_child_options *options = state->spawn->options;
    if (child_prepare(state)) {
        syscall(SYS_execve, options->argv[0], options->argv, options->envp);
        state->error = errno;
    }
    syscall(SYS_exit_group, 127);
    return 127;
}

int runtime_spawn(const struct runtime_spawn *spawn)
{
    struct spawn_state state = {.spawn = spawn, .parent = getpid()};
    char *stack = mmap(NULL, SPAWN_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
#if defined(__SANITIZE_ADDRESS__)
    /* What lay at these addresses before, a thread's stack say, may have left marks that nobody
     * took away; the child would end at the first of them, in libc's own functions. */
    __asan_unpoison_memory_region(stack, SPAWN_STACK);
#endif
    /* The stack grows down on every machine we build for. Signals are blocked in this thread, so no
     * handler of ours runs in the child. */
    int pid = clone(child_main, stack + SPAWN_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &state);
    int error = pid < 0 ? errno : state.error;
    munmap(stack, SPAWN_STACK);
    if (error == 0)
        return pid;
    if (pid > 0) /* it ended without becoming the program; */
        while (syscall(SYS_wait4, pid, NULL, 0, NULL) < 0 && errno == EINTR)
            continue;
    return -error;
}
