"""Leaks in jumps: every five seconds a batch is done, and its rows are kept.

Between the jumps memory is level. `--fixed` lets go of the batch when it is done.
"""

from common import MIB, arguments, serve

SECONDS_PER_BATCH = 5
DONE = []


def import_batch(size):
    """The rows of a batch."""
    return [bytearray(64 * 1024) for _ in range(max(1, int(size) // (64 * 1024)))]


def main():
    """Handles requests, and imports a batch now and then."""
    options = arguments(__doc__.splitlines()[0])
    requests_per_batch = max(1, int(SECONDS_PER_BATCH * options.per_s))
    size = options.rate * MIB * SECONDS_PER_BATCH

    def handle(number):
        if number % requests_per_batch == 0:
            rows = import_batch(size)
            if not options.fixed:
                DONE.append(rows)

    serve(handle, options.per_s)


if __name__ == "__main__":
    main()
