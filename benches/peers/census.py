#!/usr/bin/env python3
"""Every live object by type, or who holds one object: memprobe from outside, and the tools that run inside, in one run.

    benches/peers/census.py [--question census|holders] [--objects 1000000,10000000] [--repeat 3] [--memprobe FILE] [--venv DIR]

For each size the contestants are asked in turn, round after round: a tool that runs inside gets a
fresh process with the same heap each time, memprobe looks at one that stands beside it. Prints the
medians with [lowest - highest] of: the time of the answer, CPU time, the longest time for which a thread of
the program was held up, the memory that the answer took (of a tool inside: what its process grew by;
of memprobe: its own peak), and how many objects were seen.

Needs `cargo build --release --workspace` (or --memprobe). The tools are installed with pip into a virtual
environment (--venv, kept; by default temporary and removed). What cannot be installed is said and
left out. Exit status: 0, or 2 when memprobe itself could not be measured.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HEAP = os.path.join(HERE, "heap.py")
PACKAGES = ("objgraph", "guppy3", "pympler")
INSIDE = {
    "census": {"objgraph.most_common_types": "objgraph", "guppy3 hpy().heap()": "guppy3",
               "pympler muppy + summary": "pympler"},
    "holders": {"objgraph.find_backref_chain": "objgraph_chain", "guppy3 shortest paths": "guppy3_paths"},
}
OUTSIDE = {
    "census": {"memprobe census": ["census", "--format", "json", "--pid", "PID"],
               "memprobe census, --freeze none":
                   ["census", "--freeze", "none", "--format", "json", "--pid", "PID"]},
    "holders": {"memprobe capture": ["capture", "--format", "json", "--force", "-o", "CAPTURE", "--pid", "PID"],
                "memprobe holders CAPTURE --object": ["holders", "CAPTURE", "--object", "NEEDLE"],
                "memprobe holders CAPTURE --type": ["holders", "CAPTURE", "--type", "__main__.Needle"],
                "memprobe holders CAPTURE --type, retained":
                    ["holders", "CAPTURE", "--type", "__main__.Needle", "--retained"],
                "memprobe holders --pid --type": ["holders", "--type", "__main__.Needle", "--pid", "PID"]},
}
COLUMNS = (("wall_s", "time, s", "%.3f"), ("cpu_s", "CPU, s", "%.3f"), ("hold_up_ms", "hold-up, ms", "%.0f"),
           ("extra_mib", "memory, MiB", "%.0f"), ("seen", "objects", "%d"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", default="1000000,10000000", help="sizes of the heap, separated by commas")
    parser.add_argument("--question", choices=sorted(INSIDE), default="census")
    parser.add_argument("--repeat", type=int, default=3)
    folder = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    parser.add_argument("--memprobe", default=os.path.join(folder, "release", "memprobe"))
    parser.add_argument("--venv", help="folder of the virtual environment with the tools")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the heap and the tools")
    return parser.parse_args()


def make_venv(interpreter, folder):
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
    missing = set()
    for package in PACKAGES:
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", package]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            missing.add(package)
            print("missing: %s could not be installed: %s" % (package, done.stderr.strip()[-200:]))
    return python, missing


class Beside:
    """A process with the heap that stands still, for a tool that looks from outside."""

    def __init__(self, python, objects):
        command = [python, HEAP, str(objects)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = json.loads(self.process.stdout.readline())
        self.rss_mib = said["rss_mib"]
        self.scratch = tempfile.TemporaryDirectory()
        self.words = {"PID": str(self.process.pid), "NEEDLE": said["needle"],
                      "CAPTURE": os.path.join(self.scratch.name, "capture")}

    def ask(self, command):
        self.report()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        done, peak = run_with_peak([self.words.get(word, word) for word in command])
        wall = time.perf_counter() - wall
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done is None:
            return None
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"wall_s": wall, "cpu_s": cpu, "hold_up_ms": self.report()["hold_up_ms"],
                "extra_mib": peak, "seen": objects_in(done)}

    def report(self):
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.scratch.cleanup()


def run_with_peak(command):
    """Output and peak memory in MiB of a command, by the system's own account."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
        error = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            print("failed: %s: %s" % (" ".join(command), error.strip()[-300:]))
            return None, 0
        out.seek(0)
        return out.read(), usage.ru_maxrss / 1024


def objects_in(text):
    """The sum of the column `objects` of the census; nothing for other answers."""
    if not text.startswith("{"):
        return None
    for table in json.loads(text).get("tables", []):
        if table["name"] == "census" and table["columns"][0].get("values"):
            column = next(c for c in table["columns"] if c["name"] == "objects")
            return sum(v for v in column["values"] if v is not None)
    return None


def inside(python, objects, tool):
    done = subprocess.run([python, HEAP, str(objects), tool], capture_output=True, text=True)
    if done.returncode:
        print("failed: %s: %s" % (tool, done.stderr.strip()[-300:]))
        return None
    return json.loads(done.stdout)


def measure(options, python, missing, objects):
    figures = {}

    def keep(name, row):
        if row:
            figures.setdefault(name, []).append(row)

    beside = Beside(python, objects)
    try:
        for _ in range(options.repeat):
            for name, command in OUTSIDE[options.question].items():
                keep(name, beside.ask([os.path.abspath(options.memprobe)] + command))
            for name, tool in INSIDE[options.question].items():
                if tool.split("_")[0] not in missing:
                    keep(name, inside(python, objects, tool))
    finally:
        beside.close()
    return beside.rss_mib, figures


def show(rss_mib, objects, figures):
    print("\n%d objects, RSS of the process %.0f MiB" % (objects, rss_mib))
    print("  %-42s" % "" + "".join(" %26s" % title for _, title, _ in COLUMNS))
    for name, rows in figures.items():
        cells = []
        for key, _, form in COLUMNS:
            values = [row[key] for row in rows if row.get(key) is not None]
            spread = [form % v for v in (statistics.median(values), min(values), max(values))] if values else None
            cells.append("%s [%s - %s]" % tuple(spread) if spread else "-")
        print("  %-42s" % name + "".join(" %26s" % cell for cell in cells))


def main():
    options = arguments()
    if not os.access(options.memprobe, os.X_OK):
        sys.exit("%s is missing: run `cargo build --release --workspace`, or give --memprobe" % options.memprobe)
    measured = True
    with tempfile.TemporaryDirectory() as scratch:
        python, missing = make_venv(options.python, options.venv or os.path.join(scratch, "venv"))
        version = subprocess.run([python, "-V"], capture_output=True, text=True).stdout.strip()
        print("%s, Linux %s, %d rounds" % (version, os.uname().release, options.repeat))
        for objects in map(int, options.objects.split(",")):
            rss_mib, figures = measure(options, python, missing, objects)
            show(rss_mib, objects, figures)
            measured &= all(name in figures for name in OUTSIDE[options.question])
    sys.exit(0 if measured else 2)


if __name__ == "__main__":
    main()
