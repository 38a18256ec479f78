"""Many L2s at once in one thread, none of which ever delivers what it announces."""

import asyncio
import json
import threading

from . import over_tls
from .process import PATIENCE

REGISTERS_AT_ONCE = 50
DRIP_SECONDS = 0.5


async def connect(port, source):
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0),
                                         ssl=over_tls.context_of(port))


async def says_nothing(_port, _source, _order):
    """Is silent."""


async def lacks_it(port, source, order):
    """Says not-found at once."""
    await post(port, source, order, "Daphnis-Not-Found: root\r\nContent-Length: 0\r\n")


async def drips(port, source, order):
    """Sends what is no block yet, byte by byte."""
    await post(port, source, order, "Transfer-Encoding: chunked\r\n", drip=True)


async def lies(port, source, order):
    """Sends what is no CAR."""
    await post(port, source, order, "Content-Length: 21\r\n", b"this is no CAR at all")


async def post(port, source, order, fields, body=b"", drip=False):
    reader, writer = await connect(port, source)
    try:
        writer.write((f"POST /data/{order['root']}?requestId={order['requestId']} HTTP/1.1\r\n"
                      f"Host: localhost\r\n{fields}\r\n").encode() + body)
        while drip:
            writer.write(b"1\r\n\x3a\r\n")
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)
        await reader.read(4096)
    except OSError:
        pass
    finally:
        writer.close()


class Swarm:
    """`count` v2 L2s from `addresses` loopback addresses, each of which announces all `roots` and
    does with each order as `does` says."""

    def __init__(self, port, count, addresses, does, roots):
        self.port, self._does = port, does
        self._announcement = (json.dumps({"add": roots}) + "\n").encode()
        self.orders, self.faults = 0, []
        self._tasks, self._writers = set(), []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        sources = [f"127.0.{100 + n // 250}.{1 + n % 250}" for n in range(addresses)]
        self._run(self._register_all([(f"sybil-{n}", sources[n % addresses]) for n in range(count)]))

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120 * PATIENCE)

    async def _register_all(self, members):
        for at in range(0, len(members), REGISTERS_AT_ONCE):
            await asyncio.gather(*[self._register(*one)
                                   for one in members[at:at + REGISTERS_AT_ONCE]])

    async def _register(self, name, source):
        reader, writer = await connect(self.port, source)
        self._writers.append(writer)
        writer.write(f"GET /register/{name}?v=2&capacity=64 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     .encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            self.faults.append(head)
            return
        body = self._announcement
        sender, post_writer = await connect(self.port, source)
        post_writer.write(f"POST /holdings/{name} HTTP/1.1\r\nHost: localhost\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await sender.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer:
            self.faults.append(answer)
        post_writer.close()
        self._start(self._listen(reader, source))

    def _start(self, coroutine):
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, reader, source):
        rest = b""
        try:
            while size := int(await reader.readline(), 16):
                data = await reader.readexactly(size + 2)
                *lines, rest = (rest + data[:-2]).split(b"\n")
                for line in lines:
                    said = json.loads(line) if line.strip() else {}
                    if "requestId" in said:
                        self.orders += 1
                        self._start(self._does(self.port, source, said))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass

    async def _end(self):
        for writer in self._writers:
            writer.close()
        for task in list(self._tasks):
            task.cancel()

    def close(self):
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
