"""Leaks in a child: the parent stays as it is, its worker process grows.

`--fixed` makes the worker forget. The worker ends with its parent, however that ends.
"""

import os
import subprocess
import sys
import threading

from common import MIB, arguments, end_quietly, serve

WORKER = "LEAKY_WORKER"
RESULTS = []


def work(options):
    """The worker: keeps the result of each request."""
    def end_with_parent():
        # Not through sys.stdin, whose lock would still be held when the interpreter ends.
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    size = int(options.rate * MIB / options.per_s)

    def handle(_number):
        result = bytearray(size)
        if not options.fixed:
            RESULTS.append(result)

    serve(handle, options.per_s)


def supervise():
    """The parent: starts the worker, which says all there is to say, and waits for it."""
    end_quietly()
    command = [sys.executable] + sys.argv
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(os.environ, **{WORKER: "1"}))
    try:
        return worker.wait()
    finally:
        worker.terminate()
        worker.wait()


def main():
    """Runs the part that the environment names."""
    options = arguments(__doc__.splitlines()[0])
    if os.environ.get(WORKER) == "1":
        work(options)
    else:
        sys.exit(supervise())


if __name__ == "__main__":
    main()
