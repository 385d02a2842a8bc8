"""No leak: a bounded cache fills up in about ten seconds, then stays as it is.

A tool that watches only while the cache fills calls this a leak.
"""

from collections import OrderedDict

from common import MIB, arguments, serve


class BoundedCache:
    """Keeps the newest entries, at most `limit` of them."""

    def __init__(self, limit):
        self.limit = limit
        self.entries = OrderedDict()

    def put(self, key, value):
        """Stores an entry; the oldest one goes when the cache is full."""
        self.entries[key] = value
        if len(self.entries) > self.limit:
            self.entries.popitem(last=False)


def main():
    """Fills the cache, and goes on putting."""
    options = arguments(__doc__.splitlines()[0], rate=3.0, per_s=100, fixed=False)
    cache = BoundedCache(limit=max(1, int(10 * options.per_s)))
    size = int(options.rate * MIB / options.per_s)
    serve(lambda number: cache.put(number, bytearray(size)), options.per_s)


if __name__ == "__main__":
    main()
