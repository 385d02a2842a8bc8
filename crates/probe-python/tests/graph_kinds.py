"""More kinds of objects that hold others, each with what makes one of its own from a number.

Kinds that a version does not have are left out: the test says which it expects of which version.
"""
import sys

SETUP = '''
import array, asyncio, bz2, collections, csv, ctypes, datetime, decimal, functools, gc, hashlib, io
import itertools, json, lzma, mmap, operator, os, pickle, random, re, select, socket, sqlite3, ssl
import struct, threading, time, types, typing, weakref, zlib
import xml.etree.ElementTree as tree, xml.parsers.expat


class Attributes:
    """More of them than stand in an instance's own block."""
    def __init__(self, n):
        for number in range(40):
            setattr(self, "attribute%d" % number, [n])


class Few:
    def __init__(self, n):
        self.one, self.two = [n], {"n": n}


class DictSlot:
    __slots__ = ("first", "__dict__")


class Getter:
    def __getitem__(self, n):
        return [n]


class Deferred:
    def __init__(self, n):
        self.kept = [n]

    @getattr(functools, 'cached_property', property)
    def late(self):
        return {"late": self.kept}


class Descriptor:
    def __get__(self, it, kind=None):
        return self

    def __set__(self, it, value):
        pass


def attributes_gone(n):
    it = Few(n)
    space = it.__dict__
    return space


def replaced(n):
    it = Few(n)
    it.__dict__ = {"one": [n], 5: (n, [])}
    other = Few(n)
    other.__dict__[n] = [n]
    third = Few(n)
    del third.one
    third.three = [n]
    return it, other, third


def slotted(n):
    it = DictSlot()
    it.first, it.other = [n], (n, [])
    return it


def dicts(n):
    """Every layout of keys: texts, other keys, gaps, tables of each width, and no keys at all."""
    gaps = {"k%d" % k: [k] for k in range(20)}
    for k in range(0, 20, 3):
        del gaps["k%d" % k]
    mixed = {"a": [n], "b": {}}
    mixed[n] = (n, [])
    wide = {(n, k): [k] for k in range(300 if n < 3 else 30)}
    huge = {"h%d" % k: [k] for k in range(70000)} if n == 0 else None
    return gaps, mixed, wide, huge, {}, dict.fromkeys([(n, 1), (n, 2)], []), dict(gaps)


def sets(n):
    gaps = {(n, k) for k in range(40)}
    for k in range(0, 40, 3):
        gaps.discard((n, k))
    return gaps, frozenset([(n,), (n, 1)]), frozenset(gaps), set()


def deques(n):
    turned = collections.deque([k] for k in range(150))
    turned.rotate(70)
    for _ in range(66):
        turned.popleft()
    turned.appendleft([n])
    return turned, iter(turned), reversed(turned), collections.deque([[n]], 1)


def ordered(n):
    it = collections.OrderedDict(((n, k), [k]) for k in range(12))
    del it[(n, 3)]
    it.move_to_end((n, 5))
    return it, iter(it), iter(it.items()), it.values(), reversed(it)


def bounded(n):
    @functools.lru_cache(maxsize=3)
    def call(a, b=None):
        return [a, b]
    for k in range(5):
        call((n, k))
        call((n, k), b=(k,))
    return call


def endless(n):
    @functools.lru_cache(maxsize=None)
    def call(a):
        return [a]
    call((n, 1)), call((n, 2))
    return call


def halfway(n):
    """A generator that stands in the middle of an expression."""
    local = {"n": [n]}
    result = [[n], local, (yield (n, [n]))]
    return result


def outer(n):
    yield [n]
    yield from halfway(n)


def started(generator, steps=1):
    for _ in range(steps):
        next(generator)
    return generator


def ended(n):
    """A generator that has ended, and one that failed, with its frame."""
    done = halfway(n)
    next(done)
    frame = done.gi_frame
    try:
        done.throw(ValueError([n]))
    except ValueError as error:
        return done, frame, error


async def asynchronous(n):
    local = [n]
    got = yield local
    yield [got]


@types.coroutine
def awaited(n):
    yield [n]


async def awaiting(n):
    local = (n, [n])
    await awaited(n)
    return local


def coroutines(n):
    one, two, three = awaiting(n), asynchronous(n), awaiting(n)
    one.send(None)
    first = two.__anext__()
    try:
        first.send(None)
    except StopIteration:
        pass
    third = three.__await__()
    third.send(None)
    return one, two, first, two.asend([n]), three, third


def frame_of_ended(n):
    local = {"n": [n]}
    return [sys._getframe(), lambda: local]


def frame_inside(n):
    it = halfway(n)
    next(it)
    return it, it.gi_frame


def errors(n):
    made = [StopIteration([n]), SystemExit([n]), ImportError("x", name="a%d" % n, path=[n]),
            OSError(2, "text", "file%d" % n), SyntaxError("x", ("file%d" % n, 1, 2, "text%d" % n)),
            UnicodeDecodeError("utf-8", b"x%d" % n, 0, 1, "reason%d" % n), AttributeError("x%d" % n),
            NameError("y"), KeyError((n,)), BlockingIOError(1, "x", n)]
    try:
        None.attribute
    except AttributeError as error:
        made.append(error)
    try:
        undefined_name
    except NameError as error:
        made.append(error)
    return made


def with_notes(n):
    error = ValueError([n])
    error.add_note("note %d" % n)
    error.attribute = [n]
    return ExceptionGroup("group%d" % n, [error, KeyError((n,))])


def advanced(n):
    """Iterators that stand in the middle."""
    some = [[k] for k in range(5)]
    made = [itertools.chain(some, some), itertools.chain.from_iterable([some, some]),
            itertools.cycle(some), itertools.islice(some, 4), itertools.product(some, some),
            itertools.permutations(some, 2), itertools.combinations(some, 2),
            itertools.combinations_with_replacement(some, 2), itertools.groupby(some),
            itertools.zip_longest(some, [n], fillvalue=[n]), itertools.accumulate(some),
            itertools.count(10 ** 30), itertools.starmap(max, [some, some]), enumerate(some),
            zip(some, some), map(lambda a, b=[n]: (a, b), some), filter(None, some), iter(some),
            iter(tuple(some)), iter({n: some, "k": n}.items()), reversed(some), iter(Getter()),
            iter(lambda: [n], None), itertools.repeat([n], 5), enumerate(some, 2 ** 70),
            reversed(Few(n).__dict__) if sys.version_info >= (3, 8) else iter({"n": n})]
    made += itertools.tee(some, 3)
    groups = itertools.groupby(some)
    made += [groups, next(groups)[1]]
    for it in made:
        for _ in range(2):
            next(it, None)
    return made


def many_variables(n):
    """A context with so many variables that its tree has branches of every kind."""
    for variable in variables[:n % 60]:
        variable.set([n])
    return contextvars.copy_context()


def tasks(n):
    async def fail():
        raise ValueError([n])

    async def give():
        return [n]

    failed, done, future = loop.create_task(fail()), loop.create_task(give()), loop.create_future()
    waiting = loop.create_task(wait_for(future))
    gathered = asyncio.gather(future, loop.create_future())
    future.add_done_callback(functools.partial(max, [n]))
    future.add_done_callback(lambda it: None)
    finished = loop.create_future()
    finished.set_result([n])
    return failed, done, future, waiting, gathered, finished, future.__await__()


async def wait_for(future):
    local = [future]
    await future
    return local


class CStructure(ctypes.Structure):
    _fields_ = [("p", ctypes.py_object), ("q", ctypes.POINTER(ctypes.c_int)), ("r", ctypes.c_char_p)]


class CUnion(ctypes.Union):
    _fields_ = [("p", ctypes.py_object), ("n", ctypes.c_long)]


def c_types(n):
    text, number = b"text%d" % n, ctypes.c_int(n)
    it = CStructure([n], ctypes.pointer(number), text)
    array = (CStructure * 3)()
    array[1] = it
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x, n=[n]: x)
    references = (ctypes.py_object * 3)([n], (n, []))
    function = ctypes.pythonapi["Py_IncRef"]
    function.argtypes, function.errcheck = [ctypes.py_object], lambda *args, n=[n]: args
    return (it, array, array[1], callback, references, function, ctypes.byref(number),
            CUnion([n]), ctypes.pointer(it), ctypes.cast(ctypes.pointer(number), ctypes.c_void_p))


def views(n):
    one = memoryview(array.array("d", [n, n]))
    return one, one[1:], memoryview(one), one.cast("B"), memoryview(b"x%d" % n)


def local_attributes(n):
    it = threading.local()
    it.attribute = [n]
    return it


def files(n):
    raw = io.FileIO(os.devnull)
    return [raw, io.BufferedReader(raw), io.BufferedWriter(io.BytesIO()),
            io.BufferedRandom(io.BytesIO()), io.BufferedRWPair(io.BytesIO(), io.BytesIO()),
            io.IncrementalNewlineDecoder(None, True), io.TextIOWrapper(io.BytesIO(b"x%d" % n))]


def databases(n):
    if n > 20:
        return None
    it = sqlite3.connect(":memory:")
    it.row_factory = sqlite3.Row
    cursor = it.execute("select ?, ?", (n, "text%d" % n))
    return it, cursor, cursor.fetchone(), it.execute("select 1")


def parsers(n):
    it = xml.parsers.expat.ParserCreate()
    it.StartElementHandler = lambda *args, n=[n]: args
    target = tree.XMLParser(target=tree.TreeBuilder())
    root = tree.fromstring("<a x='1'>t<b y='2'><c/></b>tail</a>")
    return it, target, root, iter(root.iter()), tree.ElementTree(root)


def templates(n):
    pattern = re.compile("(a%d)(?P<name>b)" % n)
    pattern.sub(r"x\\1y%d\\2z" % n, "a%db" % n)
    return pattern, pattern.finditer("ab"), pattern.scanner("ab"), pattern.match("a%db" % n)


def codecs(n):
    packed = zlib.decompressobj()
    packed.decompress(zlib.compress(b"x") + b"unused%d" % n)
    return [packed, zlib.compressobj(), bz2.BZ2Decompressor(), lzma.LZMADecompressor(),
            hashlib.sha256(b"x%d" % n)]


def modules(n):
    it = types.ModuleType("made%d" % n, "text %d" % n)
    it.attribute, it.function = [n], lambda: n
    return it


def pickles(n):
    writer, reader = pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO())
    writer.dump([[n], {"n": (n, [n])}])
    if sys.version_info < (3, 13):
        writer.persistent_id = lambda it: None
    return writer, reader


def coders(n):
    encoder = json.encoder.c_make_encoder and json.encoder.c_make_encoder(
        {}, lambda it: [n], json.encoder.encode_basestring, None, ":", ",", True, False, True)
    return encoder, json.scanner.c_make_scanner(json.JSONDecoder(object_hook=lambda it: [n]))


def classes(n):
    body = {"__slots__": ("a", "b"), "method": lambda self: n, "owner": Descriptor()}
    one = type("Slots%d" % n, (), body)
    two = type("Child%d" % n, (one,), {"__init_subclass__": classmethod(lambda kind: [n])})
    return one, two, two(), one.__dict__, one.a, two.method, super(two, two())


def bindings(n):
    return [[].append, [n].__add__, Few(n).__init__, dict.__dict__["fromkeys"], int.__dict__["real"],
            classmethod(len).__get__(None, Few), functools.partialmethod(max, [n]), len,
            types.MethodType(lambda self: self, [n]), str.__dict__["join"], list.__add__]


def weak(n):
    it = Few(n)
    return it, weakref.ref(it), weakref.proxy(it), weakref.WeakSet([it]), weakref.finalize(
        it, len, [n]), weakref.WeakMethod(it.__init__), weakref.ref(it, lambda r, n=[n]: None)
'''

