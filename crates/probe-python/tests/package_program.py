"""Programs with extension modules: whatever of them can be imported is used, then all is dumped."""
import gc, sys

import dump_references

PROGRAMS = {
    "numpy": """
import numpy
arrays = [numpy.arange(n, dtype='f8').reshape(-1, 1) for n in range(1, 1000)]
views = [a[::2] for a in arrays] + [memoryview(a) for a in arrays[:500]]
scalars = [numpy.float64(n) for n in range(1000)] + [numpy.int32(n) for n in range(1000)]
records = [numpy.zeros(10, dtype=[('a', 'i4'), ('b', 'O')]) for n in range(100)]
for record in records: record['b'] = [[n] for n in range(10)]
mixed = [numpy.array([[n], {'n': n}], dtype=object) for n in range(1000)]
sliced = [numpy.array([[n], {'n': n}, None], dtype=object)[1:] for n in range(300)]
masked = [numpy.ma.array([n, n], mask=[0, 1]) for n in range(100)]
iterators = [numpy.nditer(a) for a in arrays[:100]] + [a.flat for a in arrays[:100]]
broadcasts = [numpy.broadcast(a, a) for a in arrays[:100]]
generators = [numpy.random.default_rng(n) for n in range(100)]
vectorized = [numpy.vectorize(lambda x, n=n: x + n) for n in range(100)]
ufuncs = [numpy.frompyfunc(lambda x, n=n: x, 1, 1) for n in range(100)]
polynomials = [numpy.polynomial.Polynomial([n, 1]) for n in range(100)]
""",
    "pandas": """
import pandas
frame = pandas.DataFrame({'a': range(3000), 'b': [str(n) for n in range(3000)],
    'c': pandas.date_range('2020-01-01', periods=3000, freq='min')})
groups = {key: group for key, group in frame.groupby(frame.a % 50)}
joined = frame.merge(frame, on='a')
rows = [row for _, row in frame.head(300).iterrows()]
stamps = list(frame.c.head(1000))
periods = [pandas.Period('2020-01', freq='M') + n for n in range(300)]
intervals = pandas.interval_range(0, 300)
deltas = [pandas.Timedelta(n, 's') for n in range(300)]
offsets = [pandas.offsets.BDay(n) for n in range(300)]
categories = frame.b.astype('category')
multi = frame.set_index(['a', 'b'])
looked_up = [multi.loc[(n, str(n))] for n in range(100)]
rolling = [frame.a.rolling(n) for n in range(1, 100)]
tables = [frame.head(3).to_dict() for n in range(100)]
""",
    "sqlalchemy": """
import sqlalchemy as sa
engine = sa.create_engine('sqlite://')
metadata = sa.MetaData()
users = sa.Table('users', metadata, sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('name', sa.String))
metadata.create_all(engine)
with engine.begin() as connection:
    connection.execute(users.insert(), [{'name': 'n%d' % n} for n in range(500)])
    found = connection.execute(sa.select(users)).fetchall()
""",
    "lxml": """
from lxml import etree, html, objectify
trees = [etree.fromstring('<a x="%d"><b>t</b><c/>tail</a>' % n) for n in range(300)]
nodes = [list(tree) for tree in trees]
texts = [tree.xpath('//b/text()') for tree in trees]
objects = [objectify.fromstring('<a><b>%d</b></a>' % n).b for n in range(100)]
pages = [html.fromstring('<p class="x">%d<b>x</b></p>' % n) for n in range(100)]
parsers = [etree.XMLParser() for n in range(100)]
paths = [etree.XPath('//b[%d]' % n) for n in range(1, 100)]
""",
    "aiohttp": """
import asyncio, aiohttp.web, multidict, yarl
loop = asyncio.new_event_loop()
async def handler(request): return aiohttp.web.Response(text='x' * 100)
async def serve():
    global runner, session, answers, requests
    requests = []
    @aiohttp.web.middleware
    async def keep(request, handler):
        requests.append(request)
        return await handler(request)
    app = aiohttp.web.Application(middlewares=[keep])
    app.router.add_get('/{name}', handler)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    port = runner.addresses[0][1]
    session = aiohttp.ClientSession()
    answers = []
    for n in range(200):
        answer = await session.get('http://127.0.0.1:%d/p%d?q=%d' % (port, n, n))
        await answer.read()
        answers.append(answer)
loop.run_until_complete(serve())
urls = [yarl.URL('http://host%d/a?b=%d' % (n, n)) for n in range(300)]
dicts = [multidict.CIMultiDict({'a%d' % n: 'x', 'b': [n]}) for n in range(300)]
proxies = [multidict.CIMultiDictProxy(d) for d in dicts]
""",
    "yaml": """
import yaml
documents = [yaml.load('a: [1, {b: %d}]' % n, Loader=getattr(yaml, 'CLoader', yaml.Loader))
    for n in range(100)]
loaders = [getattr(yaml, 'CLoader', yaml.Loader)('a: [1, 2]') for n in range(50)]
""",
    "google.protobuf": """
from google.protobuf import struct_pb2, descriptor_pb2
messages = []
for n in range(300):
    message = struct_pb2.Struct()
    message['list'] = [n, 'x', {'y': n}]
    message['text'] = 'x' * n
    messages.append((message, message['list'], message.fields))
descriptors = [descriptor_pb2.DescriptorProto.DESCRIPTOR.fields_by_name for n in range(100)]
""",
    "PIL": """
from PIL import Image, ImageDraw
images = [Image.new('RGB', (n + 1, 10)) for n in range(200)]
drawings = [ImageDraw.Draw(image) for image in images]
""",
    "pydantic": """
import pydantic
class Model(pydantic.BaseModel):
    number: int
    texts: list[str] = []
    more: 'dict[str, Model] | None' = None
models = [Model(number=n, texts=['x%d' % n], more={'m': {'number': n}}) for n in range(300)]
adapters = [pydantic.TypeAdapter(dict[str, list[int]]) for n in range(20)]
""",
    "hiredis": """
import hiredis
readers = [hiredis.Reader() for n in range(100)]
for reader in readers: reader.feed(b'*2\\r\\n$3\\r\\nfoo\\r\\n')
""",
    "ujson": """
import ujson
values = [ujson.loads('{"a": [1, {"b": %d}]}' % n) for n in range(100)]
""",
}


def uses(name):
    """Whether a package is there and its program runs without an error."""
    try:
        exec(PROGRAMS[name], spaces.setdefault(name, {"__name__": name + " program"}))
        return True
    except Exception as error:
        print("not used: %s: %s" % (name, error), file=sys.stderr)
        return False


spaces = {}
used = [name for name in PROGRAMS if uses(name)]
gc.collect()
gc.disable()
if used:
    dump_references.dump(sys.argv[1])
print(" ".join(used) or "nothing", flush=True)
sys.stdin.readline()
