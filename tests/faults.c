/* A disk that fails: the N-th call that changes something under a folder fails, or is the last one.

   Loaded with LD_PRELOAD. fault_arm() begins to count; before it, and outside the folder, all is as usual. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[4096];
static long counted, wanted;
static int failure; /* an errno; 0: the process is killed; -1: after half of what it writes */
static int tripped;

void fault_arm(const char *folder, long number, int error) {
    strncpy(root, folder, sizeof root - 1);
    counted = 0, tripped = 0, wanted = number, failure = error;
}

long fault_counted(void) { return counted; }

static int under_root(int dirfd, const char *path) {
    char full[8192], link[64];
    ssize_t size = 0;
    if (!root[0]) return 0;
    if (!path || path[0] != '/') {
        if (dirfd == AT_FDCWD) {
            if (!getcwd(full, 4096)) return 0;
            size = strlen(full);
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
            if ((size = readlink(link, full, 4096)) < 0) return 0;
        }
        snprintf(full + size, sizeof full - size, "/%s", path ? path : "");
        path = full;
    }
    return !strncmp(path, root, strlen(root));
}

/* Whether this call fails. What takes room goes on failing on a disk that is full. */
static int fails(int dirfd, const char *path, int takes_room) {
    int saved = errno, there = under_root(dirfd, path);
    errno = saved;
    if (!there) return 0;
    if (tripped) {
        if (failure != ENOSPC || !takes_room) return 0;
        errno = ENOSPC;
        return 1;
    }
    if (++counted != wanted) return 0;
    tripped = 1;
    if (failure == 0) kill(getpid(), SIGKILL);
    if (failure == -1) return -1;
    errno = failure;
    return 1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define DIE() kill(getpid(), SIGKILL)
#define PATH_CALL(type, name, parameters, arguments, dirfd, path, room) \
    type name parameters { \
        REAL(name); \
        int failed = fails(dirfd, path, room); \
        if (failed < 0) DIE(); \
        return failed ? -1 : real arguments; \
    }
#define OPEN_CALL(name, dirfd, parameters, arguments) \
    int name parameters { \
        REAL(name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, int); va_end(rest); } \
        if (flags & (O_CREAT | O_TRUNC)) { \
            int failed = fails(dirfd, path, 1); \
            if (failed < 0) DIE(); \
            if (failed) return -1; \
        } \
        return real arguments; \
    }
#define WRITE_CALL(type, name, parameters, arguments, half, fd) \
    type name parameters { \
        REAL(name); \
        int failed = fails(fd, NULL, 1); \
        if (failed < 0) { real half; DIE(); } \
        return failed ? -1 : real arguments; \
    }

OPEN_CALL(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN_CALL(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN_CALL(openat, dirfd, (int dirfd, const char *path, int flags, ...), (dirfd, path, flags, mode))
OPEN_CALL(openat64, dirfd, (int dirfd, const char *path, int flags, ...), (dirfd, path, flags, mode))
WRITE_CALL(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), (fd, bytes, size / 2), fd)
WRITE_CALL(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at), (fd, bytes, size / 2, at), fd)
WRITE_CALL(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at), (fd, bytes, size / 2, at), fd)
WRITE_CALL(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), (fd, parts, count / 2), fd)
WRITE_CALL(ssize_t, copy_file_range, (int from, off64_t *at, int fd, off64_t *to, size_t size, unsigned flags), (from, at, fd, to, size, flags), (from, at, fd, to, size / 2, flags), fd)
ssize_t sendfile(int fd, int from, off_t *at, size_t size);
ssize_t sendfile64(int fd, int from, off64_t *at, size_t size);
WRITE_CALL(ssize_t, sendfile, (int fd, int from, off_t *at, size_t size), (fd, from, at, size), (fd, from, at, size / 2), fd)
WRITE_CALL(ssize_t, sendfile64, (int fd, int from, off64_t *at, size_t size), (fd, from, at, size), (fd, from, at, size / 2), fd)
WRITE_CALL(int, ftruncate, (int fd, off_t size), (fd, size), (fd, size), fd)
WRITE_CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), (fd, size), fd)
WRITE_CALL(int, fsync, (int fd), (fd), (fd), fd)
WRITE_CALL(int, fdatasync, (int fd), (fd), (fd), fd)
WRITE_CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), (fd, mode), fd)
PATH_CALL(int, chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path, 0)
PATH_CALL(int, fchmodat, (int dirfd, const char *path, mode_t mode, int flags), (dirfd, path, mode, flags), dirfd, path, 0)
PATH_CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path, 1)
PATH_CALL(int, mkdirat, (int dirfd, const char *path, mode_t mode), (dirfd, path, mode), dirfd, path, 1)
PATH_CALL(int, rmdir, (const char *path), (path), AT_FDCWD, path, 0)
PATH_CALL(int, unlink, (const char *path), (path), AT_FDCWD, path, 0)
PATH_CALL(int, unlinkat, (int dirfd, const char *path, int flags), (dirfd, path, flags), dirfd, path, 0)
PATH_CALL(int, rename, (const char *path, const char *to), (path, to), AT_FDCWD, to, 0)
PATH_CALL(int, renameat, (int dirfd, const char *path, int todir, const char *to), (dirfd, path, todir, to), todir, to, 0)
PATH_CALL(int, link, (const char *path, const char *to), (path, to), AT_FDCWD, to, 1)
PATH_CALL(int, symlink, (const char *path, const char *to), (path, to), AT_FDCWD, to, 1)
