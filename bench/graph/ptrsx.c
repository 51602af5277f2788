// Drives PointerSearcher-X's library, which has no way in but its own interface:
//
//	ptrsx LIBRARY PID map                 reads the process into a map in memory
//	ptrsx LIBRARY PID file OUT            into a file
//	ptrsx LIBRARY load FILE               reads such a file into memory
//	ptrsx LIBRARY load FILE chains TARGET DEPTH WINDOW OUT
//
// and prints the seconds that each step took.
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct range { uintptr_t left, right; };
struct param {
	uintptr_t addr, depth;
	struct range window;
	const struct range *last_window;
	const uintptr_t *least;
	const intptr_t *last;
	const uintptr_t *most;
	bool cycle, raw1, raw2, raw3;
};

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *lib;
static void *need(const char *name) {
	void *f = dlsym(lib, name);
	if (!f) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return f;
}

static void check(const char *what, double began, int code) {
	if (code) {
		const char *(*why)(int) = need("get_last_error");
		fprintf(stderr, "%s: %s\n", what, why(code));
		exit(1);
	}
	printf("%s %.3f s\n", what, now() - began);
}

int main(int argc, char **argv) {
	if (argc < 4 || !(lib = dlopen(argv[1], RTLD_NOW))) {
		fprintf(stderr, "%s\n", argc < 4 ? "ptrsx LIBRARY PID map | LIBRARY PID file OUT | LIBRARY load FILE [chains TARGET DEPTH WINDOW OUT]" : dlerror());
		return 2;
	}
	void *p = ((void *(*)(void))need("ptrscan_init"))();
	double t = now();
	if (strcmp(argv[2], "load")) {
		const void *modules;
		uintptr_t n;
		check("attach", t, ((int (*)(void *, int32_t))need("ptrscan_attach_process"))(p, atoi(argv[2])));
		check("modules", now(), ((int (*)(void *, const void **, uintptr_t *))need("ptrscan_list_modules"))(p, &modules, &n));
		t = now();
		if (!strcmp(argv[3], "map"))
			check("map", t, ((int (*)(void *, const void *, uintptr_t))need("ptrscan_create_pointer_map"))(p, modules, n));
		else
			check("file", t, ((int (*)(void *, const void *, uintptr_t, const char *))need("ptrscan_create_pointer_map_file"))(p, modules, n, argv[4]));
		return 0;
	}
	check("load", t, ((int (*)(void *, const char *))need("ptrscan_load_pointer_map_file"))(p, argv[3]));
	if (argc == 9) {
		struct param q = {strtoul(argv[5], 0, 0), strtoul(argv[6], 0, 0), {0, strtoul(argv[7], 0, 0)}, 0, 0, 0, 0, false, false, false, false};
		t = now();
		check("chains", t, ((int (*)(void *, struct param, const char *))need("ptrscan_scan_pointer_chain"))(p, q, argv[8]));
	}
	return 0;
}
