#!/usr/bin/env python3
"""Drives /ws/echo of `cadenza serve --development` as conformance suites do, over sockets of its own and by a library.

    websocket_peer.py HOST PORT [--bench]

The raw cases need nothing but Python; what the `websockets` package adds is left out, and said so, where it is absent.
Exit 0: every message came back as it should. --bench prints messages/s and MB/s instead.
"""
import argparse
import asyncio
import os
import random
import socket
import struct
import sys
import threading
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
failures = []


def check(held, what):
    if not held:
        failures.append(what)
        print(f"FAIL {what}", flush=True)


def masked(payload, key):
    """By big integers: a loop over bytes would measure Python."""
    if not payload:
        return payload
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(payload), "big")


def frame(opcode, payload=b"", final=True, reserved=0):
    head = bytes([(128 if final else 0) | reserved << 4 | opcode])
    length = len(payload)
    if length < 126:
        head += bytes([128 | length])
    elif length < 65536:
        head += struct.pack(">BH", 128 | 126, length)
    else:
        head += struct.pack(">BQ", 128 | 127, length)
    key = random.randbytes(4)
    return head + key + masked(payload, key)


class Peer:
    def __init__(self, host, port, path="/ws/echo", fields=()):
        self.socket = socket.create_connection((host, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", buffering=1 << 16)
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
            f"{''.join(f'{name}: {value}{chr(13)}{chr(10)}' for name, value in fields)}\r\n".encode())
        status = self.file.readline()
        if b" 101 " not in status:
            raise SystemExit(f"no upgrade: {status!r}; is the server started with --development?")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, data, chop=None):
        if not chop:
            return self.socket.sendall(data)
        for start in range(0, len(data), chop):
            self.socket.sendall(data[start : start + chop])

    def read(self):
        """Opcode and payload; `None` at the end of the connection."""
        try:
            head = self.file.read(2)
        except ConnectionResetError:
            return None
        if len(head) < 2:
            return None
        length = head[1]
        if length == 126:
            length = struct.unpack(">H", self.file.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.file.read(8))[0]
        return head[0] & 15, self.file.read(length)

    def replies(self):
        found = []
        while (reply := self.read()) is not None:
            found.append(reply)
        self.socket.close()
        return found


def closing(code, reason=b""):
    return struct.pack(">H", code) + reason


def conversation(host, port, name, data, expected, chop=None):
    """Expected: opcodes and payloads; of a Close only the code counts."""
    peer = Peer(host, port)
    peer.send(data, chop)
    found = [(o, p[:2] if o == CLOSE else p) for o, p in peer.replies()]
    check(found == expected, f"{name}: {[(o, p[:20]) for o, p in found]}")


def rules(host, port):
    """What the suites call 1 to 7, in short; Tests/WireTests has the long table."""
    bye, done = frame(CLOSE, closing(1000)), (CLOSE, closing(1000))
    broken, bad, run = (CLOSE, closing(1002)), (CLOSE, closing(1007)), lambda *words, **more: conversation(
        host, port, *words, **more)
    for size in (0, 125, 126, 127, 128, 65535, 65536):
        text, binary = b"*" * size, random.randbytes(size)
        run(f"text of {size}", frame(TEXT, text) + bye, [(TEXT, text), done])
        run(f"binary of {size}", frame(BINARY, binary) + bye, [(BINARY, binary), done], chop=997)
    run("pings", frame(PING) + frame(PING, b"x" * 125) + bye, [(PONG, b""), (PONG, b"x" * 125), done])
    run("a ping of 126", frame(PING, b"x" * 126), [broken])
    run("pongs", frame(PONG) + frame(PONG, b"x") + bye, [done])
    for reserved in range(1, 8):
        run(f"reserved {reserved}", frame(TEXT, b"a") + frame(TEXT, b"b", reserved=reserved), [(TEXT, b"a"), broken])
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        run(f"opcode {opcode}", frame(TEXT, b"a") + frame(opcode, b"b") + frame(PING), [(TEXT, b"a"), broken])
    pieces = frame(TEXT, b"frag", False) + frame(PING, b"p") + frame(0, b"ment")
    for chop in (None, 1):
        run("fragments", pieces + bye, [(PONG, b"p"), (TEXT, b"fragment"), done], chop=chop)
    run("a continuation of nothing", frame(0, b"a"), [broken])
    run("a message in a message", frame(TEXT, b"a", False) + frame(TEXT, b"b"), [broken])
    word = "κόσμε-𝄞".encode()
    run("UTF-8, byte by byte", frame(TEXT, word[:1], False)
        + b"".join(frame(0, word[i : i + 1], i == len(word) - 1) for i in range(1, len(word))) + bye,
        [(TEXT, word), done])
    for wrong in (b"\x80", b"\xc0\xaf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"):
        run(f"not UTF-8: {wrong!r}", frame(TEXT, b"ok" + wrong), [bad])
    # The frame is never completed: the server must not wait for the rest.
    run("fail at once", frame(TEXT, word + b"\xf4\x90" + b"a" * 1000)[: 4 + 4 + len(word) + 2], [bad])
    for code in (1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999):
        run(f"code {code}", frame(CLOSE, closing(code, b"why")), [(CLOSE, closing(code))])
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999):
        run(f"no code: {code}", frame(CLOSE, closing(code)), [broken])
    run("an empty Close", frame(CLOSE), [(CLOSE, b"")])
    run("half a code", frame(CLOSE, b"\x03"), [broken])
    run("a reason that is not UTF-8", frame(CLOSE, closing(1000, b"\xce\xba\xff")), [bad])
    run("a Close in a message", frame(TEXT, b"a", False) + bye + frame(0, b"b"), [done])


