"""Leaks handles: each request opens a file and keeps it open.

`--fixed` closes it. The memory that goes with a handle is small; the handles run out first.
"""

import tempfile

from common import arguments, say, serve

OPEN = []


def main():
    """Opens files until the system gives no more, then goes on without."""
    options = arguments(__doc__.splitlines()[0], rate=20, rate_unit="handles/s", per_s=None)

    def handle(_number):
        try:
            file = tempfile.TemporaryFile()
        except OSError as error:
            say("no more handles to be had: %s" % error.strerror)
            return
        file.write(b"a line of a log that nobody closes\n")
        if options.fixed:
            file.close()
        else:
            OPEN.append(file)

    serve(handle, options.rate)


if __name__ == "__main__":
    main()
