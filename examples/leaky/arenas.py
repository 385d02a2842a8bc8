"""No leak, and yet ten times the memory: each thread leaves what it freed in an arena of its own.

A job is done in a new thread; all but one of its blocks are given back. The next thread has another
arena and cannot use them, so memory grows with the number of threads and then stays.
`MALLOC_ARENA_MAX=1`, or one job after the other in the same thread (`--fixed`), needs a tenth.
"""

import threading

from common import arguments, serve

THREADS = 12
# Above what pymalloc serves, below what malloc takes from the kernel alone.
BLOCK = 4000
BLOCKS = 1000

KEPT = []


def job():
    """Needs much for a moment, and keeps one block."""
    blocks = [bytes(BLOCK) for _ in range(BLOCKS)]
    KEPT.append(blocks[-1])
    del KEPT[:-THREADS]


def work(done):
    """A thread that does its job, and then waits for more that never comes."""
    job()
    done.set()
    threading.Event().wait()


def main():
    """Starts a thread for each of the first requests; the others find nothing to do."""
    options = arguments(__doc__.splitlines()[0], rate=4, rate_unit="jobs/s", per_s=None)

    def handle(number):
        if number > THREADS:
            return
        if options.fixed:
            job()
            return
        done = threading.Event()
        threading.Thread(target=work, args=(done,), daemon=True).start()
        done.wait()

    serve(handle, options.rate)


if __name__ == "__main__":
    main()
