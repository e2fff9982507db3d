/* Preloaded into a guard: while the file that SLOW_DISK names is there, no sync returns. A disk that stalls, without root. */

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_US = 5000 };

static void wait_for_the_disk(void) {
    const char *stalled = getenv("SLOW_DISK");
    while (stalled != NULL && access(stalled, F_OK) == 0) {
        usleep(LOOK_US);
    }
}

int fdatasync(int file) {
    wait_for_the_disk();
    return (int)syscall(SYS_fdatasync, file);
}

int fsync(int file) {
    wait_for_the_disk();
    return (int)syscall(SYS_fsync, file);
}
