"""Clients as bad as they come: each breaks off, stalls, floods or lies in a way of its own.

    storm(targets, seconds, clients, seed) lets so many of them loose on the servers for so long and says what each
    kind saw.
"""
import asyncio
import collections
import logging
import random
import socket
import ssl
import struct


class Target:
    """A server: port, key, and the certificate to trust where it speaks TLS."""

    def __init__(self, port, key, certificate=None):
        self.port, self.key = port, key
        self.context = None
        if certificate:
            self.context = ssl.create_default_context(cafile=certificate)
            self.context.check_hostname = False


def reset_on_close(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def connect(target, dice, tls=None, receive_bytes=None):
    link = socket.socket()
    link.setblocking(False)
    if receive_bytes:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    link.bind((f"127.0.0.{dice.randint(2, 250)}", 0))
    try:
        await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", target.port))
    except BaseException:
        link.close()
        raise
    context = target.context if tls is None or tls else None
    return await asyncio.open_connection(
        sock=link, ssl=context, server_hostname="localhost" if context else None, limit=1 << 16)


async def slow_head(target, dice):
    reader, writer = await connect(target, dice)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    for _ in range(dice.randint(1, 60)):
        writer.write(b"x")
        await asyncio.sleep(0.1)
    return reader, writer


async def slow_body(target, dice):
    reader, writer = await connect(target, dice)
    writer.write(
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {target.key}\r\nContent-Length: 9999999\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
    for _ in range(dice.randint(1, 60)):
        writer.write(b"-")
        await asyncio.sleep(0.1)
    return reader, writer


async def cut_upload(target, dice):
    reader, writer = await connect(target, dice)
    writer.write(
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {target.key}\r\nContent-Length: 9999999\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="service"\r\n\r\nseparation\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'.encode())
    for _ in range(dice.randint(1, 30)):
        writer.write(dice.randbytes(16384))
        await writer.drain()
    if dice.random() < 0.5:
        reset_on_close(writer)
    return reader, writer


async def half_close(target, dice):
    reader, writer = await connect(target, dice, tls=False if target.context else None)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" if not target.context else b"\x16\x03\x01")
    writer.write_eof()
    await asyncio.wait_for(reader.read(), 10)
    return reader, writer


async def reset(target, dice):
    reader, writer = await connect(target, dice)
    request = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
    writer.write(request[:dice.randint(0, len(request))])
    await asyncio.sleep(dice.random() * 0.05)
    reset_on_close(writer)
    return reader, writer


async def pipeline(target, dice):
    reader, writer = await connect(target, dice)
    count = dice.randint(1, 60)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * count)
    for _ in range(dice.randint(0, count)):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await asyncio.wait_for(reader.readexactly(length), 10)
    return reader, writer


async def never_read(target, dice):
    reader, writer = await connect(target, dice, receive_bytes=4096)
    writer.transport.pause_reading()
    try:
        for _ in range(200):
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
            await asyncio.wait_for(writer.drain(), 0.5)
    except TimeoutError:
        await asyncio.sleep(dice.random() * 6)
    writer.transport.abort()
    return reader, writer


async def upgrade_garbage(target, dice):
    reader, writer = await connect(target, dice)
    path = dice.choice(["/api/v1/events", "/ws/echo", "/healthz"])
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {target.key}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    writer.write(dice.randbytes(dice.randint(1, 20000)))
    await asyncio.sleep(dice.random())
    return reader, writer


async def tls_garbage(target, dice):
    reader, writer = await connect(target, dice, tls=False)
    kind = dice.randint(0, 3)
    if kind == 0:
        writer.write(b"\x16\x03\x01" + struct.pack(">H", dice.randint(1, 16384)) + dice.randbytes(200))
    elif kind == 1:
        bio_in, bio_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        hello = ssl.create_default_context().wrap_bio(bio_in, bio_out, server_hostname="a")
        try:
            hello.do_handshake()
        except ssl.SSLWantReadError:
            pass
        record = bio_out.read()
        writer.write(record[:dice.randint(1, len(record))])
        await asyncio.sleep(dice.random() * 4)
    elif kind == 2:
        writer.write(dice.randbytes(dice.randint(1, 70000)))
    await asyncio.sleep(dice.random())
    return reader, writer


async def cut_tls(target, dice):
    """The socket ends under the session: no close_notify."""
    reader, writer = await connect(target, dice)
    writer.write(b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nsome")
    await asyncio.sleep(dice.random() * 0.1)
    writer.transport.abort()
    return reader, writer


async def silent(target, dice):
    reader, writer = await connect(target, dice, tls=False)
    await asyncio.sleep(dice.random() * 4)
    return reader, writer


KINDS = [slow_head, slow_body, cut_upload, half_close, reset, pipeline, never_read, upgrade_garbage, tls_garbage,
         cut_tls, silent]


async def one(target, dice, seen):
    kind = dice.choice(KINDS)
    writer = None
    try:
        _, writer = await asyncio.wait_for(kind(target, dice), 20)
        seen[kind.__name__] += 1
    except (OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError, asyncio.TimeoutError, EOFError):
        seen[kind.__name__ + " (cut off)"] += 1
    finally:
        if writer:
            writer.transport.abort()


async def let_loose(targets, seconds, clients, seed):
    seen = collections.Counter()
    loop = asyncio.get_running_loop()
    # Sockets that the server resets under a client are this storm's weather, not news.
    loop.set_exception_handler(lambda _loop, _context: None)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    end = loop.time() + seconds

    async def client(number):
        dice = random.Random(f"{seed}-{number}")
        while loop.time() < end:
            await one(dice.choice(targets), dice, seen)

    running = [asyncio.create_task(client(number)) for number in range(clients)]
    await asyncio.wait(running, timeout=seconds)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return seen


def storm(targets, seconds, clients, seed):
    return asyncio.run(let_loose(targets, seconds, clients, seed))
