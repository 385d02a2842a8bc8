/* A random history of allocations over threads; then says what malloc says of it and stands
   still. Arguments: seed, threads, operations per thread, shape of sizes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 20000
#define THREADS 16
#define FREED 4096

struct work {
    uint64_t random;
    int number;
    void **slots;
    void **freed;
    long frees;
};

static struct work works[THREADS];
static long operations;
static int shape;
static pthread_barrier_t done;
static char out[1 << 16];

static uint64_t next(struct work *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

static size_t size(struct work *w) {
    uint64_t r = next(w);
    switch (shape) {
    case 0: return r % 300;
    case 1: return r % 7 ? r % 2000 : r % 40000;
    case 2: return r % 50 ? r % 5000 : r % 400000;
    default: return r % 9 ? 100 + r % 30000 : r % 64;
    }
}

static void let_go(struct work *w, size_t slot) {
    w->freed[w->frees++ % FREED] = w->slots[slot];
    free(w->slots[slot]);
    w->slots[slot] = NULL;
}

static void *get(struct work *w) {
    size_t n = size(w);
    void *p;
    switch (next(w) % 8) {
    case 0: p = calloc(1, n); break;
    case 1: p = memalign((size_t)16 << next(w) % 10, n); break;
    default: p = malloc(n);
    }
    if (p) memset(p, 0x5a, n);
    return p;
}

static void *run(void *argument) {
    struct work *w = argument;
    for (long n = 0; n < operations; n++) {
        size_t slot = next(w) % SLOTS;
        if (!w->slots[slot]) {
            w->slots[slot] = get(w);
        } else if (next(w) % 10 == 0) {
            size_t n = size(w) + 1;
            void *old = w->slots[slot];
            w->slots[slot] = realloc(old, n);
            if (w->slots[slot] != old) w->freed[w->frees++ % FREED] = old;
        } else {
            let_go(w, slot);
        }
    }
    /* Shapes with most of it freed in the end. */
    for (size_t slot = 0; shape >= 2 && slot < SLOTS; slot++)
        if (w->slots[slot] && next(w) % 10) let_go(w, slot);
    pthread_barrier_wait(&done);
    if (w->number) for (;;) pause();
    return NULL;
}

/* struct mallinfo2, where there is one. */
struct info { size_t field[10]; };
static struct info (*ask)(void);

static void info(void) {
    struct info now;
    if (ask) {
        now = ask();
    } else {
        struct mallinfo old = mallinfo();
        int *fields = (int *)&old;
        for (int n = 0; n < 10; n++) now.field[n] = (unsigned)fields[n];
    }
    printf("info");
    for (int n = 0; n < 10; n++) printf(" %zu", now.field[n]);
    printf("\n");
}

static long resident(void) {
    char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
    /* Code that is called the first time becomes resident as well: it is no part of this. */
    char *at = strstr(text, "Anonymous:");
    return at ? strtol(at + 10, NULL, 10) * 1024 : -1;
}

int main(int count, char **arguments) {
    if (count < 5) return 2;
    int threads = atoi(arguments[2]);
    operations = atol(arguments[3]);
    shape = atoi(arguments[4]);
    setvbuf(stdout, out, _IOFBF, sizeof out);
    /* Before the history: where there is none, a message is kept in memory. */
    ask = (struct info (*)(void))dlsym(RTLD_DEFAULT, "mallinfo2");
    pthread_barrier_init(&done, NULL, threads);
    for (int n = 0; n < threads; n++) {
        struct work *w = &works[n];
        w->number = n;
        w->random = strtoull(arguments[1], NULL, 10) * 7919 + n * 104729 + 1;
        size_t bytes = (SLOTS + FREED) * sizeof(void *);
        w->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        w->freed = w->slots + SLOTS;
        pthread_t thread;
        if (n) pthread_create(&thread, NULL, run, w);
    }
    run(&works[0]);
    printf("ready\n");
    info();
    malloc_info(0, stdout);
    printf("\nblocks\n");
    for (int n = 0; n < threads; n++) {
        for (size_t slot = 0; slot < SLOTS; slot++) {
            void *p = works[n].slots[slot];
            if (p) printf("live %zx %zu\n", (size_t)p, malloc_usable_size(p));
        }
        for (size_t k = 0; k < FREED; k++)
            if (works[n].freed[k]) printf("freed %zx\n", (size_t)works[n].freed[k]);
    }
    printf("end\n");
    fflush(stdout);
    char line[64];
    while (read(0, line, sizeof line) > 0) {
        long before = resident();
        malloc_trim(0);
        printf("%ld %ld\n", before, resident());
        fflush(stdout);
    }
    return 0;
}
