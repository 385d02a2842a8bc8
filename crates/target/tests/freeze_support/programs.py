"""Programs that are frozen while they work. Each answers a line on its standard input with "ok"
when everything was as it should be, and else says what was not."""
import errno
import os
import select
import signal
import subprocess
import sys
import threading
import time


def busy():
    # A copy of this takes a while.
    keep.append(b"x" * (64 << 20))
    return lambda: check(sum(i * 0.5 for i in range(200000)) == 9999950000.0, "sum")


def sleeping():
    def work():
        read, write = os.pipe()
        poll = select.poll()
        poll.register(read, select.POLLIN)
        lock = threading.Lock()
        lock.acquire()
        waits = [
            lambda: time.sleep(0.05),
            lambda: select.select([read], [], [], 0.05),
            lambda: poll.poll(50),
            lambda: lock.acquire(timeout=0.05),
            lambda: threading.Event().wait(0.05),
        ]
        if hasattr(select, "epoll"):
            epoll = select.epoll()
            epoll.register(read, select.EPOLLIN)
            waits.append(lambda: epoll.poll(0.05))
        for number, wait in enumerate(waits):
            before = time.monotonic()
            wait()
            check(time.monotonic() - before >= 0.0499, "wait %d came back early" % number)
        os.close(read)
        os.close(write)

    return work


def waiting():
    """No child but its own is ever seen, by any wait or handler."""
    seen = [0]
    started = [0]

    def count(*_):
        seen[0] += 1

    signal.signal(signal.SIGCHLD, count)

    def work():
        for _ in range(3):
            expect_no_child()
            started[0] += 1
            child = subprocess.Popen(["true"])
            while True:
                pid, status = os.wait()
                check(pid == child.pid and status == 0, "a child %d, %d" % (pid, status))
                child.returncode = 0
                break
            expect_no_child()
        check(seen[0] <= started[0], "a stray SIGCHLD")

    return work


def expect_no_child():
    for options in (0, os.WNOHANG):
        try:
            found = os.waitpid(-1, options)
            raise AssertionError("a stray child: %r" % (found,))
        except ChildProcessError:
            pass


def children():
    def work():
        for _ in range(3):
            out = subprocess.check_output(["echo", "hello"])
            check(out == b"hello\n", out)
            check(subprocess.call(["false"]) == 1, "exit status")

    return work


def spawning():
    """vfork, by way of posix_spawn where Python has it."""
    def work():
        for _ in range(5):
            if hasattr(os, "posix_spawn"):
                pid = os.posix_spawn("/bin/true", ["true"], os.environ)
                check(os.waitpid(pid, 0) == (pid, 0), "exit status")
            else:
                check(subprocess.call(["true"], close_fds=False) == 0, "exit status")

    return work


def vforking():
    """A thread that sits in vfork, where nothing stops it, until the work of this one ends it."""
    import ctypes
    import tempfile

    # Not os.posix_spawn, which keeps the other threads of Python waiting.
    libc = ctypes.CDLL(None)
    fifo = os.path.join(tempfile.mkdtemp(), "fifo").encode()
    os.mkfifo(fifo)
    actions = ctypes.create_string_buffer(256)
    libc.posix_spawn_file_actions_init(actions)
    libc.posix_spawn_file_actions_addopen(actions, 0, fifo, os.O_RDONLY, 0)
    arguments = (ctypes.c_char_p * 2)(b"true", None)
    done = [0]
    failures = []
    ending = []

    def run():
        while not ending:
            pid = ctypes.c_int()
            result = libc.posix_spawn(
                ctypes.byref(pid), b"/bin/true", actions, None, arguments, None)
            if result != 0 or os.waitpid(pid.value, 0) != (pid.value, 0):
                failures.append(result)
            done[0] += 1

    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()

    def end():
        # The child that waits would outlive this program.
        ending.append(True)
        os.close(os.open(fifo, os.O_WRONLY))
        thread.join()
        os.remove(fifo)
        os.rmdir(os.path.dirname(fifo))

    at_end.append(end)

    def work():
        before = done[0]
        os.close(os.open(fifo, os.O_WRONLY))
        while done[0] == before:
            time.sleep(0.001)
        check(not failures, failures)

    return work


def signals():
    ticks = [0]

    def count(*_):
        ticks[0] += 1

    signal.signal(signal.SIGALRM, count)
    signal.signal(signal.SIGPROF, count)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])

    def work():
        before = ticks[0]
        while ticks[0] < before + 20:
            sum(range(1000))
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        check(blocked == {signal.SIGUSR2}, blocked)

    return work


