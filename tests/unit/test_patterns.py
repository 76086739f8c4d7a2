"""Patterns that check input mean ASCII: a digit is 0 to 9, and the end is the end."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeGuard

import pytest
from pydantic import ValidationError

from buuta.model.identifiers import S10
from buuta.model.shapes import fits
from services.ingest.domain.details import DIGITAL_ADDRESS
from services.ingest.domain.gs1 import SSCC_URN
from services.portal.domain.registration import NewParcel

ROOT: Final = Path(__file__).parents[2]
CLASSES: Final = re.compile(r"\\[dDwWsSbB]")
"""What Unicode widens, unless a flag says otherwise."""
END: Final = re.compile(r"(?<!\\)\$(?:[|)]|\Z)")
SAID: Final = {"ASCII", "UNICODE", "A", "U"}
CALLS: Final = {"compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer"}
NEW: Final = {
    "carrier": "ghn", "number": "Z82BS", "recipient": {"phone": "+84912345678"},
    "destination": {"province": "01", "commune": "00070", "digital_address": "0123456789"},
}  # fmt: skip
WRONG: Final = (
    ("recipient", "phone", "+8491234567٨"), ("recipient", "phone", "+84912345678\n"),
    ("destination", "province", "٣٤"), ("destination", "province", "01\n"),
    ("destination", "commune", "0007०"), ("destination", "commune", "00070\n"),
    ("destination", "digital_address", "012345678９"), ("destination", "digital_address", "0123456789\n"),
)  # fmt: skip


def _is_re(node: ast.AST, names: set[str]) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in names
    )


def _texts(node: ast.AST) -> Iterator[ast.Constant]:
    return (
        each for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )


def _says_which(call: ast.AST) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr in SAID for each in ast.walk(call))


def _docs(tree: ast.AST) -> set[ast.AST]:
    """Strings that stand by themselves: words, and no pattern."""
    return {each.value for each in ast.walk(tree) if isinstance(each, ast.Expr)}


def unsaid(code: str) -> list[int]:
    """Lines whose text has a class that Unicode widens, and that is in no call of `re` that says which it means.

    A text that is built into a pattern elsewhere, and one of pydantic's, which has no such flag, says [0-9].
    """
    tree = ast.parse(code)
    said = {
        text
        for call in ast.walk(tree)
        if _is_re(call, CALLS) and _says_which(call)
        for text in _texts(call)
    }
    texts = (text for text in _texts(tree) if text not in said | _docs(tree))
    return sorted(text.lineno for text in texts if CLASSES.search(str(text.value)))


def loose_ends(code: str) -> list[int]:
    """Lines where `re` is given a `$`, after which a newline may stand; `fullmatch` and \\Z know no such thing."""
    calls = [each for each in ast.walk(ast.parse(code)) if _is_re(each, CALLS)]
    return [call.lineno for call in calls for text in _texts(call) if END.search(str(text.value))]


def _sources() -> list[Path]:
    return [path for folder in ("buuta", "services") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("check", [unsaid, loose_ends])
def test_every_pattern_of_the_code_says_whether_it_means_ascii_and_ends_where_the_text_ends(
    check: Any,
) -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in _sources()
        for line in check(path.read_text(encoding="utf-8"))
    }
    assert not found, "write [0-9], or re.ASCII; re.UNICODE where more than ASCII is to be hidden"


@pytest.mark.parametrize(
    "code",
    [
        r're.compile(r"\d+")', r're.match(r"\w", x, re.IGNORECASE)', r'Field(pattern=r"^\d{10}$")',
        r'UNIT: Final = r"^\d{2,5}$"', r're.compile(rf"{HEAD}\s*", re.I)',
    ],
)  # fmt: skip
def test_the_guard_finds_what_it_is_there_for(code: str) -> None:
    assert unsaid(code) == [1]
    assert unsaid(r're.compile(rf"{HEAD}\d", re.ASCII | re.I)') == unsaid('"""Of \\\\d."""') == []
    assert loose_ends('re.match("[0-9]$", x)') == [1]


@pytest.mark.parametrize(("part", "field", "value"), WRONG)
def test_a_registration_takes_ascii_alone(part: str, field: str, value: str) -> None:
    new: dict[str, Any] = {**NEW, part: {**NEW[part], field: value}}  # type: ignore[dict-item]
    assert NewParcel.model_validate(NEW)
    with pytest.raises(ValidationError) as wrong:
        NewParcel.model_validate(new)
    assert value not in str(wrong.value)


def test_no_digit_of_another_alphabet_is_a_digit_of_a_code() -> None:
    assert not fits("province", "٣٤")
    assert not S10.fullmatch("EE12345678٨VN")
    assert not DIGITAL_ADDRESS.fullmatch("٠" * 10)
    assert not SSCC_URN.fullmatch("urn:epc:id:sscc:٠٠٠٠٠٠.١٢٣٤٥٦٧٨٩٠")
