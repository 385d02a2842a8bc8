"""Leaks below Python: C code takes a block for each request and loses the pointer to it.

`--fixed` gives the block back. No object of Python grows; what the C library says of its heap does.
"""

import ctypes

from common import MIB, arguments, serve


class Library:
    """A library in C, as a wrapper sees it."""

    def __init__(self):
        self.c = ctypes.CDLL(None)
        self.c.malloc.argtypes = [ctypes.c_size_t]
        self.c.malloc.restype = ctypes.c_void_p
        self.c.free.argtypes = [ctypes.c_void_p]

    def work(self, size, forgets):
        """Takes a block and uses it; a library that forgets does not give it back."""
        block = self.c.malloc(size)
        ctypes.memset(block, 1, size)
        if not forgets:
            self.c.free(block)


def main():
    """Calls the library."""
    options = arguments(__doc__.splitlines()[0], per_s=50)
    library = Library()
    size = int(options.rate * MIB / options.per_s)
    serve(lambda _number: library.work(size, forgets=not options.fixed), options.per_s)


if __name__ == "__main__":
    main()
