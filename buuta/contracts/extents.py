"""How much a datum holds, counted before it is read: what a schema of others allows may have no end.

Valid Avro can say in nine bytes that an array has 2^62 nulls, or nest a record in itself so deeply that the reader,
which is C and has no limit, ends the process. So no shape of a schema is refused, but every datum is held to a
number of values and of levels. Where the schema alone keeps these bounds nothing is counted.
"""

import json
from functools import lru_cache
from typing import Any, Final

import fastavro

from buuta.contracts.schemas import Schema
from buuta.errors import Undecodable

DEEPEST: Final = 64
"""Levels of records, arrays, maps and unions; as many as of JSON."""
MOST_VALUES: Final = 100_000
"""Values of one datum: some 40 ms."""
A_FEW: Final = 1_000
VALUES_A_BYTE: Final = 4
"""Values that take no bytes are few for each that does."""
MOST_CERTAIN: Final = 10_000
"""Values that a schema without arrays and maps may come to."""
SIZES: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}
LONGEST_NUMBER: Final = 10
"""Bytes of 64 bits."""
NAMED: Final = frozenset({"record", "error", "enum", "fixed"})


class _Uncertain(Exception):
    """What a datum holds does not follow from its schema."""


def check_extent(written: Schema, datum: bytes) -> None:
    """Hold a datum to the bounds, by the schema that it was written by.

    Raises:
        Undecodable: it holds too many values, nests too deeply, or ends before its last value.
    """
    kind, named, is_certain = _shape(written.text)
    if not is_certain:
        _Walk(named, datum).value(kind, 0)


@lru_cache(200)
def _shape(text: str) -> tuple[Any, dict[str, Any], bool]:
    """A schema's layout, its named types by their full names, and whether it keeps the bounds by itself."""
    kind = json.loads(fastavro.schema.to_parsing_canonical_form(json.loads(text)))
    named = _named(kind)
    try:
        values, height = _Sizes(named).of(kind)
    except (_Uncertain, RecursionError):
        return kind, named, False
    return kind, named, values <= MOST_CERTAIN and height <= DEEPEST


def _named(kind: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left = [kind]
    while left:
        each = left.pop()
        if isinstance(each, dict) and each["type"] in NAMED:
            found[each["name"]] = each
        left += _within(each)
    return found


def _within(kind: Any) -> list[Any]:
    """The types that a type is made of."""
    if isinstance(kind, list):
        return kind
    if not isinstance(kind, dict):
        return []
    inner = [field["type"] for field in kind.get("fields", ())]
    return inner + [kind[name] for name in ("items", "values") if name in kind]


class _Sizes:
    """The most values of a type, and how deeply they nest; each named type is looked at once."""

    def __init__(self, named: dict[str, Any]) -> None:
        self._named = named
        self._known: dict[str, tuple[int, int] | None] = {}

    def of(self, kind: Any) -> tuple[int, int]:
        """Values and levels.

        Raises:
            _Uncertain: there are arrays, maps, or a type that holds itself.
        """
        name = kind.get("name") if isinstance(kind, dict) else kind
        if not isinstance(name, str) or name not in self._named:
            return self._sum(kind)
        if name not in self._known:
            self._known[name] = None
            self._known[name] = self._sum(self._named[name])
        size = self._known[name]
        if size is None:
            raise _Uncertain
        return size

    def _sum(self, kind: Any) -> tuple[int, int]:
        if isinstance(kind, dict) and kind["type"] in ("array", "map"):
            raise _Uncertain
        inner = [self.of(each) for each in _within(kind)]
        values = [each for each, _ in inner]
        held = max(values, default=0) if isinstance(kind, list) else sum(values)
        return 1 + held, 1 + max((height for _, height in inner), default=0)


class _Walk:
    """Goes through a datum without keeping anything of it."""

    def __init__(self, named: dict[str, Any], datum: bytes) -> None:
        self._named = named
        self._datum = datum
        self._at = 0
        self._most = min(A_FEW + VALUES_A_BYTE * len(datum), MOST_VALUES)
        self._left = self._most

    def value(self, kind: Any, depth: int) -> None:
        """Pass over one value.

        Raises:
            Undecodable: as `check_extent`.
        """
        self._count(1)
        if depth > DEEPEST:
            raise Undecodable(f"it nests deeper than {DEEPEST} levels")
        if isinstance(kind, list):
            self.value(self._branch(kind), depth + 1)
        elif isinstance(kind, dict):
            self._complex(kind, depth)
        elif kind in self._named:
            self._complex(self._named[kind], depth)
        else:
            self._pass(SIZES[kind] if kind in SIZES else self._number_or_length(kind))

    def _branch(self, kinds: list[Any]) -> Any:
        branch = self._number()
        if not 0 <= branch < len(kinds):
            raise Undecodable("a union says a branch that it does not have")
        return kinds[branch]

    def _complex(self, kind: dict[str, Any], depth: int) -> None:
        match kind["type"]:
            case "array":
                self._blocks([kind["items"]], depth)
            case "map":
                self._blocks(["string", kind["values"]], depth)
            case "enum":
                self._number()
            case "fixed":
                self._pass(kind["size"])
            case _:
                for field in kind["fields"]:
                    self.value(field["type"], depth + 1)

    def _blocks(self, kinds: list[Any], depth: int) -> None:
        """Blocks of items up to an empty one; a negative count is followed by the block's bytes (Avro 1.11)."""
        while count := self._number():
            if count < 0:
                count, _ = -count, self._number()
            self._count(count)
            for _ in range(count):
                for kind in kinds:
                    self.value(kind, depth + 1)

    def _number_or_length(self, kind: str) -> int:
        """The bytes that follow a number, which are none, or those of a text after its length."""
        number = self._number()
        return number if kind in ("bytes", "string") else 0

    def _number(self) -> int:
        """A variable-length zig-zag integer of 64 bits."""
        found = 0
        for place, byte in enumerate(self._datum[self._at : self._at + LONGEST_NUMBER]):
            found |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                self._at += place + 1
                return (found >> 1) ^ -(found & 1)
        raise Undecodable("it ends before its last value, or a number has more than 64 bits")

    def _pass(self, size: int) -> None:
        if not 0 <= size <= len(self._datum) - self._at:
            raise Undecodable("it ends before its last value")
        self._at += size

    def _count(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise Undecodable(f"it holds more than {self._most} values in {len(self._datum)} bytes")
