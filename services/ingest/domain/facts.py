"""Facts: money that a carrier reports beside movements. What a payload says of it is a table of the recipe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from buuta.errors import BadItem
from buuta.model.identifiers import event_id, normalise_number
from services.ingest.domain.codes import folded
from services.ingest.domain.fields import as_said, text
from services.ingest.domain.recipe import Receipt, Report, settled, when


class FactKind(StrEnum):
    """What a fact is about."""

    COD_AMOUNT = "cod_amount"
    FEE = "fee"
    COD_SETTLED = "cod_settled"
    RETURN_SETTLED = "return_settled"


@dataclass(frozen=True)
class FactRule:
    """Where `field` has one of `values` (`folded`), the payload says `kind`, with the amount at `amount`."""

    kind: FactKind
    field: str
    values: frozenset[str]
    amount: str


class Fact(NamedTuple):
    """One fact; its id is made of what it says. `amount` is in dong; times are UTC milliseconds."""

    fact_id: bytes
    carrier: str
    number: str
    kind: str
    amount: int | None
    occurred_at: int
    received_at: int


Facts = Callable[[Mapping[str, Any], Receipt], Sequence[Fact]]
"""The facts that a payload says; raises BadItem where it says them wrongly."""


def facts_by(rules: Sequence[FactRule], parse: Callable[[Mapping[str, Any]], Report]) -> Facts:
    """Read facts by rules; `parse` tells of which parcel and when."""

    def read(payload: Mapping[str, Any], receipt: Receipt) -> Sequence[Fact]:
        applying = [rule for rule in rules if _applies(rule, payload)]
        report = parse(payload) if applying else None
        return [] if report is None else [_fact(rule, payload, report, receipt) for rule in applying]

    return read


def _applies(rule: FactRule, payload: Mapping[str, Any]) -> bool:
    said = as_said(payload.get(rule.field))
    return said is not None and folded(said) in rule.values


def _fact(rule: FactRule, payload: Mapping[str, Any], report: Report, receipt: Receipt) -> Fact:
    amount, number = _amount(payload, rule.amount), normalise_number(report.number)
    at = when(settled(report, receipt)).ms
    own = bytes.fromhex(event_id(receipt.carrier, (number, rule.kind.value, str(at), str(amount))))
    return Fact(own, receipt.carrier, number, rule.kind.value, amount, at, receipt.received_at)


def _amount(payload: Mapping[str, Any], name: str) -> int | None:
    value = payload.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    read = text({name: value}, name, "")
    if not read:
        return None
    digits = read.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise BadItem("amount_invalid", f"{name} must be a whole amount in dong", name)
    return int(read)
