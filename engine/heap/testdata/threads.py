# Threads that keep and drop objects of many sizes; then malloc's own account of its
# heaps goes to a file. For tests of package heap.
import ctypes, os, random, sys, threading, time

kept, done = [], threading.Semaphore(0)

def work(seed):
    r, d = random.Random(seed), {}
    for k in range(6000):
        d[str(r.random())] = [r.random(), "x" * r.randrange(900), bytes(r.randrange(2000))]
        if k % 3 == 0:
            d.pop(next(iter(d)))
    kept.append(d)
    done.release()
    time.sleep(1000)

for i in range(3):
    threading.Thread(target=work, args=(i,), daemon=True).start()
for i in range(3):
    done.acquire()
kept.append(bytes(500000))
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
f = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, f)
libc.fclose(f)
os.write(1, b"ready %d\n" % os.getpid())
time.sleep(1000)
