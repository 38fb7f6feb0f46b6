/*
 * A disk that fails on demand: a library that a test preloads into the real program (LD_PRELOAD).
 *
 * It stands between the program and the system for the files of one database. What a file was given
 * since its last fsync is remembered; a power cut takes it back and ends the process at once.
 *
 *   FAULT_DATABASE  the path of the database; other files are left alone
 *   FAULT_CONTROL   a file with orders, looked at before each write and sync; counts begin anew
 *                   whenever it changes:
 *       cut N [SEED]  the power fails at the N-th write or sync from now. With a seed, some of what
 *                     was not synced reaches the disk all the same, in whole sectors
 *       eio N         the N-th sync fails with EIO; what it should have written is lost at the end
 *       fold N        the N-th sync of the database itself by a handle that can only write fails with
 *                     EIO: the program's own, of what it has folded in, and none of SQLite's
 *       deaf N        as `eio`, but the N-th sync claims to have worked (a control for the judge)
 *       lie           every sync claims to have worked and writes nothing (a control for the judge)
 *       room BYTES    the disk holds so many bytes of this database and no more
 *       quota         no file may grow beyond what the database has now; what is free is not told
 *   FAULT_LOG       gets a line for each fault that struck
 *
 * Deliberately absent: a disk that reorders directory entries, and reads that fail.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
#define SECTOR 512

/* What became of a change: still in memory, on the disk, or dropped by a sync that failed. */
enum state { UNSYNCED, SYNCED, SUNK };

/* One change of a file since its last good sync; the newest first. */
struct change {
    enum state state;
    struct change *older;
    off_t at, size_before;
    size_t length, old_length;
    char *old_bytes, *new_bytes; /* no new bytes: the file was cut off at `at` */
};

struct tracked {
    char path[1024];
    struct change *changes;
    int is_journaled; /* the database and its log; of the others only the length counts */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracked files[16];
static int file_count;
static struct tracked *by_fd[FDS];
static char database[1024], folder[1024], orders[256];
static long cut_at, fails_at, fold_fails_at, room = -1, writes_and_syncs, syncs, folds;
static unsigned long long seed;
static int is_deaf, is_lying, has_quota, has_failed;

static void tell(const char *form, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, form);
    int length = vsnprintf(line, sizeof line, form, arguments);
    va_end(arguments);
    const char *path = getenv("FAULT_LOG");
    if (!path) return;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, (size_t)length);
    syscall(SYS_close, fd);
}

static void begin(void) {
    if (database[0]) return;
    const char *path = getenv("FAULT_DATABASE");
    if (!path) path = "(none)";
    snprintf(database, sizeof database, "%s", path);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
}

/* Reads the orders if they have changed. */
static void listen_to_orders(void) {
    char text[256] = "";
    const char *path = getenv("FAULT_CONTROL");
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0) : -1;
    if (fd >= 0) {
        long length = syscall(SYS_read, fd, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
        syscall(SYS_close, fd);
    }
    if (!strcmp(text, orders)) return;
    strcpy(orders, text);
    cut_at = fails_at = fold_fails_at = writes_and_syncs = syncs = folds = 0;
    is_deaf = is_lying = has_quota = 0;
    room = -1;
    seed = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sscanf(line, "cut %ld %llu", &cut_at, &seed) > 0) continue;
        if (sscanf(line, "eio %ld", &fails_at) > 0) continue;
        if (sscanf(line, "fold %ld", &fold_fails_at) > 0) continue;
        if (sscanf(line, "deaf %ld", &fails_at) > 0) is_deaf = 1;
        if (sscanf(line, "room %ld", &room) > 0) continue;
        if (!strncmp(line, "lie", 3)) is_lying = 1;
        if (!strncmp(line, "quota", 5)) has_quota = 1;
    }
}

