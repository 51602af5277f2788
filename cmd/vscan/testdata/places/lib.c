// The library of prog.c.

#include <string.h>

char lib_data[3000] = "data of the library";
char lib_bss[9000];
char *lib_pointer = lib_data;

char *lib_fill(void) { return strcpy(lib_bss + 8000, "bss of the library"); }
