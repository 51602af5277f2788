/* hs scans a file for literals with Hyperscan or Vectorscan, whichever it is
 * built against.
 *
 *   hs LITERALS FILE
 *
 * LITERALS has one literal a line, in hexadecimal; with " i" behind it, the
 * case of ASCII letters does not count; with " r", it is an expression. FILE is mapped and made resident: the
 * pages of whoever else maps it. Then lines are printed: "ready", the seconds
 * that compiling took, and what the library says of itself, with the processor's
 * features that it uses. For each line that comes in, the memory is scanned
 * once, and a line tells the seconds and the hits: every occurrence of every
 * literal, overlapping ones too; of expressions, matches that do not overlap
 * others of the same. These are reported once for each place where they may
 * end, with where they start, and are told apart by that.
 *
 * The pure literal API refuses a literal that begins with a zero byte; a set
 * with such a one is compiled as regular expressions instead, byte by byte.
 * hs_scan takes 32-bit lengths: FILE has less than 4 GiB.
 */
#include <fcntl.h>
#include <hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why) {
	fprintf(stderr, "hs: %s: %s\n", what, why);
	exit(2);
}

static char *slurp(const char *path, size_t *size) {
	FILE *f = fopen(path, "rb");
	if (!f) die(path, "cannot open");
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	char *b = malloc(*size + 1);
	if (!b || fread(b, 1, *size, f) != *size) die(path, "cannot read");
	b[*size] = 0;
	fclose(f);
	return b;
}

static const char *map(const char *path, size_t *size) {
	struct stat st;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) die(path, "cannot open");
	*size = st.st_size;
	void *b = mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0);
	if (b == MAP_FAILED) die(path, "cannot map");
	volatile char sink;
	for (size_t i = 0; i < *size; i += 4096) sink = ((char *)b)[i];
	return b;
}

typedef struct { unsigned long long from, to; } span; /* of the last match; none: to is 0 */
static span *last; /* by expression */

static int on_expression(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *hits) {
	(void)flags;
	span *s = &last[id];
	if (s->to && from == s->from) {
		s->to = to;
	} else if (from >= s->to) {
		s->from = from, s->to = to;
		++*(unsigned long long *)hits;
	}
	return 0;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *hits) {
	(void)id; (void)from; (void)to; (void)flags;
	++*(unsigned long long *)hits;
	return 0;
}

int main(int argc, char **argv) {
	if (argc != 3) die("usage", "hs LITERALS FILE");
	size_t text_size, size;
	char *text = slurp(argv[1], &text_size);
	const char *memory = map(argv[2], &size);
	int nul_first = 0, expressions = 0;
	unsigned n = 0, room = 1 << 20;
	const char **lits = malloc(room * sizeof *lits), **exprs = malloc(room * sizeof *exprs);
	unsigned *flags = malloc(room * sizeof *flags), *ids = malloc(room * sizeof *ids);
	size_t *sizes = malloc(room * sizeof *sizes);
	for (char *line = strtok(text, "\n"); line && n < room; line = strtok(NULL, "\n")) {
		size_t digits = strspn(line, "0123456789abcdef"), len = digits / 2;
		char *lit = malloc(len + 1), *expr = malloc(4 * len + 1);
		for (size_t i = 0; i < len; i++) {
			char hex[3] = {line[2 * i], line[2 * i + 1], 0};
			lit[i] = strtol(hex, NULL, 16);
			sprintf(expr + 4 * i, "\\x%s", hex);
		}
		nul_first |= lit[0] == 0;
		lit[len] = 0;
		flags[n] = line[digits] == ' ' ? HS_FLAG_CASELESS : 0;
		if (flags[n] && line[digits + 1] == 'r') {
			strcpy(expr, lit);
			flags[n] = HS_FLAG_SOM_LEFTMOST;
			expressions = 1;
		}
		lits[n] = lit, exprs[n] = expr, sizes[n] = len, ids[n] = n;
		n++;
	}
	hs_database_t *db;
	hs_compile_error_t *err;
	hs_platform_info_t platform;
	hs_populate_platform(&platform);
	double begin = now();
	hs_error_t rc = nul_first || expressions ? hs_compile_multi(exprs, flags, ids, n, HS_MODE_BLOCK, &platform, &db, &err)
	                          : hs_compile_lit_multi(lits, flags, ids, sizes, n, HS_MODE_BLOCK, &platform, &db, &err);
	if (rc != HS_SUCCESS) die("compile", err->message);
	double build = now() - begin;
	last = calloc(n + 1, sizeof *last);
	char *info = NULL;
	hs_database_info(db, &info);
	hs_scratch_t *scratch = NULL;
	if (hs_alloc_scratch(db, &scratch) != HS_SUCCESS) die("scratch", "no memory");
	printf("ready %.6f %s%s\n", build, info, nul_first || expressions ? " (as regular expressions)" : "");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF;) {
		if (c != '\n') continue;
		unsigned long long hits = 0;
		begin = now();
		if (expressions) memset(last, 0, n * sizeof *last);
		if (hs_scan(db, memory, size, 0, scratch, expressions ? on_expression : on_match, &hits) != HS_SUCCESS) die("scan", "failed");
		printf("%.6f %llu\n", now() - begin, hits);
		fflush(stdout);
	}
	return 0;
}
