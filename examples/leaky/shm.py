"""Leaks shared memory: segments are closed and never unlinked, so no RSS shows them.

`--fixed` unlinks them. What is left is unlinked when the program ends by a signal, so that
trying it leaves no litter. Needs Python 3.8.
"""

import os
import sys

from common import MIB, arguments, say, serve

try:
    from multiprocessing.shared_memory import SharedMemory
except ImportError:
    sys.exit("shm.py needs Python 3.8 or newer, this is %s" % sys.version.split()[0])

LEFT = []


def room():
    """Bytes free where shared memory lives; None where that cannot be told."""
    try:
        state = os.statvfs("/dev/shm")
    except OSError:
        return None
    return state.f_bavail * state.f_frsize


def exchange(size, fixed):
    """Writes a segment as if to hand it to another process."""
    segment = SharedMemory(create=True, size=size)
    segment.buf[:] = b"x" * len(segment.buf)
    segment.close()
    if fixed:
        segment.unlink()
    else:
        LEFT.append(segment)


def main():
    """Makes segments until there is no room, then goes on without."""
    options = arguments(__doc__.splitlines()[0], rate=0.5, per_s=10)
    size = max(4096, int(options.rate * MIB / options.per_s))

    def handle(number):
        free = room()
        if free is None or free > 4 * size:
            exchange(size, options.fixed)
        elif number % max(1, int(options.per_s)) == 0:
            say("no room for more shared memory")

    try:
        serve(handle, options.per_s)
    finally:
        for segment in LEFT:
            segment.unlink()


if __name__ == "__main__":
    main()
