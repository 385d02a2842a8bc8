"""A small service that leaks: it remembers every session and forgets none.

Each request opens a session in the registry of the service, works on it and answers. Nobody
closes the session, so it stays in the registry for ever: about 1 MiB per second.
`--fixed` closes it, and everything else is the same.

    python server.py [--rate MIB_PER_S] [--per-s REQUESTS] [--fixed]
    LEAKY_RATE=0.5 LEAKY_FIXED=1 python server.py

Standard library only, Python 3.6 and up. Runs until SIGTERM or SIGINT.
"""

import hashlib
import json

from common import MIB, arguments, serve


class Event:
    """Something that happened in a session."""

    def __init__(self, name, detail):
        self.name = name
        self.detail = detail


class Session:
    """What the service knows about one visit."""

    def __init__(self, user, size):
        self.user = user
        self.cart = {}
        self.history = []
        self.page = bytearray(size)

    def note(self, name, detail):
        """Adds to the history."""
        self.history.append(Event(name, detail))


class SessionRegistry:
    """All sessions that are open."""

    def __init__(self):
        self.sessions = {}

    def open(self, key, session):
        """Makes a session known."""
        self.sessions[key] = session

    def close(self, key):
        """Forgets a session."""
        del self.sessions[key]


REGISTRY = SessionRegistry()


class Service:
    """Handles requests."""

    # What a session takes besides its page: objects, dictionaries, texts.
    SESSION_OVERHEAD = 1536

    def __init__(self, bytes_per_request, fixed):
        self.page_size = max(0, int(bytes_per_request) - self.SESSION_OVERHEAD)
        self.fixed = fixed

    def handle(self, number):
        """One request: session, work, answer."""
        key = hashlib.sha256(b"session %d" % number).hexdigest()
        session = Session("user-%d" % (number % 1000), self.page_size)
        REGISTRY.open(key, session)
        for step in ("login", "browse", "add", "pay"):
            session.note(step, "%s of request %d" % (step, number))
            session.cart[step] = number
        answer = self.render(session)
        if self.fixed:
            REGISTRY.close(key)
        return answer

    @staticmethod
    def render(session):
        """The answer as text. Makes a good deal of short-lived memory, as real services do."""
        events = [{"name": e.name, "detail": e.detail} for e in session.history]
        return json.dumps({"user": session.user, "events": events, "noise": list(range(2000))})


def main():
    """Runs the service."""
    options = arguments(__doc__.splitlines()[0], per_s=50)
    service = Service(options.rate * MIB / options.per_s, options.fixed)
    serve(service.handle, options.per_s)


if __name__ == "__main__":
    main()
