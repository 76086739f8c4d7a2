"""The words of GS1's Core Business Vocabulary 2.0, and Buuta's own where it has none.

The CBV has no word for out for delivery, for a failed attempt or for delivered, so those are URIs of ours.
`collecting` means collecting for disposal there and is never a parcel's pick-up.
"""

import re
from collections.abc import Set
from difflib import get_close_matches
from typing import Final

BIZ_STEPS: Final = frozenset(
    {
        "accepting", "arriving", "assembling", "collecting", "commissioning", "consigning",
        "creating_class_instance", "cycle_counting", "decommissioning", "departing", "destroying",
        "disassembling", "dispensing", "encoding", "entering_exiting", "holding", "inspecting", "installing",
        "killing", "loading", "other", "packing", "picking", "receiving", "removing", "repackaging", "repairing",
        "replacing", "reserving", "retail_selling", "sampling", "sensor_reporting", "shipping",
        "staging_outbound", "stock_taking", "stocking", "storing", "transporting", "unloading", "unpacking",
        "void_shipping",
    }
)  # fmt: skip
DISPOSITIONS: Final = frozenset(
    {
        "active", "available", "completeness_inferred", "completeness_verified", "conformant",
        "container_closed", "container_open", "damaged", "destroyed", "dispensed", "disposed", "encoded",
        "expired", "in_progress", "in_transit", "inactive", "mismatch_class", "mismatch_instance",
        "mismatch_quantity", "needs_replacement", "no_pedigree_match", "non_conformant", "non_sellable_other",
        "partially_dispensed", "recalled", "reserved", "retail_sold", "returned", "sellable_accessible",
        "sellable_not_accessible", "stolen", "unavailable", "unknown",
    }
)  # fmt: skip
ERROR_REASONS: Final = frozenset({"did_not_occur", "incorrect_data"})
PARTY_TYPES: Final = frozenset({"owning_party", "possessing_party", "location"})
TRANSACTION_TYPES: Final = frozenset(
    {
        "bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma", "testprd",
        "testres", "upevt",
    }
)  # fmt: skip
OWN_BIZ_STEP: Final = "urn:buuta:bizstep:"
OWN_DISPOSITION: Final = "urn:buuta:disp:"

CBV_URI: Final = re.compile(
    r"(?:urn:epcglobal:cbv:|https?://(?:[a-z0-9-]+\.)?gs1\.org/(?:[a-z0-9]+/)*)"
    r"(?:(?P<kind>bizstep|disp|er|btt|sdt)[-:/])?(?P<word>[a-z_]*)",
    re.IGNORECASE,
)
"""A value of the CBV as a URI: CBV 1.2 has urn:epcglobal:cbv:bizstep:shipping, 2.0 https://ref.gs1.org/cbv/BizStep-shipping."""


class Vocabulary:
    """The words of one field, by the tag that their URIs have."""

    def __init__(self, tag: str, words: Set[str]) -> None:
        self._tag = tag
        self._words = words

    def word(self, value: str) -> str:
        """The bare word of a value of the CBV, however it is written; any other URI as it is, for a person to map.

        Raises:
            ValueError: it is neither; says which word may be meant.
        """
        uri = CBV_URI.fullmatch(value)
        word = value if uri is None else uri["word"]
        if word in self._words and (uri is None or (uri["kind"] or self._tag).lower() == self._tag):
            return word
        if ":" in value:
            return value
        near = get_close_matches(word[:LONGEST_WORD].lower(), sorted(self._words), n=1)
        meant = f"; {near[0]} may be meant" if near else ""
        raise ValueError(f"is no value of the CBV, and no URI of your own{meant}")


LONGEST_WORD: Final = 40
BIZ_STEP: Final = Vocabulary("bizstep", BIZ_STEPS)
DISPOSITION: Final = Vocabulary("disp", DISPOSITIONS)
ERROR_REASON: Final = Vocabulary("er", ERROR_REASONS)
PARTY_TYPE: Final = Vocabulary("sdt", PARTY_TYPES)
TRANSACTION_TYPE: Final = Vocabulary("btt", TRANSACTION_TYPES)