CONTEXTS = '''
import contextvars
variables = [contextvars.ContextVar("variable%d" % number) for number in range(60)]
'''

KINDS = [
    "Attributes(n)", "attributes_gone(n)", "replaced(n)", "slotted(n)", "dicts(n)", "sets(n)",
    "deques(n)", "ordered(n)", "bounded(n)", "endless(n)", "started(halfway(n))",
    "started(outer(n), 2)", "ended(n)", "coroutines(n)", "frame_of_ended(n)", "frame_inside(n)",
    "errors(n)", "with_notes(n)", "advanced(n)", "tasks(n)", "c_types(n)", "views(n)",
    "local_attributes(n)", "files(n)", "databases(n)", "parsers(n)", "templates(n % 5)", "codecs(n)",
    "modules(n)", "pickles(n)", "coders(n)", "classes(n)", "bindings(n)", "weak(n)",
    "many_variables(n)", "Deferred(n).late and Deferred(n)",
    "list[int, n]", "int | list[n]", "typing.TypeVar('T%d' % n, bound=typing.List[int])",
    "typing.ParamSpec('P%d' % n)", "typing.TypeVarTuple('Ts%d' % n)",
    "typing.TypeAliasType('Alias%d' % n, list[n])",
    "itertools.pairwise([[n], [n]])", "itertools.batched([[n], [n]], 2)", "range(n, 10 ** 30, 10 ** 20)",
    "iter(range(n, 10 ** 30, 10 ** 20))", "zip([n], [n], strict=True)",
    "map(max, [[n]], [[n]], strict=True)", "slice([n], (n, []), {})",
    "datetime.timezone(datetime.timedelta(minutes=n), 'zone%d' % n)",
    "__import__('zoneinfo').ZoneInfo.no_cache('UTC')", "decimal.Context(prec=n + 1)",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if n < 10 else None",
    "csv.writer(io.StringIO())", "csv.DictReader(['a,b'], [n])", "random.Random(n)",
    "next(os.scandir('/'))", "operator.methodcaller('x', [n])",
    "select.epoll() if n < 10 else None", "socket.socket() if n < 10 else None",
    "eval('t\"{n} text\"')", "__import__('_lsprof').Profiler()",
    "weakref.getweakrefs(kept)", "types.SimpleNamespace(**{'a%d' % n: [n]})",
    "types.GenericAlias(dict, (n, [n]))", "os.terminal_size((n, 2 ** 70))", "time.gmtime(n)",
    "__import__('symtable').symtable('x = 1', 'f%d' % n, 'exec')",
    "(lambda *a, **k: None).__get__([n])", "callable and (lambda: kept)", "threading.RLock()",
]

# What they are of has a type that some version up to 3.9 never makes ready: to the interpreter it
# works, and from outside it is no type.
NEVER_READY = [
    "functools.cmp_to_key(lambda a, b: n)([n])", "asynchronous(n).athrow(ValueError)",
    "struct.Struct('i%ds' % (n + 1)).iter_unpack(b'')",
]


def makers(loop):
    """What makes one of each kind, as far as this version has it."""
    space = {"loop": loop, "kept": {}, "__name__": "graph_kinds", "sys": sys}
    exec(SETUP, space)
    loop.set_exception_handler(lambda *about: None)
    space["asyncio"].set_event_loop(loop)
    try:
        exec(CONTEXTS, space)
    except ImportError:  # 3.6
        pass
    made = []
    for kind in KINDS + (NEVER_READY if sys.version_info >= (3, 10) else []):
        try:
            maker = eval("lambda n: " + kind, space)
            maker(1)
        except (AttributeError, ImportError, NameError, SyntaxError, TypeError, KeyError) as error:
            print("not in this version: %s: %r" % (kind, error), file=sys.stderr)
        else:
            made.append(maker)
    return made
