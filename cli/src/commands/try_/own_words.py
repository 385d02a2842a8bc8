import posix, sys
own = ('# ', 'Small block ', 'class ', '-----', 'Total ', 'arena map ', 'Arena ')
def is_own(line):
    line = line.decode('ascii', 'replace').strip()
    if not line or line.startswith(own):
        return True
    words = line.replace(',', '').split()
    if all(word.isdigit() for word in words):
        return True
    return words[0].isdigit() and words[-2:-1] == ['='] and words[-1].isdigit()
def everything(fd):
    text = b''
    while True:
        try:
            more = posix.read(fd, 65536)
        except BlockingIOError:
            return text
        if not more:
            return text
        text += more
def caught(write):
    if hasattr(posix, 'memfd_create'):
        read = to = posix.memfd_create('stderr')
    else:
        read, to = posix.pipe()
    kept = None
    try:
        # What does not fit into a pipe is lost: to wait for a reader would be for ever.
        posix.set_blocking(read, False)
        posix.set_blocking(to, False)
        try:
            kept = posix.dup(2)
        except OSError:
            pass
        posix.dup2(to, 2)
        try:
            write()
        finally:
            posix.dup2(kept, 2) if kept is not None else posix.close(2)
        if read == to:
            posix.lseek(read, 0, 0)
        return everything(read)
    finally:
        for fd in {read, to, kept} - {None}:
            posix.close(fd)
def forward(text):
    # Says how much is lost: where nobody reads, to wait would be for ever. A pipe, socket or
    # terminal may be that of others too: its own flags stay as they are.
    if posix.fstat(2).st_mode & 0o170000 == 0o100000:
        return len(text) - posix.write(2, text)
    try:
        return len(text) - posix.pwritev(2, [text], -1, posix.RWF_NOWAIT)
    except BlockingIOError:
        return len(text)
    except (AttributeError, OSError):
        pass
    flags = posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
    again = posix.open('/proc/self/fd/2', flags)
    try:
        return len(text) - posix.write(again, text)
    finally:
        posix.close(again)
lines = caught(sys._debugmallocstats).splitlines(True)
others = b''.join(line for line in lines if not is_own(line))
lost = 0
if others:
    try:
        lost = forward(others)
    except OSError:
        lost = len(others)
say([b''.join(line for line in lines if is_own(line)).decode('ascii', 'replace'), lost])
