"""A server and ten clients that ask it for ever. Nothing leaks."""
import asyncio, json, os, sys, threading

async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        request = json.loads(line.decode())
        answer = {"id": request["id"], "rows": [[i, "x" * 600] for i in range(request["rows"])]}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    writer.close()

async def ask(port):
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for number in range(20):
            writer.write(json.dumps({"id": number, "rows": 20}).encode() + b"\n")
            await asyncio.wait_for(reader.readline(), 60)
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients = [asyncio.ensure_future(ask(port)) for _ in range(10)]
    await asyncio.sleep(0.1)
    threading.Thread(target=talk, daemon=True).start()
    await asyncio.gather(*clients)

def talk():
    print("ready", flush=True)
    for line in sys.stdin:
        print("done", flush=True)
    # Nobody is there any more to end it.
    os._exit(0)

asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main())
