"""Works with tables and arrays for ever. Nothing leaks."""
import io, sys, threading
import numpy, pandas

def work():
    frame = pandas.DataFrame({"a": numpy.arange(2000), "b": ["text %d" % i for i in range(2000)]})
    frame["c"] = frame["a"] * 2.5
    frame.groupby("b").agg({"c": "sum"}).sort_values("c")
    frame.merge(frame[["a", "c"]], on="a").to_csv(io.StringIO())
    frame.set_index(pandas.date_range("2020-01-01", periods=2000, freq="min")).resample("h").mean(
        numeric_only=True)
    numpy.linalg.svd(numpy.random.rand(50, 50))
    numpy.array([object() for _ in range(100)], dtype=object).copy()

def loop():
    while True:
        work()

work()
threading.Thread(target=loop, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print("done", flush=True)
