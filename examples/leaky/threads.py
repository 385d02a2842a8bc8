"""Leaks threads: each request starts one that waits for an answer which never comes.

`--fixed` gives the answer, so the thread ends.
"""

import threading

from common import MIB, arguments, say, serve


class Call:
    """A call to another service, waiting in a thread of its own."""

    def __init__(self, size):
        self.answered = threading.Event()
        self.thread = threading.Thread(target=self.wait, args=(size,), daemon=True)
        self.thread.start()

    def wait(self, size):
        """Holds a buffer until the answer is there."""
        buffer = bytearray(size)
        self.answered.wait()
        return len(buffer)

    def answer(self):
        """Ends the wait, and the thread."""
        self.answered.set()
        self.thread.join()


def main():
    """Calls until the system gives no more threads, then goes on without."""
    options = arguments(__doc__.splitlines()[0], per_s=5)
    threading.stack_size(256 * 1024)
    # A thread takes some 20 KiB by itself: stack, thread state, frames.
    size = max(0, int(options.rate * MIB / options.per_s) - 20 * 1024)

    def handle(_number):
        try:
            call = Call(size)
        except RuntimeError:
            say("no more threads to be had")
            return
        if options.fixed:
            call.answer()

    serve(handle, options.per_s)


if __name__ == "__main__":
    main()
