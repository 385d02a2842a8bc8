"""What the small leaky programs share: arguments, pace, a quiet end."""

import argparse
import os
import signal
import sys
import time

MIB = 1 << 20


def arguments(description, rate=1.0, rate_unit="MiB/s", per_s=20, fixed=True):
    """Reads --rate, --per-s and --fixed; LEAKY_RATE and LEAKY_FIXED=1 are their defaults.

    A program without a leak has no --fixed; one whose rate is in requests has no --per-s.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rate", type=positive, metavar="N",
                        default=os.environ.get("LEAKY_RATE", str(rate)),
                        help="how much it keeps or handles, %s (default %s)" % (rate_unit, rate))
    if per_s is not None:
        parser.add_argument("--per-s", type=positive, metavar="N", default=str(per_s),
                            help="requests per second (default %s)" % per_s)
    if fixed:
        parser.add_argument("--fixed", action="store_true",
                            default=os.environ.get("LEAKY_FIXED") == "1",
                            help="the same program with the bug fixed")
    return parser.parse_args()


def positive(text):
    """An argument that is a number above 0."""
    number = float(text)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError("%r is not a number above 0" % text)
    return number


def end_quietly():
    """SIGTERM and SIGINT end the program with status 0 and without a traceback."""
    def end(_signal, _frame):
        # A second signal while the interpreter shuts down would leave a traceback after all.
        listen(signal.SIG_IGN)
        sys.exit(0)

    def listen(to):
        signal.signal(signal.SIGTERM, to)
        signal.signal(signal.SIGINT, to)

    listen(end)


def say(line):
    """Prints a line at once, also into a pipe."""
    print(line, flush=True)


def serve(handle, per_s):
    """Calls handle(n) for n = 1, 2, ... at an even pace, for ever.

    Says `ready` first and `handled N requests` about once a second.
    """
    end_quietly()
    say("ready")
    log_every = max(1, int(per_s))
    due = time.monotonic()
    number = 0
    while True:
        number += 1
        handle(number)
        if number % log_every == 0:
            say("handled %d requests" % number)
        due = max(due + 1 / per_s, time.monotonic() - 1)
        time.sleep(max(0, due - time.monotonic()))
