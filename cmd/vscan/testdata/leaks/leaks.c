// A program whose blocks are kept and lost in known ways. Each has a size of its
// own, which malloc gives as it is (8 more than a multiple of 16), so that it can be told by
// its size. It says "ready" and waits; with an argument it asks for a leak
// check of valgrind or LeakSanitizer instead, if it runs with one, and ends.
//
// Sizes are in the table of leaks_linux_test.go.

#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_DO_LEAK_CHECK
#endif
#ifdef LSAN
#include <sanitizer/lsan_interface.h>
#endif

#define apart __attribute__((noinline, noclone))

static pthread_barrier_t barrier;
void *volatile keep[16]; // static data
static __thread void *volatile own;
static void *volatile *words(void *p) { return p; }

static apart void *block(size_t n)
{
	void *p = malloc(n);
	memset(p, 0, n);
	return p;
}

// What calls have left on the stack goes.
static apart void scrub(void)
{
#ifdef __x86_64__
	__asm__ volatile("mov %%rsp, %%rdx\n\t"
			 "lea -8(%%rsp), %%rdi\n\t"
			 "sub $32776, %%rsp\n\t"
			 "mov $4096, %%ecx\n\t"
			 "xor %%eax, %%eax\n\t"
			 "std\n\t"
			 "rep stosq\n\t"
			 "cld\n\t"
			 "mov %%rdx, %%rsp\n\t"
			 "mov %%rax, %%rsi\n\t" // and in registers
			 "mov %%rax, %%r8\n\t"
			 "mov %%rax, %%r9\n\t"
			 "mov %%rax, %%r10\n\t"
			 "mov %%rax, %%r11" ::: "rax", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory");
#else
	volatile char b[32768];
	memset((char *)b, 0, sizeof b);
#endif
}

static apart void ring(void)
{
	void *a = block(1032), *b = block(1048);
	words(a)[1] = b;
	words(b)[1] = a;
}

static apart void list(void)
{
	void *a = block(1064), *b = block(1080), *c = block(1096);
	words(a)[0] = b;
	words(b)[0] = c;
}

static apart void tree(void)
{
	void *a = block(1112), *b = block(1128), *c = block(1144);
	words(a)[0] = b;
	words(a)[5] = c;
	words(c)[5] = b;
}

static apart void interior(void)
{
	keep[0] = (char *)block(1160) + 600;
	void *a = block(1304);
	words(a)[0] = block(1320);
	keep[1] = (char *)a + 700;
	keep[2] = (char *)block(1336) + 1336;  // behind its end
	keep[3] = (char *)block(1352) + 1344; // the head of the next chunk
}

static apart void mapped(void)
{
	keep[4] = block(303080);
	words(keep[4])[20000] = block(1256);
	void *p = block(262120);
	words(p)[20000] = block(1272);
}

static apart void entangled(void) // a ring that a chain leads to, another that leads on
{
	void *a = block(1400), *b = block(1416), *c = block(1432), *d = block(1448);
	words(a)[0] = b;
	words(b)[0] = c;
	words(c)[0] = b;
	words(c)[1] = d;
	words(d)[0] = d; // itself
}

static apart void in_thread_local(void) { own = block(1192); }

static apart void freed(void)
{
	void *p[40];
	for (int i = 0; i < 40; i++)
		p[i] = block(i < 20 ? 56 : 1500);
	for (int i = 0; i < 40; i++)
		if (i != 25) // so that the others do not grow together
			free(p[i]);
	keep[5] = p[25];
}

static apart void stale(int depth)
{
	void *volatile here[200];
	if (depth > 0)
		stale(depth - 1);
	else
		here[100] = block(1224);
	here[0] = 0;
}

static apart void drop(size_t n) { *words(block(n)) = 0; }

static volatile int shown;

#define KEY 0x5555555555555555ul

static void *by_register(void *unused)
{
	volatile unsigned long hidden = (unsigned long)block(1176) ^ KEY;
	scrub();
	pthread_barrier_wait(&barrier);
#ifdef __x86_64__
	register unsigned long p __asm__("r12") = hidden;
	__asm__ volatile("xor %1, %0\n\t" // the pointer is in this register alone
			 "movl $1, %2\n\t"
			 "1: mov $34, %%eax\n\t" // pause
			 "syscall\n\t"
			 "jmp 1b"
			 : : "r"(p), "r"(KEY), "m"(shown) : "rax", "rcx", "r11", "memory");
#else
	keep[6] = (void *)(hidden ^ KEY);
	shown = 1;
	for (;;)
		pause();
#endif
	return unused;
}

static void *by_stack(void *unused)
{
	void *volatile here = block(1240);
	own = block(1208);
	drop(1016);
	scrub();
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return here == unused ? unused : here;
}

int main(int argc, char **argv)
{
	pthread_t t;
	mallopt(M_MMAP_THRESHOLD, 200 << 10);
	drop(1000);
	ring();
	list();
	tree();
	interior();
	mapped();
	entangled();
	freed();
	in_thread_local();
	pthread_barrier_init(&barrier, NULL, 3);
	pthread_create(&t, NULL, by_register, NULL);
	pthread_create(&t, NULL, by_stack, NULL);
	pthread_barrier_wait(&barrier);
	while (!shown)
		sched_yield();
	t = 0;
	puts("ready");
	fflush(stdout);
	drop(1288); // the block before the top
	scrub();
	stale(10); // not to be scrubbed
	if (argc > 1) {
#ifdef LSAN
		__lsan_do_recoverable_leak_check();
		_exit(0);
#endif
		VALGRIND_DO_LEAK_CHECK;
		_exit(0);
	}
	for (;;)
		pause();
}
