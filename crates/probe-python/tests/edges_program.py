"""Objects whose references say how they are held; a line for each: kind, name, holder, held."""
import collections, functools, sys, types, weakref


def tell(kind, name, holder, held):
    print("%s|%s|%x|%x" % (kind, name, id(holder), id(held)), flush=True)


class Thing:
    """What is held."""


class Plain:
    pass


class Slotted:
    __slots__ = ("left", "right", "__weakref__")


class Base:
    pass


class Child(Base):
    pass


class WithMeta(Base, metaclass=type("Meta", (type,), {})):
    kept = Thing()


class Failure(Exception):
    pass


def generator(argument):
    local = Thing()
    yield local
    yield argument


class Ready:
    def __init__(self, it):
        self.it = it

    def __await__(self):
        yield self.it


async def coroutine():
    awaited = Thing()
    await Ready(awaited)


def closure(first, second):
    local = Thing()

    def inner():
        return first, second, local

    return inner


def fails(argument):
    local = Thing()
    raise Failure(argument, local)


def caught(argument):
    try:
        fails(argument)
    except Failure as error:
        return error


def left_frame(cell_variable, plain_argument):
    """A frame that has ended and is kept, with a variable that a function in it uses."""
    frame_local = Thing()
    use = lambda: cell_variable
    return sys._getframe(), frame_local, use


keep = []
REGISTRY = {"some_name": Thing(), 7: [Thing(), Thing()]}


def plant():
    tell("path", "['some_name']", REGISTRY, REGISTRY["some_name"])
    tell("path", "[1]", REGISTRY, REGISTRY[7][1])
    it, thing = Plain(), Thing()
    it.attribute = thing
    tell("attribute", "attribute", it, thing)
    asked, thing = Plain(), Thing()
    asked.attribute = thing
    asked.__dict__
    tell("attribute", "attribute", asked, thing)
    slotted = Slotted()
    slotted.left, slotted.right = Thing(), Thing()
    tell("attribute", "left", slotted, slotted.left)
    tell("attribute", "right", slotted, slotted.right)
    some = [Thing(), Thing()]
    tell("item", "[*]", some, some[1])
    pair = (Thing(), some)
    tell("item", "[*]", pair, pair[0])
    mapping = {"key": Thing(), 5: Thing()}
    tell("value", "[*]", mapping, mapping["key"])
    queue = collections.deque([Thing()])
    tell("item", "[*]", queue, queue[0])
    members = {Thing()}
    tell("set item", "[*]", members, next(iter(members)))
    tell("member", "__base__", Child, Base)
    tell("type", "type", it, Plain)
    tell("class attribute", "__main__.WithMeta.kept", WithMeta, WithMeta.kept)
    reference = weakref.ref(it)
    tell("weak reference", "weak reference", reference, it)
    called = weakref.ref(it, closure(1, 2))
    tell("member", "__callback__", called, called.__callback__)
    function = closure(Thing(), Thing())
    for name, cell in zip(function.__code__.co_freevars, function.__closure__):
        tell("closure variable", name, cell, cell.cell_contents)
    tell("attribute", "__closure__", function, function.__closure__)
    tell("attribute", "__globals__", function, globals())
    function.attribute = Thing()
    tell("attribute", "attribute", function, function.attribute)
    defaults = lambda x=Thing(): x
    tell("attribute", "__defaults__", defaults, defaults.__defaults__)
    bound = it.__class__.__init__.__get__(it)
    tell("attribute", "__self__", bound, it)
    method = types.MethodType(function, it)
    tell("attribute", "__self__", method, it)
    tell("attribute", "__func__", method, function)
    built_in = some.append
    tell("attribute", "__self__", built_in, some)
    partial = functools.partial(function, 1)
    tell("attribute", "func", partial, function)
    shown = property(function)
    tell("attribute", "fget", shown, function)
    decorators = staticmethod(function), classmethod(function)
    tell("attribute", "__func__", decorators[0], function)
    tell("attribute", "__func__", decorators[1], function)
    usual = collections.defaultdict(function)
    tell("attribute", "default_factory", usual, function)
    module = types.ModuleType("made")
    module.kept = Thing()
    tell("module global", "made.kept", module, module.kept)
    proxy = types.MappingProxyType(mapping)
    tell("attribute", "mapping", proxy, mapping)
    error = caught(Thing())
    tell("attribute", "args", error, error.args)
    tell("attribute", "__traceback__", error, error.__traceback__)
    inner = error.__traceback__.tb_next
    tell("attribute", "tb_next", error.__traceback__, inner)
    tell("attribute", "tb_frame", inner, inner.tb_frame)
    tell("local", "local", inner.tb_frame, error.args[1])
    tell("local", "argument", inner.tb_frame, error.args[0])
    argument, enclosed = Thing(), Thing()
    frame, local, use = left_frame(enclosed, argument)
    tell("local", "frame_local", frame, local)
    tell("local", "plain_argument", frame, argument)
    tell("local", "cell_variable", frame, use.__closure__[0])
    tell("closure variable", "cell_variable", use.__closure__[0], enclosed)
    running = generator(argument)
    local = next(running)
    holder = running.gi_frame if sys.version_info < (3, 11) else running
    tell("local", "local", holder, local)
    tell("local", "argument", holder, argument)
    waiting = coroutine()
    awaited = waiting.send(None)
    holder = waiting.cr_frame if sys.version_info < (3, 11) else waiting
    tell("local", "awaited", holder, awaited)
    keep.append((it, asked, slotted, some, pair, mapping, queue, members, reference, called,
                 function, defaults, bound, method, built_in, partial, shown, decorators, usual,
                 module, proxy, error, frame, use, running, waiting, awaited))


plant()
print("ready", flush=True)
sys.stdin.readline()
