#!/usr/bin/env python3
"""What one reading of a process's memory costs: memprobe, psutil, pymemtrace and the bare floor.

    benches/peers/run.py [--repeat 9] [--rss-cost FILE] [--venv DIR] [--python EXE]

All are measured in turn, round after round, on one target, so that whatever else the machine does
hits all of them alike. Prints medians with [lowest - highest] and the ratio to the floor.

Needs `cargo build --release -p benches` (or --rss-cost). Peers are installed with pip into a virtual
environment (--venv, kept; by default temporary and removed). What cannot be installed is said and
left out. Exit status: 0, or 2 when memprobe itself could not be measured.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

TARGET = "import sys; held = [object() for _ in range(int(sys.argv[1]))]; print('ready', flush=True); input()"
# pymemtrace can only measure the process that it runs in: so it does, and psutil does both.
PEER = """
import importlib, json, sys, timeit
pid, cases = int(sys.argv[1]), {}
try:
    import psutil
    other, me = psutil.Process(pid), psutil.Process()
    cases["psutil memory_info()"] = other.memory_info
    cases["psutil memory_full_info()"] = other.memory_full_info
    cases["psutil memory_info(), itself"] = me.memory_info
except ImportError:
    pass
try:
    from pymemtrace import cPyMemTrace
    cases["pymemtrace cPyMemTrace.rss(), itself"] = cPyMemTrace.rss
except ImportError:
    pass
out = {}
for name, function in cases.items():
    timer = timeit.Timer(function)
    number = max(20, int(0.05 / max(timer.timeit(20) / 20, 1e-8)))
    out[name] = timer.timeit(number) / number * 1e9
print(json.dumps(out))
"""
PEERS = ("psutil", "pymemtrace")
HERE = os.path.dirname(os.path.abspath(__file__))
FLOOR = {"rss": "floor: pread statm, fd kept", "full": "floor: pread smaps_rollup, fd kept"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--rss-cost", help="the program rss-cost; default: that of the last release build")
    parser.add_argument("--venv", help="folder of the virtual environment with the peers")
    parser.add_argument("--python", default=sys.executable, help="interpreter of target and peers")
    parser.add_argument("--objects", type=int, default=100_000, help="objects in the target")
    return parser.parse_args()


def rss_cost(given):
    folder = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    path = given or os.path.join(folder, "release", "rss-cost")
    if not os.access(path, os.X_OK):
        sys.exit("%s is missing: run `cargo build --release -p benches`, or give --rss-cost" % path)
    return os.path.abspath(path)


def make_venv(interpreter, folder):
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
    for peer in PEERS:
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", peer]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print("missing: %s could not be installed: %s" % (peer, done.stderr.strip()[-200:]))
    return python


def ask(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print("failed: %s: %s" % (command[0], done.stderr.strip()[-300:]))
        return {}
    return json.loads(done.stdout)


def versions(python):
    code = "import importlib.metadata as m\nfor p in %r:\n try: print(p, m.version(p))\n except Exception: pass" % (PEERS,)
    found = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout
    return ", ".join(found.split("\n")).strip(", ")


def is_full(name):
    return any(word in name for word in ("smaps_rollup", "full", "memory,", "mappings"))


def show(figures):
    floors = {kind: statistics.median(figures[name]) for kind, name in FLOOR.items()}
    print("%-42s %12s  %-26s %s" % ("one reading", "median, ns", "[lowest - highest]", "x floor"))
    for kind in ("rss", "full"):
        rows = [(statistics.median(v), k, v) for k, v in figures.items() if is_full(k) == (kind == "full")]
        for median, name, values in sorted(rows):
            spread = "[%.0f - %.0f]" % (min(values), max(values))
            print("%-42s %12.0f  %-26s %.2f" % (name, median, spread, median / floors[kind]))


def main():
    options = arguments()
    ours = rss_cost(options.rss_cost)
    with tempfile.TemporaryDirectory() as scratch:
        python = make_venv(options.python, options.venv or os.path.join(scratch, "venv"))
        command = [options.python, "-c", TARGET, str(options.objects)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
            try:
                target.stdout.readline()
                figures = {}
                for _ in range(options.repeat):
                    for one in ([ours, str(target.pid)], [python, "-c", PEER, str(target.pid)]):
                        for name, ns in ask(one).items():
                            figures.setdefault(name, []).append(ns)
            finally:
                target.kill()
        version = subprocess.run([python, "-V"], capture_output=True, text=True).stdout.strip()
        print("Linux %s, %s, %s, %d rounds" % (
            platform.release(), version, versions(python) or "no peers", options.repeat))
    if not all(name in figures for name in FLOOR.values()):
        sys.exit(2)
    show(figures)


if __name__ == "__main__":
    main()
