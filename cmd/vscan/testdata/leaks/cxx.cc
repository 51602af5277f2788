// Objects to which only pointers to their middle lead, as C++ makes them. Sizes are in
// leaks_linux_test.go. It says "ready" and waits; with an argument it asks valgrind for
// a leak check and ends.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_DO_LEAK_CHECK
#endif

struct A { virtual ~A() {} virtual int a() { return 1; } char room[992 - 8]; };
struct B { virtual ~B() {} virtual int b() { return 2; } char room[64]; };
struct Both : A, B { int a() override { return 3; } int b() override { return 4; } };

struct Element { ~Element() { c[0]++; } char c[64]; };

B *volatile second;      // 1,064 bytes: the second base
Element *volatile array; // 17 × 64 + 8 bytes
char *volatile behind;   // the length of what follows, 1,200 bytes
char *volatile text;     // a string as libstdc++ had it before C++11
char *volatile middle;   // of nothing of this kind
char *volatile plain;    // a table of functions in front, and none where it points

static void __attribute__((noinline)) in_the_middle() { middle = static_cast<char *>(calloc(1, 1304)) + 64; }

int main(int argc, char **)
{
	in_the_middle(); // first, for what follows overwrites what it leaves
	second = new Both;
	array = new Element[17];
	unsigned long *p = static_cast<unsigned long *>(calloc(1, 1208));
	p[0] = 1200;
	behind = reinterpret_cast<char *>(p + 1);
	p = static_cast<unsigned long *>(calloc(1, 1240));
	p[0] = 1000;
	p[1] = 1240 - 25;
	text = reinterpret_cast<char *>(p + 3);
	plain = reinterpret_cast<char *>(new Both[2]) + 256;
	puts("ready");
	fflush(stdout);
	if (argc > 1) {
		VALGRIND_DO_LEAK_CHECK;
		_exit(0);
	}
	for (;;)
		pause();
}
