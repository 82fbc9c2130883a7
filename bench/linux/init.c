/*
 * The whole user space of the Linux that `./hird bench --linux` measures:
 * performs the operations of images/linux-baseline.toml and prints a line
 * `NAME VALUE UNIT` for each, then `done`.
 *
 * Under `-icount shift=0` an instruction takes a nanosecond of guest time, so
 * the virtual counter, scaled to nanoseconds, counts instructions. Its step is
 * 16 of them: every operation is repeated.
 *
 * Started with the argument EXEC_WORD, the program does nothing: it is then what `process.exec` executes.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_PATH "/tmp/a/b/f"
#define NEW_PATH "/tmp/a/b/new"
#define EXEC_WORD "do-nothing"
#define PAGE 4096
#define MEBIBYTE (1 << 20)
/* Memory of the board, in bytes: what is not free, Linux keeps. */
#define BOARD_MEMORY (512LL << 20)

static int file;
static int to_child[2], from_child[2];
static char buffer[MEBIBYTE];
static char *fault_area;

static void die(const char *what)
{
    printf("init: %s: %s\n", what, strerror(errno));
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static void check(int good, const char *what)
{
    if (!good)
        die(what);
}

static uint64_t nanoseconds(void)
{
    uint64_t count, frequency;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(count));
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return (uint64_t)((__uint128_t)count * 1000000000u / frequency);
}

static void measure(const char *name, unsigned rounds, void (*operation)(void))
{
    uint64_t start, end;
    unsigned i;

    /* Caches and tables fill before the clock runs. */
    for (i = 0; i < rounds / 10 + 1; i++)
        operation();
    start = nanoseconds();
    for (i = 0; i < rounds; i++)
        operation();
    end = nanoseconds();
    printf("%s %.0f instructions\n", name, (double)(end - start) / rounds);
}

static void null_call(void)
{
    /* Not getppid(), which a C library may answer by itself. */
    syscall(SYS_getppid);
}

static void ping_pong(void)
{
    char byte = 0;

    check(write(to_child[1], &byte, 1) == 1, "write");
    check(read(from_child[0], &byte, 1) == 1, "read");
}

/* A child that sends back every byte until its input ends. */
static void measure_ping_pong(const char *name, int sockets)
{
    pid_t child;

    if (sockets) {
        int ends[2];

        check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
        to_child[1] = from_child[0] = ends[0];
        to_child[0] = from_child[1] = ends[1];
    } else {
        check(pipe(to_child) == 0 && pipe(from_child) == 0, "pipe");
    }
    child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        char byte;

        close(to_child[1]);
        if (!sockets)
            close(from_child[0]);
        while (read(to_child[0], &byte, 1) == 1)
            check(write(from_child[1], &byte, 1) == 1, "write");
        _exit(0);
    }
    close(to_child[0]);
    if (!sockets)
        close(from_child[1]);
    measure(name, 2000, ping_pong);
    close(to_child[1]);
    if (!sockets)
        close(from_child[0]);
    check(waitpid(child, NULL, 0) == child, "waitpid");
}

static void stat_file(void)
{
    struct stat status;

    check(stat(FILE_PATH, &status) == 0, "stat");
}

static void open_close(void)
{
    int opened = open(FILE_PATH, O_RDONLY);

    check(opened >= 0, "open");
    close(opened);
}

static void open_close_near(void)
{
    int opened = open("a/b/f", O_RDONLY);

    check(opened >= 0, "open");
    close(opened);
}

static void read_bytes(size_t count)
{
    check(pread(file, buffer, count, 0) == (ssize_t)count, "pread");
}

static void read_1(void) { read_bytes(1); }
static void read_4k(void) { read_bytes(PAGE); }
static void read_64k(void) { read_bytes(64 << 10); }
static void read_1m(void) { read_bytes(MEBIBYTE); }

static void write_4k(void)
{
    check(pwrite(file, buffer, PAGE, 0) == PAGE, "pwrite");
}

static void create_unlink(void)
{
    int created = open(NEW_PATH, O_CREAT | O_EXCL | O_WRONLY, 0600);

    check(created >= 0, "open");
    close(created);
    check(unlink(NEW_PATH) == 0, "unlink");
}

static void fork_wait(void)
{
    pid_t child = fork();

    check(child >= 0, "fork");
    if (child == 0)
        _exit(0);
    check(waitpid(child, NULL, 0) == child, "waitpid");
}

static void fork_exec_wait(void)
{
    static char *const arguments[] = { "/init", EXEC_WORD, NULL };
    pid_t child = fork();

    check(child >= 0, "fork");
    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    check(waitpid(child, NULL, 0) == child, "waitpid");
}

static char *map(size_t size)
{
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(area != MAP_FAILED, "mmap");
    return area;
}

static void map_touch_unmap(void)
{
    char *area = map(PAGE);

    *(volatile char *)area = 1;
    munmap(area, PAGE);
}

static void fault(void)
{
    *(volatile char *)fault_area = 1;
    fault_area += PAGE;
}

static long long free_bytes(void)
{
    char line[256];
    long long kilobytes = -1;
    FILE *info = fopen("/proc/meminfo", "r");

    check(info != NULL, "/proc/meminfo");
    while (fgets(line, sizeof line, info))
        if (sscanf(line, "MemFree: %lld", &kilobytes) == 1)
            break;
    fclose(info);
    return kilobytes << 10;
}

int main(int argc, char **argv)
{
    uint64_t boot = nanoseconds();
    const unsigned faults = 4000;

    /* The kernel gives words of its command line that it does not know. */
    if (argc > 1 && strcmp(argv[1], EXEC_WORD) == 0)
        return 0;

    check(mount("proc", "/proc", "proc", 0, NULL) == 0, "mount /proc");
    printf("boot.prompt %llu instructions\n", (unsigned long long)boot);
    printf("mem.idle %lld bytes\n", BOARD_MEMORY - free_bytes());

    check(mount("tmp", "/tmp", "tmpfs", 0, NULL) == 0, "mount /tmp");
    check(mkdir("/tmp/a", 0755) == 0 && mkdir("/tmp/a/b", 0755) == 0, "mkdir");
    file = open(FILE_PATH, O_CREAT | O_RDWR, 0644);
    check(file >= 0 && write(file, buffer, sizeof buffer) == sizeof buffer, FILE_PATH);

    measure("rpc.null", 20000, null_call);
    measure_ping_pong("pipe.pingpong", 0);
    measure_ping_pong("socket.pingpong", 1);
    measure("stat", 5000, stat_file);
    measure("lookup.close", 5000, open_close);
    check(chdir("/tmp") == 0, "chdir");
    measure("lookup.close.near", 5000, open_close_near);
    check(chdir("/") == 0, "chdir");
    measure("read.1", 5000, read_1);
    measure("read.4k", 5000, read_4k);
    measure("read.64k", 500, read_64k);
    measure("read.1m", 50, read_1m);
    measure("write.4k", 5000, write_4k);
    measure("create.unlink", 2000, create_unlink);
    measure("fork.wait", 200, fork_wait);
    measure("spawn.wait", 200, fork_exec_wait);
    measure("vm.map.touch.unmap", 2000, map_touch_unmap);
    /* One page a round, and the tenth that measure() adds. */
    fault_area = map((size_t)PAGE * (faults + faults / 10 + 1));
    measure("fault.anon", faults, fault);

    printf("done\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
