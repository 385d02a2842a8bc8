"""Uses much of the standard library in three threads, for ever, and leaks nothing."""
import asyncio, collections, concurrent.futures, csv, ctypes, datetime, decimal, email.message
import email.parser, fractions, gzip, hashlib, html.parser, http.client, http.server, io, json
import logging, multiprocessing, pickle, queue, random, re, sqlite3, ssl, string, subprocess, sys
import tarfile, tempfile, threading, typing, unittest, urllib.parse, uuid, xml.dom.minidom
import xml.etree.ElementTree as tree, zipfile, zlib

class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int)]

log = logging.getLogger("clean")
log.addHandler(logging.StreamHandler(io.StringIO()))
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("create table t (a integer, b text)")

def work(number):
    text = json.dumps({"n": [number] * 50, "t": "x" * 700, "d": {"k": str(number)}})
    json.loads(text)
    root = tree.Element("root")
    for i in range(20):
        tree.SubElement(root, "item", {"n": str(i)}).text = "text %d" % i
    tree.fromstring(tree.tostring(root))
    re.findall(r"(\d+)|(\w+)", text)
    sum((decimal.Decimal(i) / 7 for i in range(1, 30)), decimal.Decimal(0))
    with database:
        database.execute("delete from t")
        database.executemany("insert into t values (?, ?)", [(i, "b" * 600) for i in range(20)])
    database.execute("select * from t").fetchall()
    email.parser.Parser().parsestr("From: a@b.c\nSubject: s\n\nbody %d\n" % number).as_string()
    pickle.loads(pickle.dumps([datetime.datetime.now(), Point(1, 2).x, {number}]))
    log.warning("number %d", number)
    log.handlers[0].stream.seek(0)
    log.handlers[0].stream.truncate()
    list(csv.reader(io.StringIO("a,b,c\n" * 50)))
    zlib.decompress(zlib.compress(text.encode()))
    hashlib.sha256(text.encode()).hexdigest()
    urllib.parse.urlencode({"q": text[:50]})

class Generator:
    def __iter__(self):
        for i in range(50):
            yield [i] * 100

def loop(number):
    while True:
        lock.acquire()
        try:
            work(number)
        finally:
            lock.release()
        sum(map(len, Generator()))

lock = threading.Lock()
work(0)
for number in range(3):
    threading.Thread(target=loop, args=(number,), daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print("done", flush=True)
