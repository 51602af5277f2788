// A program without threads: HEAP 0 has no heap, 1 one that it asked sbrk for, 2
// one of malloc, the second of them split as mlock splits it.

#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

char table[70000];
char *kept;

int main(void)
{
#if HEAP == 1
	kept = sbrk(100000);
	memset(kept, 'A', 90000);
#elif HEAP == 2
	kept = malloc(1000);
#elif HEAP == 3
	kept = malloc(40000);
	mlock((void *)(((unsigned long)kept + 8191) & -4096), 4096);
#endif
	if (write(1, "ready\n", 6) != 6)
		return 1;
	for (;;)
		pause();
}
