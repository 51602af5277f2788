// A program that keeps a record of all that its malloc was asked for, libc's own
// requests included, writes it to a file and waits. For tests of package heap.
//
//	heaps WHAT TRUTH [SEED]
//
// A line of TRUTH is a block that is in use: address, requested size, usable size.
// Where it is linked statically, -Wl,--wrap makes the calls go through here.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WRAP
#define NAME(f) __wrap_##f
#define REAL(f) __real_##f
#else
#define NAME(f) f
#define REAL(f) __libc_##f
#endif
void *REAL(malloc)(size_t);
void *REAL(calloc)(size_t, size_t);
void *REAL(realloc)(void *, size_t);
void *REAL(memalign)(size_t, size_t);
void REAL(free)(void *);

// The record: a hash table in memory of its own.
typedef struct { uintptr_t at; size_t size; int live; } entry;
#define ENTRIES (1 << 18)
static entry *record;
static int lock;

static entry *find(uintptr_t at) {
	size_t i = (at >> 3) * 0x9E3779B1u % ENTRIES;
	while (record[i].at != 0 && record[i].at != at) i = (i + 1) % ENTRIES;
	return &record[i];
}

static void acquire(void) {
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
	if (!record) {
		record = mmap(0, ENTRIES * sizeof(entry), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (record == MAP_FAILED) _exit(9);
	}
}

static void release(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

static void *got(void *p, size_t size) {
	if (!p) return p;
	acquire();
	entry *e = find((uintptr_t)p);
	e->at = (uintptr_t)p; e->size = size; e->live = 1;
	release();
	return p;
}

static void gone(void *p) {
	if (!p) return;
	acquire();
	find((uintptr_t)p)->live = 0;
	release();
}

void *NAME(malloc)(size_t n) { return got(REAL(malloc)(n), n); }
void *NAME(calloc)(size_t m, size_t n) { return got(REAL(calloc)(m, n), m * n); }
void NAME(free)(void *p) { gone(p); REAL(free)(p); }
void *NAME(memalign)(size_t a, size_t n) { return got(REAL(memalign)(a, n), n); }
void *NAME(aligned_alloc)(size_t a, size_t n) { return NAME(memalign)(a, n); }
int NAME(posix_memalign)(void **p, size_t a, size_t n) { return (*p = NAME(memalign)(a, n)) ? 0 : ENOMEM; }
void *NAME(realloc)(void *p, size_t n) {
	gone(p);
	void *q = REAL(realloc)(p, n);
	if (!q && n && p) got(p, malloc_usable_size(p));
	return got(q, n);
}

static int put_hex(char *b, size_t v) {
	char t[20];
	int n = 0, k = 0;
	do t[n++] = "0123456789abcdef"[v & 15]; while (v >>= 4);
	while (n) b[k++] = t[--n];
	return k;
}

static void tell(const char *path) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char b[100];
	for (int i = 0; i < ENTRIES; i++) {
		if (!record[i].live) continue;
		int n = put_hex(b, record[i].at);
		b[n++] = ' ';
		n += put_hex(b + n, record[i].size);
		b[n++] = ' ';
		n += put_hex(b + n, malloc_usable_size((void *)record[i].at));
		b[n++] = '\n';
		if (write(fd, b, n) != n) _exit(8);
	}
	close(fd);
}

static uint64_t seed = 1;
static unsigned next(uint64_t *s) {
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return *s >> 33;
}

// What the program does.
static void *kept[100000];

static void *thread_free_chunk(void *arg) { // a free chunk in a thread's arena
	long k = (long)arg * 100;
	for (int i = 0; i < 10; i++) kept[k + i] = malloc(100);
	for (int i = 0; i < 5; i++) if (!malloc(200)) _exit(7);
	void *h = malloc(2000);
	kept[k + 20] = malloc(24);
	free(h);
	return 0;
}

static void *thread_large(void *arg) { // more than one heap
	for (int i = 0; i < 1000; i++) kept[i] = malloc(100000);
	for (int i = 0; i < 1000; i += 7) free(kept[i]);
	return 0;
}

static void *thread_fast(void *arg) {
	long k = (long)arg * 1000;
	for (int i = 0; i < 200; i++) kept[k + i] = malloc(48);
	for (int i = 0; i < 100; i++) kept[k + 200 + i] = malloc(24);
	for (int i = 1; i < 200; i++) free(kept[k + i]);
	for (int i = 0; i < 100; i += 2) free(kept[k + 200 + i]);
	return 0;
}

static void *thread_cached(void *arg) { // 56 cached blocks each
	void *p[8][7];
	for (int i = 0; i < 8; i++) for (int j = 0; j < 7; j++) p[i][j] = malloc(24 + 16 * i);
	for (int i = 0; i < 8; i++) for (int j = 0; j < 7; j++) free(p[i][j]);
	return 0;
}

static void *thread_shrunk(void *arg) { // heaps that are given back, and what is left of others
	for (int i = 0; i < 1800; i++) kept[i] = malloc(100000);
	for (int i = 1799; i >= 700; i--) free(kept[i]);
	for (int i = 0; i < 700; i += 3) free(kept[i]);
	for (int i = 2000; i < 2500; i++) kept[i] = malloc(i % 7 * 333);
	return 0;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
#define SHARED 4000
static void *shared[SHARED]; // blocks that one thread takes and another frees

static void *thread_random(void *arg) {
	uint64_t s = seed + (long)arg;
	for (int i = 0; i < 15000; i++) {
		unsigned r = next(&s), size = next(&s) % (r % 17 == 0 ? 30000 : r % 5 == 0 ? 1500 : 200);
		if (r % 1999 == 0) size = next(&s) % 600000;
		int k = next(&s) % SHARED;
		pthread_mutex_lock(&mutex);
		switch (next(&s) % 8) {
		case 0: case 1: case 2: free(shared[k]); shared[k] = 0; break;
		case 3: free(shared[k]); shared[k] = calloc(1, size + 1); break;
		case 4: shared[k] = realloc(shared[k], size + 1); break;
		case 5: free(shared[k]); shared[k] = memalign(16u << next(&s) % 9, size + 1); break;
		default: free(shared[k]); shared[k] = malloc(size);
		}
		if (shared[k]) memset(shared[k], r, size < 64 ? size : 64);
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static int running;
struct work { void *(*f)(void *); long k; };
static void *stay(void *arg) { // threads stay, so that their caches do
	struct work w = *(struct work *)arg;
	w.f((void *)w.k);
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	for (;;) pause();
}

static void threads(int n, void *(*f)(void *)) {
	static struct work w[64];
	running = n;
	for (int i = 0; i < n; i++) {
		pthread_t t;
		w[i] = (struct work){f, i};
		if (pthread_create(&t, 0, stay, &w[i])) _exit(6);
	}
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST)) usleep(1000);
}

static void fill(void *p, size_t n) {
	for (size_t i = 0; i < n / 4; i++) ((uint32_t *)p)[i] = next(&seed) % 3 ? 0x21 : next(&seed);
}

static void small(int from, int n, int size) {
	for (int i = 0; i < n; i++) kept[from + i] = malloc(size + i % 50);
}

static void foreign(void) { // others call sbrk as well
	small(0, 100, 100);
	fill(sbrk(3 * 4096), 3 * 4096);
	small(100, 3000, 100);
	fill(sbrk(1000), 1000);
	small(4000, 3000, 100);
	for (int i = 0; i < 7000; i += 3) { free(kept[i]); kept[i] = 0; }
}

static void brk_fails(void) { // the main arena goes on in mapped memory
	small(0, 100, 100);
	char *end = sbrk(0);
	if (mmap((void *)(((uintptr_t)end + 4095) & -4096), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED) _exit(5);
	small(100, 20000, 100);
	for (int i = 0; i < 20000; i += 3) { free(kept[i]); kept[i] = 0; }
}

static void mapped(void) {
	for (int i = 0; i < 10; i++) kept[i] = malloc(200000);
	fill(mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536);
	for (int i = 0; i < 17; i++) kept[100 + i] = memalign(32 << i, 300000);
	for (int i = 0; i < 5; i++) {
		fill(mmap(0, 40960, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 40960);
		kept[200 + i] = realloc(malloc(150000 + 100000 * i), 400000 + 100000 * i);
	}
	free(kept[3]);
	free(kept[7]);
}

static void trimmed(void) {
	small(0, 20000, 100);
	for (int i = 15000; i < 20000; i++) free(kept[i]);
	malloc_trim(0);
	small(20000, 10, 500);
}

static void stdio(void) {
	FILE *f = fopen("/dev/null", "w");
	fprintf(f, "%f %s\n", 1.5, "text");
	char *line = 0;
	size_t n = 0;
	FILE *g = fopen("/proc/self/maps", "r");
	while (getline(&line, &n, g) > 0) kept[n % 1000] = strdup(line);
	setvbuf(stdout, 0, _IOLBF, 4000);
	asprintf((char **)&kept[1], "%d", 42);
}

static void exited(void) { // threads that are gone leave arenas to others
	pthread_t t[4];
	for (int i = 0; i < 12; i++) {
		if (pthread_create(&t[i % 4], 0, thread_random, (void *)(long)i)) _exit(6);
		for (int k = 0; i % 4 == 3 && k < 4; k++) pthread_join(t[k], 0);
	}
	threads(2, thread_free_chunk);
}

static void no_mapping(void) { // all in the heap, however large, and grown over what was freed
	mallopt(M_MMAP_MAX, 0);
	small(0, 20000, 60);
	char *p = malloc(100000);
	small(20000, 20000, 60);
	for (int i = 20000; i < 40000; i++) free(kept[i]);
	kept[50000] = realloc(p, 700000);
	kept[50001] = malloc(3000000);
	small(60000, 100, 200000);
}

static void namespaces(void) { // a second libc, whose main arena never uses brk
	void *h = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	if (!h) _exit(4);
	void *(*other)(size_t) = dlsym(h, "malloc");
	void (*drop)(void *) = dlsym(h, "free");
	for (int i = 0; i < 20000; i++) kept[i] = got(other(50 + i % 100), 50 + i % 100);
	for (int i = 0; i < 20000; i += 5) { gone(kept[i]); drop(kept[i]); }
	small(30000, 1000, 100);
}

static void *sleeps(void *arg) {
	small((long)arg, 10, 5000);
	free(kept[100 + (long)arg] = malloc(40)); // or nothing tells its cache from zeros of the program
	return 0;
}

static void stacks(void) { // of threads in mapped chunks, and chunks behind stacks
	static struct work w[4];
	kept[0] = malloc(1000000);
	running = 4;
	for (int i = 0; i < 4; i++) {
		size_t size = 1 << (17 + i);
		pthread_t t;
		pthread_attr_t a;
		pthread_attr_init(&a);
		if (i < 3) pthread_attr_setstack(&a, kept[1 + i] = memalign(i == 1 ? 64 : 4096, size), size);
		w[i] = (struct work){sleeps, 10 + 10 * i};
		if (pthread_create(&t, &a, stay, &w[i])) _exit(6);
	}
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST)) usleep(1000);
}

static void cache_mapped(void) { // caches of threads that are mapped themselves
	mallopt(M_MMAP_THRESHOLD, 100);
	for (int i = 0; i < 200; i++) kept[i] = malloc(i);
	for (int i = 0; i < 200; i += 3) { free(kept[i]); kept[i] = 0; }
	kept[300] = calloc(1, 700); // as a cache that is empty
}

static void options(void) {
	mallopt(M_MMAP_THRESHOLD, 4096);
	mallopt(M_TOP_PAD, 1 << 20);
	for (int i = 0; i < 200; i++) kept[i] = malloc(3000 + 50 * i);
	for (int i = 0; i < 200; i += 3) free(kept[i]);
}

int main(int n, char **arg) {
	if (n < 3) return 2;
	const char *what = arg[1];
	if (n > 3) seed = strtoull(arg[3], 0, 0);
	if (!strcmp(what, "free-chunk")) threads(2, thread_free_chunk);
	else if (!strcmp(what, "large")) threads(1, thread_large);
	else if (!strcmp(what, "fast")) { thread_fast((void *)5); threads(2, thread_fast); }
	else if (!strcmp(what, "cached")) { threads(4, thread_cached); thread_cached(0); }
	else if (!strcmp(what, "foreign")) foreign();
	else if (!strcmp(what, "brk-fails")) brk_fails();
	else if (!strcmp(what, "brk-fails-threads")) { threads(2, thread_free_chunk); brk_fails(); }
	else if (!strcmp(what, "stacks")) stacks();
	else if (!strcmp(what, "cache-mapped")) cache_mapped();
	else if (!strcmp(what, "mapped")) mapped();
	else if (!strcmp(what, "trimmed")) trimmed();
	else if (!strcmp(what, "stdio")) stdio();
	else if (!strcmp(what, "options")) options();
	else if (!strcmp(what, "shrunk")) threads(1, thread_shrunk);
	else if (!strcmp(what, "exited")) exited();
	else if (!strcmp(what, "namespaces")) namespaces();
	else if (!strcmp(what, "no-mapping")) no_mapping();
	else if (!strcmp(what, "random")) threads(4, thread_random);
	else if (!strcmp(what, "random-main")) thread_random(0);
	else if (!strcmp(what, "forked")) {
		threads(3, thread_random);
		pid_t child = fork();
		if (child) { // the parent goes with its child
			waitpid(child, 0, 0);
			_exit(0);
		}
		thread_random((void *)9);
	} else return 2;
	tell(arg[2]);
	char line[40]; // nothing is asked of malloc after it was told
	n = sprintf(line, "ready %d\n", getpid());
	if (write(1, line, n) != n) return 1;
	for (;;) pause();
}
