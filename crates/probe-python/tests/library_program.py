"""A server of the standard library under load that has loaded nearly all of it, which then dumps."""
import ast, asyncio, collections, configparser, csv, email, gc, http.client, http.server, importlib
import io, json, logging, os, pkgutil, sqlite3, sys, threading, tokenize, urllib.request
import xml.etree.ElementTree as tree

import dump_references

# These open windows, ask the terminal, write on it or end the program.
NOT_LOADED = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "test", "lib2to3", "__main__",
              "pty", "rlcompleter", "readline", "crypt"}


def load_all():
    folder = os.path.dirname(os.__file__)
    for module in pkgutil.iter_modules([folder]):
        if module.name not in NOT_LOADED and not module.name.startswith("_"):
            try:
                importlib.import_module(module.name)
            except Exception:
                pass
    return folder


class Handler(http.server.BaseHTTPRequestHandler):
    seen = []

    def do_GET(self):
        Handler.seen.append((self.path, dict(self.headers), self.client_address))
        body = json.dumps({"path": self.path, "items": list(range(20))}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        logging.getLogger("server").debug("%s", arguments)


async def talk(reader, writer):
    sessions.append({"peer": writer.get_extra_info("peername"), "lines": [], "writer": writer})
    while True:
        line = await reader.readline()
        if not line:
            break
        sessions[-1]["lines"].append(line)
        writer.write(line.upper())
        await writer.drain()


async def client(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for line in range(5):
        writer.write(b"%d line %d\n" % (number, line))
        answers.append(await reader.readline())
    connections.append((reader, writer))


async def serve():
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*[client(port, number) for number in range(100)])
    tasks.extend(asyncio.ensure_future(asyncio.sleep(3600, [n])) for n in range(50))
    await asyncio.sleep(0)
    return server


sessions, answers, connections, tasks = [], [], [], []

folder = load_all()
trees = [ast.parse(open(os.path.join(folder, name), "rb").read())
         for name in ("argparse.py", "inspect.py", "decimal.py")]
with open(os.path.join(folder, "heapq.py"), "rb") as file:
    tokens = list(tokenize.tokenize(file.readline))
database = sqlite3.connect(":memory:")
database.execute("create table t (a, b)")
database.executemany("insert into t values (?, ?)", [(n, "text %d" % n) for n in range(500)])
rows = database.execute("select * from t").fetchall()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for number in range(50):
    with urllib.request.urlopen("http://127.0.0.1:%d/%d" % (server.server_port, number)) as answer:
        answers.append(json.loads(answer.read().decode()))
server.shutdown()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
listener = loop.run_until_complete(serve())
messages = [email.message_from_string("From: a%d\nTo: b\nSubject: c\n\ntext" % n) for n in range(100)]
documents = [tree.fromstring("<a n='%d'><b>t</b><c/></a>" % n) for n in range(300)]
tables = [list(csv.DictReader(io.StringIO("a,b\n%d,x\n" % n))) for n in range(100)]
settings = configparser.ConfigParser()
settings.read_string("[one]\na = 1\n[two]\nb = 2\n")
counts = collections.Counter(type(node) for one in trees for node in ast.walk(one))
gc.collect()
gc.disable()
dump_references.dump(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
