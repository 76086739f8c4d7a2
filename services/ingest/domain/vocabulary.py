"""The words of GS1's Core Business Vocabulary 2.0, and Buuta's own where it has none.

The CBV has no word for out for delivery, for a failed attempt or for delivered, so those are URIs of ours.
`collecting` means collecting for disposal there and is never a parcel's pick-up.
"""

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
