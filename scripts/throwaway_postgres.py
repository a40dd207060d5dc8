"""A PostgreSQL server of one's own that can be stopped, killed and started again: for scripts/chaos."""
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile


class Postgres:
    """Its data is in a temporary folder and synced as a real server's is; trusted is who comes by its socket."""

    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
        binary = found[-1] if found else shutil.which("postgres")
        if not binary:
            raise SystemExit("there is no PostgreSQL server: run make setup")
        self.bin = pathlib.Path(binary).parent
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cadenza-chaos-postgres-"))
        self.become = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self.become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env"]
        self.folder.chmod(0o711)
        self.data = self.folder / "data"
        self.run("initdb", "-D", self.data, "-U", "cadenza", "--auth=trust", "--encoding=UTF8", "--locale=C")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://cadenza@/postgres?host={self.folder}&port={self.port}"
        self.start()

    def run(self, program, *words):
        subprocess.run(
            [*self.become, self.bin / program, *words], check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/")

    def start(self):
        settings = f"-k {self.folder} -p {self.port} -c listen_addresses= -c max_connections=200"
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "server.log", "-w", "-o", settings, "start")

    def stop(self, mode):
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def rows(self, sql):
        """The rows of a query, as lists of text."""
        shown = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p",
             str(self.port), "-U", "cadenza", "postgres", "-c", sql],
            check=True, capture_output=True, text=True).stdout
        return [line.split("\t") for line in shown.splitlines()]

    def remove(self):
        try:
            self.stop("immediate")
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)
