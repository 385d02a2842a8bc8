"""A program with an object of every kind that holds others, which dumps what the collector says."""
import abc, argparse, ast, array, asyncio, bisect, codecs, collections, configparser, contextlib
import copy, csv, ctypes, datetime, decimal, difflib, email.message
import enum, fractions, functools, gc, heapq, http.client, inspect, io, itertools, json, logging
import operator, os, pickle, queue, random, re, sched, socket, sqlite3, string, struct, sys
import tempfile, textwrap, threading, time, traceback, types, typing, unittest, urllib.request
import uuid, weakref, xml.etree.ElementTree as tree, zipfile
import dump_references, graph_kinds
try:
    import contextvars, dataclasses
except ImportError:  # 3.6
    contextvars = dataclasses = None
try:
    frozendict
except NameError:  # to 3.14
    frozendict = None


class Plain:
    def __init__(self, n):
        self.number, self.text, self.more = n, "text %d" % n, [n]


class Slotted:
    __slots__ = ("left", "right", "__weakref__")

    def __init__(self, n):
        self.left, self.right = [n], {"n": n}


class SlottedChild(Slotted):
    __slots__ = ("middle",)


class Both(Slotted):
    pass


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    pass


class OwnList(list):
    pass


class OwnDict(dict):
    pass


class OwnTuple(tuple):
    pass


class OwnInt(int):
    pass


class OwnStr(str):
    pass


class OwnBytes(bytes):
    pass


class OwnSet(set):
    pass


class OwnError(Exception):
    def __init__(self, *args):
        super().__init__(*args)
        self.extra = list(args)


Named = collections.namedtuple("Named", "a b c")


def data(n):
    return Data([n], {})


if dataclasses:
    @dataclasses.dataclass
    class Data:
        one: list
        two: dict


class Color(enum.Enum):
    RED = 1
    BLUE = 2


def generate(n):
    local, other = [n], {"n": n}
    for item in range(n):
        yield item, local, other


def closure(n):
    cell = [n]

    def inner(x=[n], *, key={"n": n}):
        return cell, x, key

    return inner


def failed(n):
    try:
        try:
            raise KeyError([n])
        except KeyError as error:
            raise OwnError(n, [n]) from error
    except OwnError as error:
        return error


async def wait(n):
    local = [n]
    await asyncio.sleep(1000 + n)
    return local


async def agen(n):
    local = [n]
    yield local


@functools.lru_cache(maxsize=None)
def cached(a, b):
    return [a, b]


def started(generator):
    next(generator)
    return generator


def with_attributes(value, n):
    value.first, value.second = [n], (n, "x")
    return value


kept = []
loop = asyncio.new_event_loop()
variable = contextvars and contextvars.ContextVar("variable", default=[1])


def in_context(n):
    variable.set([n])
    return contextvars.copy_context()


def plain_loop(n):
    """Objects whose dictionaries were asked for, and some with attributes of their own."""
    it = Plain(n)
    it.__dict__
    other = Plain(n)
    setattr(other, "attribute%d" % n, [n])
    third = Plain(n)
    del third.text
    return [it, other, third, Plain(n)]


def structure(n):
    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int), ("p", ctypes.py_object)]

    return Point(n, [n]), ctypes.pointer(ctypes.c_int(n)), (ctypes.c_int * 3)()


def linked(n):
    d = collections.OrderedDict((str(i), [i]) for i in range(n % 9))
    d.attribute = [n]
    return d


def queue_of(n):
    q = queue.SimpleQueue() if hasattr(queue, "SimpleQueue") else queue.Queue()
    q.put([n])
    return q


