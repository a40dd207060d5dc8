"""Runs schemathesis over every route of the real server, then asks its log whether every route was exercised.

    python Tests/Peers/schemathesis/check.py BINARY SCRATCH

Started by scripts/schemathesis.sh. Exit 0: no finding, and each operation was called and has succeeded.
"""
import base64
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse

from openapi_spec_validator import validate

from hooks import tone

HERE = pathlib.Path(__file__).resolve().parent
# Limits are tested elsewhere; here they would only hide what is behind them.
RAISED = {
    "CADENZA_CREDITS_TRIAL": "1000000",
    "CADENZA_LIMITS_JOBS_PER_MINUTE": "1000000",
    "CADENZA_LIMITS_PAYMENTS_PER_MINUTE": "1000000",
    "CADENZA_LIMITS_REQUESTS_PER_MINUTE": "1000000",
    "CADENZA_LIMITS_ANONYMOUS_REQUESTS_PER_MINUTE": "1000000",
    "CADENZA_LOGGING_FORMAT": "json",
    "CADENZA_WORKERS_SLOTS": "2",
    "CADENZA_WORKERS_JOBS_PER_ACCOUNT_MAX": "2",
    "PORT": "0",
}


class Server:
    def __init__(self, binary, scratch):
        self.log = scratch / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--demo"], env=os.environ | RAISED | {"DATA_DIR": str(scratch / "data")},
                stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = self.key = None
        for line in self.process.stdout:
            if line.startswith("URL: "):
                self.url = line.split()[1]
            if line.startswith("API key: "):
                self.key = line.split()[2]
                break
        if not self.key:
            raise SystemExit(f"the server did not start; see {self.log}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def ask(self, method, path, body=None, **headers):
        link = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=60)
        fields = {"Authorization": f"Bearer {self.key}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        link.request(method, path, body=body, headers=fields)
        answer = link.getresponse()
        content = json.loads(answer.read())
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content}")
        return content

    def submit(self):
        form = (b'--b\r\nContent-Disposition: form-data; name="service"\r\n\r\nseparation\r\n'
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="tone.wav"\r\n\r\n'
                + tone(8000) + b"\r\n--b--\r\n")
        return self.ask("POST", "/api/v1/jobs", form, Content_Type="multipart/form-data; boundary=b")["id"]

    def wait(self, job):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            state = self.ask("GET", f"/api/v1/jobs/{job}")
            if state["state"] in ("completed", "failed", "canceled"):
                return state
            time.sleep(0.1)
        raise SystemExit(f"{job} did not end")


def open_web_sockets(server, document):
    """Opens each WebSocket once, which schemathesis cannot."""
    for path, methods in document["paths"].items():
        if "101" not in methods.get("get", {}).get("responses", {}):
            continue
        link = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=60)
        link.request("GET", path, headers={
            "Authorization": f"Bearer {server.key}", "Connection": "Upgrade", "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()})
        status = link.getresponse().status
        link.close()
        if status != 101:
            raise SystemExit(f"{path}: no WebSocket, but {status}")


def with_examples(document, job):
    """The document, with a job that has results wherever one is asked for by its path."""
    known = {"id": job["id"], "name": job["artifacts"][0]["name"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                # Nothing but an ended job is left to cancel under this id: 409 is its answer.
                if parameter["in"] == "path":
                    parameter["example"] = known[parameter["name"]]
    return document


def exercised(document, log):
    """The statuses that each operation has answered with, by the server's own log."""
    patterns = []
    for path, methods in document["paths"].items():
        pattern = re.compile(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(path)))
        patterns += [(pattern, method.upper(), operation) for method, operation in methods.items()]
    seen = {operation["operationId"]: {} for _, _, operation in patterns}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        for pattern, method, operation in patterns:
            if entry.get("method") == method and pattern.fullmatch(entry.get("path", "")):
                statuses = seen[operation["operationId"]]
                statuses[entry["status"]] = statuses.get(entry["status"], 0) + 1
                break
    return seen


def main():
    binary, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
    server = Server(binary, scratch)
    document = server.ask("GET", "/openapi.json")
    validate(document)
    paths = document["paths"]
    print(f"openapi.json is valid OpenAPI {document['openapi']}: {sum(map(len, paths.values()))} operations")
    job = server.wait(server.submit())
    if job["state"] != "completed":
        raise SystemExit(f"the seeded job {job['state']}: {job['error']}")
    open_web_sockets(server, document)
    described = scratch / "openapi.json"
    described.write_text(json.dumps(with_examples(document, job)))

    environment = os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "CADENZA_KEY": server.key}
    tool = pathlib.Path(sys.executable).with_name("schemathesis")
    run = subprocess.run(
        [tool, "--config-file", HERE / "schemathesis.toml", "run", described, "--url", server.url, "--no-color",
         *sys.argv[3:]], cwd=scratch, env=environment, check=False)
    stopped = server.stop()

    failures = [] if run.returncode == 0 else ["schemathesis has findings"]
    if stopped != 0:
        failures.append(f"the server ended with {stopped}")
    for operation, statuses in exercised(document, server.log).items():
        print(f"  {operation:14}", "  ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
        if not any(status < 300 for status in statuses):
            failures.append(f"{operation} has never succeeded")
    for failure in failures:
        print(f"FAIL {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