def masses(host, port):
    """What the suites call 9: long messages, in fragments and in chops, and many in a row."""
    peer = Peer(host, port)

    def round_trip(name, opcode, payload, data, chop=None):
        began = time.monotonic()
        # The server holds back who does not read: a long message is sent beside reading.
        sender = threading.Thread(target=peer.send, args=(data, chop))
        sender.start()
        reply = peer.read()
        sender.join()
        check(reply == (opcode, payload), name)
        check(time.monotonic() - began < 100, f"{name}: too slow")

    for size in (64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20):
        text, binary = b"*" * size, random.randbytes(size)
        round_trip(f"text of {size}", TEXT, text, frame(TEXT, text))
        round_trip(f"binary of {size}", BINARY, binary, frame(BINARY, binary))
    payload = random.randbytes(4 << 20)
    for size in (64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20):
        frames = [
            frame(BINARY if at == 0 else 0, payload[at : at + size], at + size >= len(payload))
            for at in range(0, len(payload), size)]
        round_trip(f"fragments of {size}", BINARY, payload, b"".join(frames))
    text = b"*" * (1 << 20)
    for chop in (64, 256, 1024):
        round_trip(f"chops of {chop}", TEXT, text, frame(TEXT, text), chop)
    for size in (0, 16, 64, 256, 1024, 4096):
        for _ in range(1000):
            peer.send(frame(BINARY, payload[:size]))
            if peer.read() != (BINARY, payload[:size]):
                check(False, f"1000 messages of {size}")
                break
    peer.send(frame(CLOSE, closing(1000)))
    check(peer.read() == (CLOSE, closing(1000)), "the Close after it all")


async def library(url):
    from websockets.asyncio.client import connect

    for compression in (None, "deflate"):
        async with connect(url, compression=compression, max_size=None, ping_interval=None) as socket:
            agreed = [extension.name for extension in socket.protocol.extensions]
            check(agreed == (["permessage-deflate"] if compression else []), f"agreed on {agreed}")
            for size in (0, 1, 125, 126, 127, 128, 1000, 65535, 65536, 1 << 20, 16 << 20):
                for payload in ("é" * (size // 2), random.randbytes(size), b"abc" * (size // 3)):
                    await socket.send(payload)
                    check(await socket.recv() == payload, f"{compression}: {type(payload).__name__} of {size}")
            parts = ["many ", "parts ", "of one ", "text" * 1000]
            await socket.send(parts)
            check(await socket.recv() == "".join(parts), f"{compression}: fragments")
            await asyncio.wait_for(await socket.ping(), 10)
            await asyncio.gather(*(socket.send(f"message {number}") for number in range(1000)))
            answers = [await socket.recv() for _ in range(1000)]
            check(answers == [f"message {number}" for number in range(1000)], f"{compression}: 1000 in a row")
        check(socket.close_code == 1000, f"closed by {socket.close_code}")


def bench(host, port):
    """Messages in flight are bounded by what is written at one time: a batch, then its echoes."""
    for size, batch, rounds in ((16, 1, 20000), (16, 256, 800), (1024, 64, 1000), (1 << 20, 4, 100)):
        peer = Peer(host, port)
        data = frame(BINARY, random.randbytes(size)) * batch
        head = 2 if size < 126 else 4 if size < 65536 else 10
        left = (head + size) * batch
        began = time.monotonic()
        buffer = bytearray(1 << 20)
        for _ in range(rounds):
            sender = threading.Thread(target=peer.socket.sendall, args=(data,)) if len(data) > 1 << 17 else None
            sender.start() if sender else peer.socket.sendall(data)
            missing = left
            while missing > 0:
                missing -= peer.socket.recv_into(buffer, min(missing, len(buffer)))
            if sender:
                sender.join()
        seconds = time.monotonic() - began
        count = batch * rounds
        print(f"{size:>8} bytes, {batch:>3} at a time: {count / seconds:>9,.0f} messages/s"
              f" {count * size / seconds / 1e6:>8,.1f} MB/s each way", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("host")
    arguments.add_argument("port", type=int)
    arguments.add_argument("--bench", action="store_true")
    options = arguments.parse_args()
    if options.bench:
        return bench(options.host, options.port)
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    random.seed(seed)
    rules(options.host, options.port)
    masses(options.host, options.port)
    try:
        import websockets  # noqa: F401
    except ImportError:
        print("the websockets package is absent: its part is left out")
    else:
        asyncio.run(library(f"ws://{options.host}:{options.port}/ws/echo"))
    print("held" if not failures else f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
