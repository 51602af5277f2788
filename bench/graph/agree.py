#!/usr/bin/env python3
"""Asks chap and vscan who refers to an allocation, for many, and compares.

    agree.py CHAP VSCAN CORE GRAPH [HOW MANY]

chap answers with allocations, vscan with words; the words that lie in no used
allocation (chap's anchor points, and what it does not follow) and those in the
allocation itself are counted and left out.
"""
import bisect, collections, random, re, subprocess, sys

chap, vscan, core, graph = sys.argv[1:5]
many = int(sys.argv[5]) if len(sys.argv) > 5 else 400


def ask(commands):
    return subprocess.run([chap, core], input=commands, capture_output=True, text=True, check=True).stdout


def allocations(text):
    return [(int(a, 16), int(s, 16)) for a, s in re.findall(r"allocation at ([0-9a-f]+) of size ([0-9a-f]+)", text)]


used = sorted(allocations(ask("list used\n")))
starts = [a for a, _ in used]


def at(address):
    i = bisect.bisect_right(starts, address) - 1
    return starts[i] if i >= 0 and address < starts[i] + used[i][1] else None


random.seed(1)
sample = used[:5] + random.sample(used, min(many, len(used)))
answers = re.split(r"\d+ allocations use .*\n", ask("".join(f"list incoming {a:x}\n" for a, _ in sample)))
assert len(answers) == len(sample) + 1
same, kinds = 0, collections.Counter()
for (first, size), answer in zip(sample, answers):
    theirs = {a for a, _ in allocations(answer)}
    words = subprocess.run([vscan, "graph", "to", graph, f"{first:#x}..{first + size - 1:#x}"], capture_output=True, text=True).stdout
    sources = [at(int(line.split("\t")[0], 16)) for line in words.splitlines()]
    kinds.update("in none" if s is None else "in itself" if s == first else "in another" for s in sources)
    ours = set(sources) - {None, first}
    if ours == theirs:
        same += 1
    else:
        print(f"{first:#x}: only vscan {[hex(x) for x in ours - theirs][:5]}, only chap {[hex(x) for x in theirs - ours][:5]}")
print(f"{same} of {len(sample)} allocations have the same answer; words that refer to them lie in allocations: {dict(kinds)}")
sys.exit(same != len(sample))
