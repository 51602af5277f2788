// A library that is loaded into programs of others (LD_PRELOAD): it drops blocks when it is loaded, and more when the program first asks for its environment.
// Each has a size of its own, and the text "PLANTED" with that size at offset 40. They
// are small: words that are half a stale pointer and half something else are taken for
// pointers, and lead to large ones sooner.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define apart __attribute__((noinline, noclone))

void *volatile planted_keep[4];

static apart void *block(size_t n)
{
	void *p = malloc(n);
	memset(p, 0, n);
	snprintf((char *)p + 40, 24, "PLANTED %d;", (int)n);
	return p;
}

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
#endif
}

static apart void plant(int first) // sizes first, first+16, …
{
	void *volatile *a = block(first), *volatile *b = block(first + 16), *volatile *c = block(first + 32);
	a[1] = (void *)b; // a chain
	b[0] = (void *)c;
	a = block(first + 48), b = block(first + 64); // a ring
	a[0] = (void *)b;
	b[3] = (void *)a;
	block(first + 80);
}

__attribute__((constructor)) static void loaded(void)
{
	plant(104);
	void *volatile *kept = block(216);
	kept[0] = block(232);
	planted_keep[0] = (void *)kept;
	planted_keep[1] = (char *)block(248) + 96;
	scrub();
}

char *getenv(const char *name)
{
	static char *(*real)(const char *);
	static int calls;
	if (!real)
		real = (char *(*)(const char *))dlsym(RTLD_NEXT, "getenv");
	if (++calls == 1) {
		plant(312);
		scrub();
	}
	return real(name);
}
