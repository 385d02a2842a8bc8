"""Writes what the collector says of every object, for comparison with what is read from outside."""
import gc, sys

HAVE_GC = 1 << 14


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
    seen = {id(it) for it in objects}
    new = objects
    while new:
        found, new = gc.get_referents(*new), []
        for it in found:
            if id(it) not in seen and type(it).__flags__ & HAVE_GC:
                seen.add(id(it))
                new.append(it)
        objects = objects + new
    return objects


def dump(path):
    """A line for each object: address, type, and targets."""
    objects = everything()
    running = {id(frame) for frame in running_frames()}
    module, qualname = type.__dict__["__module__"], type.__dict__["__qualname__"]
    with open(path, "w") as file:
        for it in objects:
            if id(it) not in running:
                kind = type(it)
                targets = " ".join("%x" % id(target) for target in gc.get_referents(it))
                file.write("%x|%s.%s|%s\n" % (
                    id(it), module.__get__(kind), qualname.__get__(kind), targets))
