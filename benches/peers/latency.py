#!/usr/bin/env python3
"""What 100 censuses in a row do to the latency of a busy server.

    benches/peers/latency.py [--censuses 100] [--objects 1000000] [--freeze auto] [--memprobe FILE]

A server (one Python process, threads, a heap of --objects objects) answers requests over a loopback
connection; a client in this process sends one after the other. Stretches without and with censuses take
turns. Prints the median, the 99th percentile and the longest time of a request for both, and the pauses that
memprobe reported. The goal: the 99th percentile moves by less than the pause.

Needs `cargo build --release --workspace` (or --memprobe). Exit status: 0, or 2 when nothing was measured.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = """
import json, socketserver, sys
sys.path.insert(0, sys.argv[1])
import heap
ORDERS = heap.build(int(sys.argv[2]))
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            number = int(line)
            order = ORDERS[number % len(ORDERS)]
            text = json.dumps([order.name, order.total, order.lines["number"], list(range(200))])
            self.wfile.write(text.encode() + b"\\n")
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--censuses", type=int, default=100)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--freeze", default="auto", help="auto, fork, stop or none")
    parser.add_argument("--stretches", type=int, default=5, help="the censuses are spread over so many stretches")
    folder = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    parser.add_argument("--memprobe", default=os.path.join(folder, "release", "memprobe"))
    parser.add_argument("--python", default=sys.executable, help="interpreter of the server")
    return parser.parse_args()


class Client(threading.Thread):
    """Sends requests one after the other and notes how long each took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.connection.makefile("rb")
        self.times = []
        self.start()

    def run(self):
        try:
            self.ask()
        except OSError:
            return  # The server was ended.

    def ask(self):
        number = 0
        while True:
            began = time.perf_counter()
            self.connection.sendall(b"%d\n" % number)
            self.lines.readline()
            self.times.append((began, time.perf_counter() - began))
            number += 1
            time.sleep(0.0005)

    def between(self, start, end):
        return [took for began, took in self.times if start <= began < end]


def census(options, pid, pauses):
    command = [options.memprobe, "census", "--freeze", options.freeze, "--format", "json", "--pid", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit("failed: %s" % done.stderr.strip()[-300:])
    pauses.append(json.loads(done.stdout)["paused_ns"] / 1e6)


def measure(options, server, client):
    quiet, busy, pauses = [], [], []
    each = max(1, options.censuses // options.stretches)
    for _ in range(options.stretches):
        start = time.perf_counter()
        for _ in range(each):
            census(options, server.pid, pauses)
        end = time.perf_counter()
        busy += client.between(start, end)
        time.sleep(end - start)
        quiet += client.between(end, time.perf_counter())
    return quiet, busy, pauses


def show(name, times_s):
    ordered = sorted(times_s)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3
    print("%-18s %8d requests   median %.2f ms   99 %%: %.2f ms   longest %.1f ms"
          % (name, len(ordered), at(0.5), at(0.99), ordered[-1] * 1e3))


def main():
    options = arguments()
    if not os.access(options.memprobe, os.X_OK):
        sys.exit("%s is missing: run `cargo build --release --workspace`, or give --memprobe" % options.memprobe)
    command = [options.python, "-c", SERVER, HERE, str(options.objects)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            client = Client(int(server.stdout.readline()))
            time.sleep(1)
            quiet, busy, pauses = measure(options, server, client)
        finally:
            server.kill()
    if not quiet or not busy:
        sys.exit(2)
    show("without", quiet)
    show("with censuses", busy)
    print("%d censuses, each paused the server for a median of %.2f ms, at most %.2f ms"
          % (len(pauses), statistics.median(pauses), max(pauses)))


if __name__ == "__main__":
    main()
