"""What every case of scripts/prove needs: a server of its own, and a way to say what held."""
import argparse
import http.client
import io
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse

failures = []
# What the command line says; set before any case runs.
options = argparse.Namespace()
# Of the database's descriptors some are opened when they are first needed.
DESCRIPTORS_KEPT_MAX = 4


def check(held, what):
    print(f"  {'ok  ' if held else 'FAIL'} {what}", flush=True)
    if not held:
        failures.append(what)


def tree_memory(pid):
    """Resident bytes of a process and its descendants."""
    total = 0
    try:
        with open(f"/proc/{pid}/statm") as statm:
            total += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as children:
                total += sum(tree_memory(int(child)) for child in children.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def surroundings(data, environment):
    """What a program of ours finds around it: of this machine, but none of its servers' or tests' settings."""
    clean = {k: v for k, v in os.environ.items()
             if k not in ("PORT", "DATA_DIR") and not k.startswith("CADENZA_TEST_")}
    return clean | {"DATA_DIR": str(data), "PORT": "0"} | environment


class Server:
    def __init__(self, binary, data, flags=(), before=(), **environment):
        self.binary, self.data, self.flags, self.environment = binary, data, flags, environment
        self.before = before
        self.peak = 0
        self.start()

    def env(self):
        return surroundings(self.data, self.environment)

    def start(self):
        self.log = open(self.data.parent / f"{self.data.name}.log", "ab")
        self.process = subprocess.Popen(
            [*self.before, self.binary, "serve", "--demo", *self.flags], env=self.env(), stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        self.url = self.key = None
        for line in self.process.stdout:
            if line.startswith("URL: "):
                self.url = urllib.parse.urlsplit(line.split()[1])
            if line.startswith("API key: "):
                self.key = line.split()[2]
            if self.url and self.key:
                break
        if not self.key:
            raise SystemExit(f"the server did not start; see {self.log.name}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        threading.Thread(target=self.watch, args=(self.process,), daemon=True).start()

    def watch(self, process):
        while process.poll() is None:
            self.peak = max(self.peak, tree_memory(process.pid))
            time.sleep(0.05)

    def anonymous(self):
        """Bytes of memory that the process has written to, of its own: RssAnon."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

    def descriptors(self):
        """How many sockets are open, and how many other descriptors."""
        sockets = others = 0
        for descriptor in os.scandir(f"/proc/{self.process.pid}/fd"):
            try:
                is_socket = os.readlink(descriptor.path).startswith("socket:")
            except FileNotFoundError:
                continue
            sockets, others = sockets + is_socket, others + (not is_socket)
        return sockets, others

    def settle(self, sockets, seconds):
        """Waits until no more sockets are open than that, or the time is over."""
        deadline = time.monotonic() + seconds
        while self.descriptors()[0] > sockets and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.descriptors()

    def check_descriptors(self, before):
        left = self.settle(before[0], 20)
        held = left[0] <= before[0] and left[1] <= before[1] + DESCRIPTORS_KEPT_MAX
        check(held, f"{self.url.scheme}: {left[0]} sockets and {left[1]} other descriptors are open, "
                    f"{before[0]} and {before[1]} were before")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def command(self, *words):
        return subprocess.run([self.binary, *words], env=self.env(), capture_output=True, text=True, timeout=120)

    def connection(self, timeout=120):
        if self.url.scheme == "https":
            trusted = ssl.create_default_context(cafile=self.environment["CADENZA_TLS_CERTIFICATE"])
            return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=timeout, context=trusted)
        return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=timeout)

    def ask(self, method, path, body=None, key=None, headers=None, timeout=120):
        """Status and answer; JSON is parsed."""
        link = self.connection(timeout)
        headers = {"Authorization": f"Bearer {key or self.key}"} | (headers or {})
        try:
            link.request(method, path, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before the body was read: the answer is there all the same.
        answer = link.getresponse()
        content = answer.read()
        link.close()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(content) if is_json else content

    def submit(self, file, name=None, key=None, headers=None, timeout=120, **fields):
        fields = {"service": "separation"} | fields
        body, boundary = io.BytesIO(), "prove-boundary"
        for field, value in fields.items():
            body.write(f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode())
        name = name or pathlib.Path(file).name
        body.write(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode())
        body.write(pathlib.Path(file).read_bytes())
        body.write(f"\r\n--{boundary}--\r\n".encode())
        return self.ask(
            "POST", "/api/v1/jobs", body.getvalue(), key,
            {"Content-Type": f"multipart/form-data; boundary={boundary}"} | (headers or {}), timeout)

    def job(self, job):
        return self.ask("GET", f"/api/v1/jobs/{job}")[1]

    def wait(self, job, until=lambda job: job["state"] in ("completed", "failed", "canceled"), seconds=1800):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.job(job)
            if until(state):
                return state
            time.sleep(0.1)
        raise SystemExit(f"{job} did not come to an end: {state}")

    def credits(self):
        answer = self.ask("GET", "/api/credits")[1]
        return answer["credits"], answer["held"], answer["usage"]

    def check_books(self, credits):
        available, held, _ = self.credits()
        check((available, held) == (credits, 0), f"{credits} credits available, none held (have {available}, {held})")
        verified = self.command("ledger", "verify")
        check(verified.returncode == 0, f"ledger verify is clean: {verified.stdout.strip()} {verified.stderr.strip()}")

    def files(self):
        """Files of uploads and results, and what was left half-made."""
        kept = ("cadenza.sqlite", "demo-api-key", "owner", "gate")
        return sorted(
            str(file.relative_to(self.data)) for file in self.data.rglob("*")
            if file.is_file() and not file.name.startswith(kept) and not file.name.endswith(".lock"))
