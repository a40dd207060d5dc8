"""The PostgreSQL server that scripts/with_postgres.sh made for this run: stopped, killed and started again at will."""
import os
import pathlib
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run_beside_postgres():
    """Runs this program again, beside a server that syncs what it commits, unless it already is."""
    if "CADENZA_TEST_POSTGRES" not in os.environ:
        wrapper = str(ROOT / "scripts/with_postgres.sh")
        os.execve(wrapper, [wrapper, *sys.argv], os.environ | {"CADENZA_TEST_DURABLE": "1"})


class Postgres:
    """Trusted is who comes by its socket as the owner; others need a password."""

    def __init__(self):
        self.url = os.environ["CADENZA_TEST_POSTGRES"]
        place = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query))
        self.folder, self.port = pathlib.Path(place["host"]), place["port"]
        # The first line of its lock is the server's id; its program lies beside pg_ctl.
        pid = (self.folder / "data/postmaster.pid").read_text().split()[0]
        self.bin = pathlib.Path(os.readlink(f"/proc/{pid}/exe")).parent
        self.become = []
        if os.geteuid() == 0:
            self.become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env"]

    def login(self, role, password):
        """The URL of another role of the server."""
        return self.url.replace("cadenza@", f"{role}:{password}@", 1)

    def control(self, *words):
        subprocess.run(
            [*self.become, self.bin / "pg_ctl", "-D", self.folder / "data", "-w", *words], check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def start(self):
        self.control("-l", self.folder / "server.log", "start")

    def stop(self, mode):
        self.control("-m", mode, "stop")

    def rows(self, sql):
        """The rows of a query, as lists of text."""
        shown = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", self.url, "-c", sql],
            check=True, capture_output=True, text=True).stdout
        return [line.split("\t") for line in shown.splitlines()]

    def keep(self):
        """Leaves the server running when this program ends."""
        (self.folder / "keep").touch()
