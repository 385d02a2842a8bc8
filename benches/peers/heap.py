"""The process that benches/peers/census.py measures: a heap of about N objects, and a heartbeat.

    heap.py N          stands still, says where the needle is, answers "report" on standard input
    heap.py N TOOL     asks a tool that runs inside (objgraph, guppy3, pympler) and prints its answer

The heartbeat is a thread that wants to run every half millisecond: its longest gap is what a thread
of the application would have waited, because the process stood or because the interpreter's lock was
kept.
"""
import gc
import json
import sys
import threading
import time


class Order:
    def __init__(self, number):
        self.name = "order-%d" % number
        self.total = number * 1.25
        self.lines = {"number": number + 100000, "parts": [str(number), (number + 0.5, -number - 1000)]}


class Needle:
    pass


class Heart(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0
        self.start()

    def run(self):
        last = time.perf_counter()
        while True:
            time.sleep(0.0005)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now


def build(objects):
    """About ten objects for each order; in the middle of it, a needle."""
    gc.disable()
    orders = [Order(n) for n in range(objects // 10)]
    orders[len(orders) // 2].lines["parts"].append(Needle())
    gc.enable()
    gc.collect()
    return orders


def ask_objgraph(_orders):
    import objgraph
    return sum(n for _, n in objgraph.most_common_types(limit=1 << 30))


def ask_guppy3(_orders):
    import guppy
    heap = guppy.hpy().heap()
    str(heap)
    return heap.count


def ask_pympler(_orders):
    from pympler import muppy, summary
    return sum(row[1] for row in summary.summarize(muppy.get_objects()))


def needle(orders):
    return orders[len(orders) // 2].lines["parts"][-1]


def ask_objgraph_chain(orders):
    import objgraph
    return len(objgraph.find_backref_chain(needle(orders), objgraph.is_proper_module))


def ask_guppy3_paths(orders):
    import guppy
    return len(str(guppy.hpy().iso(needle(orders)).sp).splitlines())


def memory_kb(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))


def main():
    global ORDERS
    ORDERS = build(int(sys.argv[1]))
    heart = Heart()
    time.sleep(0.1)
    if len(sys.argv) == 2:
        where = {"rss_mib": memory_kb("VmRSS") / 1024, "needle": hex(id(needle(ORDERS)))}
        print(json.dumps(where), flush=True)
        for line in sys.stdin:
            answer = {"hold_up_ms": heart.longest * 1e3}
            heart.longest = 0.0
            print(json.dumps(answer), flush=True)
        return
    tool = globals()["ask_" + sys.argv[2]]
    before, heart.longest = memory_kb("VmRSS"), 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    seen = tool(ORDERS)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({
        "wall_s": wall, "cpu_s": cpu, "hold_up_ms": heart.longest * 1e3, "seen": seen,
        "extra_mib": (memory_kb("VmHWM") - before) / 1024,
    }), flush=True)


if __name__ == "__main__":
    main()
