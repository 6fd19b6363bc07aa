// Preloaded under valgrind: 3.19 writes to the mask of sigsuspend, which libdispatch keeps in read-only memory, and dies.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, 8);
}
