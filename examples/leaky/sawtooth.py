"""No leak: reference cycles pile up until the garbage collector takes them.

Memory rises and falls like the teeth of a saw. A tool that looks at two points only calls
this a leak.
"""

from common import MIB, arguments, serve


class Node:
    """Refers to its child, which refers back: a cycle that only the collector can free."""

    def __init__(self, size):
        self.payload = bytearray(size)
        self.child = Leaf(self)


class Leaf:
    """The other half of the cycle."""

    def __init__(self, parent):
        self.parent = parent


def main():
    """Makes cycles."""
    options = arguments(__doc__.splitlines()[0], rate=2.0, per_s=100, fixed=False)
    size = int(options.rate * MIB / options.per_s)

    def handle(_number):
        Node(size)

    serve(handle, options.per_s)


if __name__ == "__main__":
    main()
