// A program whose places are asked for: data and .bss that lead to the heap, a
// library whose name holds blanks and a +, loaded twice. It says "ready" and waits.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
	struct node *next;
	char pad[56];
	char text[32];
};

char data[5000] = "data of the program";
struct node *root;
char *behind; // leads into the middle of a node
char bss[20000];

static struct node *make(struct node *next, const char *text)
{
	struct node *n = calloc(1, sizeof *n);
	n->next = next;
	strcpy(n->text, text);
	return n;
}

int main(int argc, char **argv)
{
	char text[64];
	snprintf(text, sizeof text, "stack of the program");
	char *volatile keep = text;
	strcpy(bss + 15000, "bss of the program");
	root = make(make(NULL, "last node"), "first node");
	behind = root->next->text + 8;
	for (int i = 1; i < argc; i++) {
		void *lib = dlmopen(i == 1 ? LM_ID_BASE : LM_ID_NEWLM, argv[i], RTLD_NOW);
		if (lib == NULL) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		((char *(*)(void))dlsym(lib, "lib_fill"))();
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
	return keep == NULL;
}
