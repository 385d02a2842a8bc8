"""Works until it is told something, and says what is in it."""
import gc
import os
import select
import sys
import threading

import _tracemalloc


def state():
    with open("/proc/self/maps") as maps:
        pages = [line for line in maps if "memprobe" in line]
    files = []
    for number in range(3, 64):
        try:
            files.append(os.readlink("/proc/self/fd/%d" % number))
        except OSError:
            pass
    return repr((
        sorted(vars(sys.modules["__main__"])),
        sorted(sys.modules),
        len(os.listdir("/proc/self/task")),
        threading.active_count(),
        gc.isenabled(),
        _tracemalloc.is_tracing(),
        pages,
        sorted(files),
    ))


def busy():
    return sum(i * i for i in range(1000))


line = told = None
gc.disable()
state()
print("ready", flush=True)
while True:
    busy()
    if select.select([0], [], [], 0.001)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        told = eval(line)
        print(told, flush=True)