/* The file of this path, if it belongs to the database. */
static struct tracked *track(const char *path) {
    begin();
    size_t length = strlen(database);
    if (strncmp(path, database, length)) return 0;
    const char *ending = path + length;
    int is_journaled = !*ending || !strcmp(ending, "-wal");
    if (!is_journaled && strcmp(ending, ".ballast")) return 0;
    for (int i = 0; i < file_count; i++)
        if (!strcmp(files[i].path, path)) return &files[i];
    if (file_count == 16) return 0;
    struct tracked *file = &files[file_count++];
    snprintf(file->path, sizeof file->path, "%s", path);
    file->is_journaled = is_journaled;
    return file;
}

static off_t size_of(int fd) {
    struct stat known;
    return fstat(fd, &known) ? 0 : known.st_size;
}

static void forget(struct change *change) {
    while (change) {
        struct change *older = change->older;
        free(change->old_bytes);
        free(change->new_bytes);
        free(change);
        change = older;
    }
}

static void remember(struct tracked *file, int fd, off_t at, const void *bytes, size_t length) {
    struct change *change = calloc(1, sizeof *change);
    change->size_before = size_of(fd);
    change->at = at;
    change->length = length;
    off_t until = bytes ? at + (off_t)length : change->size_before;
    if (until > change->size_before) until = change->size_before;
    if (until > at) {
        change->old_length = until - at;
        change->old_bytes = malloc(change->old_length);
        long got = syscall(SYS_pread64, fd, change->old_bytes, change->old_length, at);
        if (got != (long)change->old_length) tell("broken: a file cannot be read back\n");
    }
    if (bytes) {
        change->new_bytes = malloc(length);
        memcpy(change->new_bytes, bytes, length);
    }
    change->older = file->changes;
    file->changes = change;
}

static unsigned long long next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Makes the synced changes again, oldest first; with a seed, some of the others too: whole, or
 * their first sectors. */
static int survive(int fd, struct change *change) {
    if (!change) return 0;
    int kept = survive(fd, change->older);
    size_t length = change->length;
    if (change->state != SYNCED) {
        if (change->state == SUNK || !seed || next_random() % 2) return kept;
        if (next_random() % 4 == 0) length = next_random() % (length / SECTOR + 1) * SECTOR;
        kept++;
    }
    if (change->new_bytes) syscall(SYS_pwrite64, fd, change->new_bytes, length, change->at);
    else syscall(SYS_ftruncate, fd, change->at);
    return kept;
}

/* What was not synced is gone. */
static void lose_unsynced(void) {
    for (int i = 0; i < file_count; i++) {
        if (!files[i].changes) continue;
        int fd = syscall(SYS_openat, AT_FDCWD, files[i].path, O_RDWR, 0), count = 0;
        if (fd < 0) continue;
        for (struct change *change = files[i].changes; change; change = change->older) {
            if (change->state != SYNCED) count++;
            syscall(SYS_pwrite64, fd, change->old_bytes, change->old_length, change->at);
            syscall(SYS_ftruncate, fd, change->size_before);
        }
        int kept = survive(fd, files[i].changes);
        tell("lost %d writes of %s, %d reached it\n", count, strrchr(files[i].path, '/') + 1, kept);
        syscall(SYS_close, fd);
    }
}

/* A good sync: nothing before it can be lost, except what an earlier one had dropped. */
static void keep_synced(struct tracked *file) {
    int has_sunk = 0;
    for (struct change *change = file->changes; change; change = change->older) {
        if (change->state == UNSYNCED) change->state = SYNCED;
        if (change->state == SUNK) has_sunk = 1;
    }
    if (has_sunk) return;
    forget(file->changes);
    file->changes = 0;
}

static void count_and_maybe_cut(void) {
    listen_to_orders();
    if (++writes_and_syncs == cut_at) {
        tell("cut at %ld\n", cut_at);
        lose_unsynced();
        syscall(SYS_exit_group, 137);
    }
}

static long used(void) {
    long sum = 0;
    DIR *entries = opendir(folder);
    size_t length = strlen(database);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[2048];
        struct stat known;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!strncmp(path, database, length) && !stat(path, &known)) sum += known.st_size;
    }
    if (entries) closedir(entries);
    return sum;
}

