// A small program with what the names of a core's mappings are about: a heap, an
// arena of another thread, stacks of three threads, .data and .bss. It says
// "ready" and waits; with an argument it aborts.

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char table[70000]; // pages of .bss of its own
char *heap_pointer;
void *libc_pointer = (void *)printf;
static pthread_barrier_t all;

static void *work(void *number)
{
	char text[64], *arena = NULL;
	snprintf(text, sizeof text, "stack string of thread %d", *(int *)number);
	char *volatile keep = text;
	if (*(int *)number == 0) // an arena takes 64 MiB of addresses
		arena = strcpy(malloc(100), "arena string");
	pthread_barrier_wait(&all);
	for (;;)
		pause();
	return arena + (keep == arena);
}

int main(int argc, char **argv)
{
	static int numbers[3] = {0, 1, 2};
	pthread_attr_t attr;
	pthread_t thread;
	char text[64];

	snprintf(text, sizeof text, "stack string of main");
	char *volatile keep = text;
	heap_pointer = strcpy(malloc(1000), "heap string");
	char *volatile of_heap = heap_pointer; // on the stack, too
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_barrier_init(&all, NULL, 4);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, &attr, work, numbers + i) != 0)
			return 1;
	pthread_barrier_wait(&all);
	puts("ready");
	fflush(stdout);
	if (argc > 1)
		abort();
	for (;;)
		pause();
	return keep == of_heap;
}