MAKERS = [
    lambda n: [n, [n], (n, [n])],
    lambda n: {n: [n], "k%d" % n: (n, []), (n, "t"): {}},
    lambda n: {"a": [n], "b": {}, "c": ()},
    lambda n: {n, (n, "x"), frozenset([n, "y"])},
    lambda n: set((i, n) for i in range(30)),
    lambda n: collections.deque([[i] for i in range(n % 200)], maxlen=500),
    lambda n: collections.defaultdict(list, {n: [n]}),
    linked,
    lambda n: collections.Counter("text%d" % n),
    lambda n: collections.ChainMap({n: [n]}, {}),
    plain_loop,
    lambda n: [Slotted(n), with_attributes(Both(n), n)],
    lambda n: with_attributes(OwnList([n, []]), n),
    lambda n: with_attributes(OwnDict({n: []}), n),
    lambda n: with_attributes(OwnTuple((n, [])), n),
    lambda n: [with_attributes(OwnInt(10 ** (n % 60)), n), with_attributes(OwnInt(-n), n)],
    lambda n: with_attributes(OwnStr("s%d" % n), n),
    lambda n: with_attributes(OwnBytes(b"b" * (n % 30)), n),
    lambda n: with_attributes(OwnSet([n]), n),
    lambda n: Named([n], {}, ()),
    failed,
    closure,
    lambda n: started(generate(n + 1)),
    generate,
    lambda n: types.SimpleNamespace(a=[n], b={}),
    lambda n: types.ModuleType("module%d" % n),
    lambda n: types.MappingProxyType({n: []}),
    lambda n: type("Made%d" % n, (Plain,), {"attribute": [n], "method": lambda self: n}),
    lambda n: Meta("Meta%d" % n, (), {"attribute": [n]}),
    lambda n: functools.partial(closure, [n], key={n: n}),
    lambda n: [weakref.ref(Color), weakref.ref(kept_plain, lambda r, n=[n]: n)],
    lambda n: weakref.WeakValueDictionary({n: kept_plain}),
    lambda n: weakref.WeakKeyDictionary({kept_plain: [n]}),
    lambda n: weakref.proxy(kept_plain),
    lambda n: Plain(n).__init__,
    lambda n: [n].append,
    lambda n: property(lambda s: n, None, None, [n] and "doc"),
    lambda n: [classmethod(closure(n)), staticmethod(closure(n))],
    lambda n: cached((n, "key"), n),
    lambda n: [iter([n]), iter((n,)), iter({n: n}), iter({n}), reversed([n]), iter("x"),
               {n: n}.items(), {n: n}.keys(), iter({n: n}.items()), iter(range(n))],
    lambda n: [itertools.chain([n], [[n]]), itertools.cycle([[n]]), itertools.islice([n], 3),
               itertools.product([[n]], [n]), itertools.permutations([[n], n]),
               itertools.combinations([[n], n], 1), itertools.starmap(max, [[n]]),
               itertools.groupby([[n]]), itertools.zip_longest([n], [n]), itertools.count([n][0]),
               itertools.accumulate([n]), itertools.repeat([n]), itertools.takewhile(bool, [n]),
               itertools.dropwhile(bool, [n]), itertools.compress([n], [n]),
               itertools.filterfalse(bool, [n]), itertools.tee([[n], n])],
    lambda n: [map(max, [[n]]), filter(bool, [[n]]), zip([n], [n]), enumerate([[n]])],
    lambda n: loop.create_task(wait(n)),
    lambda n: loop.create_future(),
    agen,
    lambda n: [memoryview(bytearray(n + 1)), memoryview(b"x" * 30)],
    structure,
    lambda n: time.localtime(n),
    lambda n: os.stat("/"),
    lambda n: slice([n], n, None),
    lambda n: [datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc), datetime.datetime.now()],
    lambda n: [decimal.Decimal(n), fractions.Fraction(n, 3), decimal.Context(prec=9)],
    lambda n: re.compile("a%d(b)" % n).match("a%db" % n),
    lambda n: tree.fromstring("<a x='%d'>text<b>%d</b>tail<c/></a>" % (n, n)),
    lambda n: [io.BytesIO(b"x"), io.StringIO("x"), io.TextIOWrapper(io.BytesIO(b"x"))],
    lambda n: json.JSONDecoder(object_hook=closure(n)),
    lambda n: argparse.ArgumentParser(str(n)),
    lambda n: logging.Logger("logger%d" % n),
    lambda n: threading.local(),
    lambda n: [threading.Lock(), threading.RLock(), threading.Condition(), queue.Queue()],
    queue_of,
    lambda n: operator.attrgetter("a%d" % n, "b.c"),
    lambda n: operator.itemgetter([n][0], "x"),
    lambda n: operator.methodcaller("call", [n], key=[n]),
    lambda n: super(SlottedChild, SlottedChild(n)),
    lambda n: csv.reader(["a,b"]),
    lambda n: struct.Struct("i%ds" % (n + 1)),
    lambda n: random.Random(n),
    lambda n: ast.parse("def f(x): return [x, %d]" % n),
    lambda n: compile("def f(x, y=[1]):\n z = lambda: x\n return z\n", "file%d" % n, "exec"),
    lambda n: typing.List[int],
    lambda n: sqlite3.connect(":memory:") if n < 3 else None,
    lambda n: contextlib.ExitStack(),
    lambda n: functools.singledispatch(closure(n)),
    lambda n: functools.cmp_to_key(closure(n))([n]) if n < 1 else None,
    lambda n: inspect.signature(closure(n)),
    lambda n: array.array("d", [n]),
    lambda n: pickle.Pickler(io.BytesIO()),
]
if dataclasses:
    MAKERS.append(data)
if contextvars:
    MAKERS.extend([in_context, lambda n: variable.set([n])])
if frozendict:
    MAKERS.append(lambda n: frozendict({n: [n], "k%d" % n: (n, {})}))
MAKERS.extend(graph_kinds.makers(loop))
kept_plain = Plain(0)


def make(count):
    for n in range(count):
        for maker in MAKERS:
            kept.append(maker(n))
    loop.call_soon(loop.stop)
    loop.run_forever()


def waiting_thread(event, n):
    local = [n]
    event.wait()
    return local


event = threading.Event()
for number in range(3):
    threading.Thread(target=waiting_thread, args=(event, number), daemon=True).start()
make(int(sys.argv[1]))
gc.collect()
gc.disable()
if len(sys.argv) > 2:
    dump_references.dump(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
