"""Cases of scripts/prove: memory at rest and of idle connections, and what rough clients leave behind."""
import http.client
import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time

from proving import Server, check, options

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests/Peers"))
import rough_clients  # noqa: E402

REST_BYTES_MAX = 20 * 10**6
IDLE_COUNT = 10_000
IDLE_BYTES_MAX = 8192
STORM_CLIENTS = 150
STORM_LEFT_BYTES_MAX = 4 << 20
# Of the idle and the storm's servers; each has a listening socket.
LOOPS = 2


def prove_rest(server, _):
    for _ in range(20):
        server.ask("GET", "/healthz")
    time.sleep(2)
    check(server.anonymous() <= REST_BYTES_MAX,
          f"at rest the server holds {server.anonymous() / 1e6:.1f} MB of anonymous memory")


def certified(folder):
    """The settings of a server with a certificate that signed itself."""
    names = {"CADENZA_TLS_CERTIFICATE": str(folder / "server.pem"), "CADENZA_TLS_KEY": str(folder / "server.key")}
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2", "-out",
         names["CADENZA_TLS_CERTIFICATE"], "-keyout", names["CADENZA_TLS_KEY"]], check=True, capture_output=True)
    return names


def prove_idle(_server, folder):
    """Kept-alive connections, each with a request behind it, from sixteen addresses."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    limits = {"CADENZA_HTTP_CONNECTIONS_MAX": "20000", "CADENZA_HTTP_IDLE_SECONDS": "600", "CADENZA_WORKERS_SLOTS": "0",
              "CADENZA_HTTP_LOOPS": str(LOOPS)}
    for kind, count, most in (("plain", IDLE_COUNT, IDLE_BYTES_MAX), ("TLS", IDLE_COUNT // 5, None)):
        (folder / kind).mkdir()
        server = Server(options.binary, folder / kind, **limits, **(certified(folder) if kind == "TLS" else {}))
        trusted = ssl.create_default_context(cafile=folder / "server.pem") if kind == "TLS" else None

        def exchange(link):
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            return link.recv(4096).startswith(b"HTTP/1.1 200")

        def join(number):
            link = socket.create_connection(
                (server.url.hostname, server.url.port), timeout=60, source_address=(f"127.0.1.{number % 16 + 1}", 0))
            link = trusted.wrap_socket(link, server_hostname="localhost") if trusted else link
            return exchange(link) and link

        try:
            for number in range(200):
                join(number).close()
            descriptors = server.settle(LOOPS, 5)
            before = server.anonymous()
            links = [join(number) for number in range(count)]
            check(all(links), f"{count} {kind} connections are answered and idle")
            each = (server.anonymous() - before) / count
            check(most is None or each <= most, f"each {kind} connection costs {each:.0f} bytes of user-space memory")
            check(all(exchange(link) for link in links), "and each is answered again")
            for link in links:
                link.close()
            server.check_descriptors(descriptors)
        finally:
            check(server.stop() == 0, "SIGTERM ends the server with status 0")


class Pulse(threading.Thread):
    """Asks for a server's health all the time, each time by a new connection."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.seconds, self.failed, self.ended = server, [], [], threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.05):
            started = time.monotonic()
            try:
                status = self.server.ask("GET", "/healthz")[0]
                if status != 200:
                    self.failed.append(status)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(error)
            self.seconds.append(time.monotonic() - started)

    def stop(self):
        self.ended.set()
        self.join()
        return sorted(self.seconds)


def prove_storm(_server, folder):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    patience = {
        f"CADENZA_HTTP_{name}_SECONDS": "2"
        for name in ("HEADER", "BODY_IDLE", "WRITE_STALL", "RATE_GRACE", "LINGER", "IDLE")
    } | {"CADENZA_TLS_HANDSHAKE_SECONDS": "2", "CADENZA_WORKERS_SLOTS": "0", "CADENZA_LOGGING_LEVEL": "error",
        "CADENZA_HTTP_LOOPS": str(LOOPS)}
    servers = []
    for kind in ("plain", "tls"):
        (folder / kind).mkdir()
        tls = certified(folder) if kind == "tls" else {}
        servers.append(Server(options.binary, folder / kind, **patience, **tls))
    targets = [
        rough_clients.Target(server.url.port, server.key, server.environment.get("CADENZA_TLS_CERTIFICATE"))
        for server in servers
    ]
    try:
        seed = int(time.time())
        print(f"       seed {seed}")
        # The first storm fills caches and pools; what they keep is no leak.
        rough_clients.storm(targets, max(3, options.storm_seconds / 6), STORM_CLIENTS, f"first-{seed}")
        calm = [(server.settle(LOOPS, 10), server.anonymous()) for server in servers]
        pulses = [Pulse(server) for server in servers]
        seen = rough_clients.storm(targets, options.storm_seconds, STORM_CLIENTS, seed)
        print(f"       {sum(seen.values())} rough clients: {', '.join(f'{k} {n}' for k, n in sorted(seen.items()))}")
        for server, pulse, (descriptors, memory) in zip(servers, pulses, calm):
            seconds = pulse.stop()
            check(not pulse.failed and len(seconds) > options.storm_seconds,
                  f"{server.url.scheme}: {len(seconds)} healthy requests were answered meanwhile, half of them within "
                  f"{1000 * seconds[len(seconds) // 2]:.0f} ms, all within {1000 * seconds[-1]:.0f} {pulse.failed[:3]}")
            server.check_descriptors(descriptors)
            growth = server.anonymous() - memory
            check(growth <= STORM_LEFT_BYTES_MAX,
                  f"{server.url.scheme}: memory grew by {growth / 2**20:+.2f} MiB from {memory / 2**20:.1f}")
            check(server.files() == [], f"{server.url.scheme}: no file is left: {server.files()[:3]}")
    finally:
        for server in servers:
            check(server.stop() == 0, "SIGTERM ends the server with status 0")