static int has_no_room(int fd, off_t until) {
    off_t growth = until - size_of(fd);
    if (has_quota && room < 0) room = used();
    if (room < 0 || growth <= 0 || used() + growth <= room) return 0;
    static int told;
    if (!told++) tell("full\n");
    errno = ENOSPC;
    return 1;
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t at, int is_placed) {
    struct tracked *file = fd >= 0 && fd < FDS ? by_fd[fd] : 0;
    if (!file)
        return is_placed ? syscall(SYS_pwrite64, fd, bytes, length, at)
                         : syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&lock);
    if (!is_placed) at = lseek(fd, 0, SEEK_CUR);
    if (file->is_journaled) count_and_maybe_cut(); else listen_to_orders();
    ssize_t done = -1;
    if (!has_no_room(fd, at + (off_t)length)) {
        if (file->is_journaled) remember(file, fd, at, bytes, length);
        done = is_placed ? syscall(SYS_pwrite64, fd, bytes, length, at)
                         : syscall(SYS_write, fd, bytes, length);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return write_at(fd, bytes, length, 0, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    return write_at(fd, bytes, length, at, 1);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return write_at(fd, bytes, length, at, 1);
}

static int sync_file(int fd, long call) {
    struct tracked *file = fd >= 0 && fd < FDS ? by_fd[fd] : 0;
    if (!file || !file->is_journaled) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    count_and_maybe_cut();
    int done = 0;
    int only_writes = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
    int is_fold = only_writes && !strcmp(file->path, database);
    if (++syncs == fails_at || (is_fold && ++folds == fold_fails_at)) {
        /* As Linux does it: the pages count as clean from now on, and never reach the disk. */
        has_failed = 1;
        tell("sync %ld of %s failed%s\n", syncs, strrchr(file->path, '/') + 1,
             is_deaf ? ", and nobody was told" : "");
        for (struct change *change = file->changes; change; change = change->older)
            if (change->state == UNSYNCED) change->state = SUNK;
        done = is_deaf ? 0 : -1;
        errno = EIO;
    } else if (!is_lying) {
        keep_synced(file);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static int truncate_file(int fd, off_t size) {
    struct tracked *file = fd >= 0 && fd < FDS ? by_fd[fd] : 0;
    if (!file || !file->is_journaled) return syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    count_and_maybe_cut();
    remember(file, fd, size, 0, 0);
    int done = syscall(SYS_ftruncate, fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) { return truncate_file(fd, size); }
int ftruncate64(int fd, off_t size) { return truncate_file(fd, size); }

static int open_file(const char *path, int flags, int mode) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && fd < FDS) {
        /* However it was called: the name that the system knows it by. */
        char link[64], name[1024];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, name, sizeof name - 1);
        name[length > 0 ? length : 0] = 0;
        pthread_mutex_lock(&lock);
        by_fd[fd] = track(length > 0 ? name : path);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = va_arg(arguments, int);
    va_end(arguments);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = va_arg(arguments, int);
    va_end(arguments);
    return open_file(path, flags | O_LARGEFILE, mode);
}

int close(int fd) {
    if (fd >= 0 && fd < FDS) by_fd[fd] = 0;
    return syscall(SYS_close, fd);
}

int unlink(const char *path) {
    pthread_mutex_lock(&lock);
    struct tracked *file = track(path);
    if (file) {
        forget(file->changes);
        file->changes = 0;
    }
    pthread_mutex_unlock(&lock);
    return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* What is free, as far as the orders know it. */
int statvfs(const char *path, struct statvfs *disk) {
    int (*really)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
    int done = really(path, disk);
    pthread_mutex_lock(&lock);
    begin();
    listen_to_orders();
    if (!done && room >= 0 && !has_quota) {
        long left = room - used();
        disk->f_bavail = (left > 0 ? left : 0) / disk->f_frsize;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

/* A process that ends after a failed sync leaves behind what is really on the disk. */
__attribute__((destructor)) static void end(void) {
    pthread_mutex_lock(&lock);
    if (has_failed) lose_unsynced();
}
