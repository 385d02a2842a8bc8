"""Writes what the collector says of every object, for comparison with what is read from outside."""
import gc, sys

HAVE_GC, READY = 1 << 14, 1 << 12
# To ask a type for an attribute would make it ready.
module, qualname, flags = (
    type.__dict__[name].__get__ for name in ("__module__", "__qualname__", "__flags__"))


def running_frames():
    """Frames that run: this one and those of other threads. To dump changes the first."""
    frames = []
    for frame in sys._current_frames().values():
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
    return frames


def everything():
    """What the collector tracks, and what that refers to that could be tracked."""
    objects = gc.get_objects()
    running = {id(frame) for frame in running_frames()}
    objects = new = [it for it in objects if id(it) not in running]
    seen = {id(it) for it in objects} | running
    while new:
        found, new = gc.get_referents(*new), []
        for it in found:
            if id(it) not in seen and flags(type(it)) & HAVE_GC:
                seen.add(id(it))
                new.append(it)
        objects = objects + new
    return objects


def is_ready(kind):
    """Whether a type was made ready: what an interpreter uses without that is no type from outside."""
    return flags(kind) & READY


def dump(path):
    """A line for each object: address, type, and targets; at last how many targets are left out."""
    objects = everything()
    left_out = {}
    with open(path, "w") as file:
        for it in objects:
            kind = type(it)
            if not is_ready(kind):
                continue
            told = gc.get_referents(it)
            for target in told:
                if not is_ready(type(target)):
                    name = qualname(type(target))
                    left_out[name] = left_out.get(name, 0) + 1
            targets = " ".join("%x" % id(target) for target in told if is_ready(type(target)))
            file.write("%x|%s.%s|%s\n" % (
                id(it), module(kind), qualname(kind), targets))
        file.write("left out: %s\n" % left_out)