def thread_storm():
    def work():
        done = []
        for _ in range(10):
            threads = [threading.Thread(target=lambda: done.append(1)) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        check(len(done) == 50, done)

    return work


def many_threads():
    condition = threading.Condition()
    turn = [0]
    count = 64

    def run(number):
        while True:
            with condition:
                condition.wait_for(lambda: turn[0] % (count + 1) == number)
                turn[0] += 1
                condition.notify_all()

    for number in range(count):
        thread = threading.Thread(target=run, args=(number,))
        thread.daemon = True
        thread.start()

    def work():
        with condition:
            condition.wait_for(lambda: turn[0] % (count + 1) == count)
            turn[0] += 1
            condition.notify_all()

    return work


def asynchronous():
    import asyncio

    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def talk(port, number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        line = b"%d\n" % number
        writer.write(line)
        await asyncio.sleep(0.005)
        answer = await reader.readline()
        writer.close()
        check(answer == line, answer)

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*[talk(port, number) for number in range(10)])
        server.close()
        await server.wait_closed()

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return lambda: loop.run_until_complete(main())


def pool():
    import multiprocessing

    workers = multiprocessing.get_context("fork").Pool(2)
    return lambda: check(workers.map(abs, range(-20, 0)) == list(range(20, 0, -1)), "map")


def processes():
    """Processes of multiprocessing, forked and spawned, which send what they were asked for."""
    import multiprocessing

    def run(method):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        child = context.Process(target=send_squares, args=(queue, 20))
        child.start()
        check(queue.get() == [n * n for n in range(20)], "squares")
        child.join()
        check(child.exitcode == 0, "exit status %r of a child by %s" % (child.exitcode, method))

    # The first one brings a child that stays: the tracker of resources.
    run("spawn")

    def work():
        run("fork")
        run("spawn")

    return work


def send_squares(queue, count):
    queue.put([n * n for n in range(count)])


def epoll():
    """A thread that sits in epoll without a time limit and must see each byte once."""
    outer, inner = os.pipe(), os.pipe()
    poll = select.epoll()
    poll.register(outer[0], select.EPOLLIN)

    def run():
        while True:
            events = poll.poll()
            check(events == [(outer[0], select.EPOLLIN)], events)
            os.write(inner[1], os.read(outer[0], 1))

    start(run)

    def work():
        for number in range(50):
            byte = bytes(bytearray([number]))
            os.write(outer[1], byte)
            echo = os.read(inner[0], 10)
            check(echo == byte, "%r came back for %r" % (echo, byte))

    return work


def futex():
    """Two threads that hand a lock to each other, each asleep in the kernel until it is woken."""
    mine, other = threading.Lock(), threading.Lock()
    mine.acquire()
    other.acquire()
    count = [0]

    def run():
        while True:
            other.acquire()
            count[0] += 1
            mine.release()

    start(run)

    def work():
        before = count[0]
        for _ in range(50):
            other.release()
            mine.acquire()
        check(count[0] == before + 50, count)

    return work


def start(run):
    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()


def filtered():
    """System calls by which processes are made or collected kill this one."""
    filter_calls(56, 57, 61, 435)  # clone, fork, wait4, clone3
    return busy()


def permitted():
    """A filter that forbids other things."""
    filter_calls(101, 250)  # ptrace, keyctl
    return busy()


def filter_calls(*numbers):
    import ctypes
    import struct

    libc = ctypes.CDLL(None, use_errno=True)
    load, equal, ret = 0x20, 0x15, 0x06
    program = [(load, 0, 0, 0)]
    for number in numbers:
        program += [(equal, 0, 1, number), (ret, 0, 0, 0x80000000)]
    program.append((ret, 0, 0, 0x7FFF0000))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    prog = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    check(libc.prctl(38, 1, 0, 0, 0) == 0, "no_new_privs")
    check(libc.prctl(22, 2, prog, 0, 0) == 0, "seccomp: %s" % os.strerror(ctypes.get_errno()))


def hidden():
    """Memory that children do not get, or get empty: its addresses follow the "ready"."""
    import ctypes
    import mmap

    libc = ctypes.CDLL(None, use_errno=True)
    addresses = []
    for advice in (10, 18):  # MADV_DONTFORK, MADV_WIPEONFORK
        memory = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.write(b"hidden!!" * 1024)
        keep.append(memory)
        addr = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        result = libc.madvise(ctypes.c_void_p(addr), ctypes.c_size_t(8192), advice)
        check(result == 0, "madvise: %s" % os.strerror(ctypes.get_errno()))
        addresses.append(str(addr))
    shared = mmap.mmap(-1, 8192)
    keep.append(shared)
    say.extend(addresses)
    return lambda: check(bytes(keep[0][:8]) == b"hidden!!", "changed")


def writing():
    """Fills an array from its beginning to its end, for ever, with the next number."""
    import array

    slots = array.array("Q", [0]) * 4096
    keep.append(slots)
    say.append(str(slots.buffer_info()[0]))

    def run():
        number = 0
        while True:
            number += 1
            for index in range(4096):
                slots[index] = number

    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()
    return lambda: None


keep = []
at_end = []
say = ["ready"]


def check(true, what):
    if not true:
        raise AssertionError(what)


def main():
    work = globals()[sys.argv[1]]()
    print(" ".join(say), flush=True)
    while True:
        line = sys.stdin.readline()
        if not line:
            for end in at_end:
                end()
            return
        try:
            work()
            answer = "ok"
        except BaseException as error:
            answer = "not ok: %s %s" % (type(error).__name__, error)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
