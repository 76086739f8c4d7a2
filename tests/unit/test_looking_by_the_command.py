"""`buuta track` finds what the pages find, by whatever somebody pastes, and says why nothing answers."""

import json
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from buuta.causes import because
from buuta.cli import look

PARCEL = {"carrier": "ghn", "number": "Z82BS", "status": "delivered", "timeline": []}
UNKNOWN = {"code": "parcel_unknown", "detail": "no such parcel; check carrier and number"}
PASTED = (
    "ghn/Z82BS", "GHN/z82bs", "Z82BS", " z82bs ", "http://127.0.0.1:8082/t/ghn/Z82BS",
    "https://track.example.vn/t/ghn/Z82BS?lang=vi", "GHN/Z82 BS",
)  # fmt: skip
NOWHERE = ("", "ghn/", "/", "ghn/NOPE99", "NOPE99", "/v1/carriers", "ghn/Z82BS/x/../..")


class Portal:
    """A portal that has one parcel."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(httpx, "get", self.get)

    def get(self, url: str, **_: Any) -> httpx.Response:
        match url.removeprefix("http://portal/v1/").split("/"):
            case ["parcels", "ghn", "Z82BS"]:
                return httpx.Response(200, json=PARCEL)
            case ["numbers", number]:
                return httpx.Response(200, json=["ghn"] if number == "Z82BS" else [])
            case ["parcels", _, _]:
                return httpx.Response(404, json=UNKNOWN)
        return httpx.Response(404, json={"code": "not_found", "detail": "Not Found"})


def track(*arguments: str) -> Any:
    """What the command prints, or the error that it ends with."""
    app = typer.Typer()
    app.command()(look.track)
    return CliRunner().invoke(app, [*arguments, "--portal", "http://portal/"])


@pytest.mark.parametrize("text", PASTED)
def test_a_parcel_is_found_by_what_somebody_pastes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Portal(monkeypatch)
    assert json.loads(track(text, "--json").stdout) == [PARCEL]
    assert track(text).stdout.startswith("ghn Z82BS  delivered")


@pytest.mark.parametrize("text", NOWHERE)
def test_what_is_not_found_is_said_with_what_to_check(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Portal(monkeypatch)
    ended = track(text).exception
    assert str(ended) == f"no carrier has reported {text!r}; check carrier and number"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/", "nothing listens there"),
        ("https://127.0.0.1:1/", "nothing listens there"),
        ("no url", "the address does not begin with http:// or https://"),
    ],
)
def test_why_a_web_address_does_not_answer_is_known(url: str, why: str) -> None:
    with pytest.raises(httpx.HTTPError) as away:
        httpx.get(url)
    assert because(away.value) == why
