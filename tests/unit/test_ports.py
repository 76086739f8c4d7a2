"""Ports of parts that run here: who is started again finds its own free."""

import socket
from pathlib import Path

import pytest

from buuta.embedded.processes import PORTS, free_port

LENT: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not LENT.exists(), reason="only Linux says which ports it lends")
def test_no_port_is_one_that_the_system_lends_to_clients() -> None:
    assert max(PORTS) < int(LENT.read_text().split()[0])


def test_a_port_is_free_and_is_not_named_twice() -> None:
    ports = [free_port() for _ in range(300)]
    assert len(set(ports)) == 300
    assert set(ports) <= set(PORTS)


def test_a_port_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first, second = taken.getsockname()[1], free_port()
        monkeypatch.setattr("buuta.embedded.processes._CANDIDATES", iter([first, second]))
        assert free_port() == second
