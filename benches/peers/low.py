#!/usr/bin/env python3
"""What the low level costs on a process of 1 GB, until its verdict.

    benches/peers/low.py [--objects 2000000] [--blocks 3500000] [--for 20s] [--memprobe FILE] [--python EXE]

The process has Python objects, blocks of `malloc` of 200 bytes and large buffers, and stands still. Prints
how long memprobe watched and read, its processor time, and what the verdict is. The goal: a
verdict within 40 s, 20 s of observation included.

Needs `cargo build --release --workspace` (or --memprobe) and a C compiler. Exit status: 0, or 2 when nothing
was measured.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = """
#include <stdlib.h>
#include <string.h>
static char **kept;
void grow(long count) {
    kept = malloc(count * sizeof *kept);
    for (long n = 0; kept && n < count; n++)
        if ((kept[n] = malloc(200))) memset(kept[n], (int)(n % 255), 200);
}
"""
TARGET = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
import heap
library = ctypes.CDLL(sys.argv[2])
orders = heap.build(int(sys.argv[3]))
library.grow(ctypes.c_long(int(sys.argv[4])))
buffers = [bytearray(os.urandom(1 << 20)) for _ in range(150)]
print("ready", flush=True)
sys.stdin.readline()
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=2_000_000)
    parser.add_argument("--blocks", type=int, default=3_500_000)
    parser.add_argument("--for", dest="duration", default="20s")
    folder = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    parser.add_argument("--memprobe", default=os.path.join(folder, "release", "memprobe"))
    parser.add_argument("--python", default=sys.executable, help="interpreter of the process")
    return parser.parse_args()


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        source, library = os.path.join(folder, "grow.c"), os.path.join(folder, "grow.so")
        with open(source, "w") as file:
            file.write(SOURCE)
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        words = [options.python, "-c", TARGET, HERE, library, str(options.objects), str(options.blocks)]
        target = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            return measure(target, options)
        finally:
            target.kill()
            target.wait()


def measure(target, options):
    if target.stdout.readline() != b"ready\n":
        print("the process did not start", file=sys.stderr)
        return 2
    with open(f"/proc/{target.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    words = [options.memprobe, "--level", "low", "--pid", str(target.pid), "--for", options.duration]
    began, before = time.monotonic(), os.times()
    watching = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, errors = watching.communicate()
    took, used = time.monotonic() - began, os.times()
    if not output:
        print(errors, file=sys.stderr)
        return 2
    print(f"a process of {resident >> 10} MiB, load {os.getloadavg()[0]:.0f}")
    user = used.children_user - before.children_user
    system = used.children_system - before.children_system
    print(f"verdict after {took:.1f} s, {user:.1f} s user and {system:.1f} s system")
    print(next((line for line in output.splitlines() if line.strip()), ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
