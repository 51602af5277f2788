// A process full of pointers, to be dumped by gcore: maps, lists and vectors of
// nodes, as many millions as the argument says, which may be a fraction (default
// 1; about 165 MiB each, of whose words three in ten point at something).
// It prints its process id, and waits for its standard input to end.
//
//	c++ -O1 -o nodes nodes.cc && sleep 1000 | ./nodes 6 & gcore -o nodes $!
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

struct node {
	node *left, *right, *owner;
	long value;
	unsigned long payload[10]; // what is no pointer
};

static std::map<long, node *> by_value;
static std::list<node *> all;
static std::vector<std::unique_ptr<node>> owned;
static std::vector<std::string> names;

int main(int argc, char **argv) {
	long count = (argc > 1 ? atof(argv[1]) : 1) * 1000000;
	unsigned long x = 88172645463325252ul; // xorshift64: the same heap every time
	owned.reserve(count);
	for (long i = 0; i < count; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		auto n = std::make_unique<node>();
		n->value = x;
		for (unsigned long k = 0; k < 10; k++)
			n->payload[k] = x * (2 * k + 3);
		if (i > 0) {
			n->left = owned[x % i].get();
			n->right = owned[(x >> 20) % i].get();
			n->owner = owned[i / 1000 * 1000 ? i / 1000 * 1000 - 1 : 0].get();
		}
		if (i % 3 == 0)
			by_value[x] = n.get();
		if (i % 2 == 0)
			all.push_back(n.get());
		if (i % 100 == 0)
			names.push_back("the name of node number " + std::to_string(i));
		owned.push_back(std::move(n));
	}
	printf("%d\n", getpid());
	fflush(stdout);
	while (getchar() != EOF)
		;
}
