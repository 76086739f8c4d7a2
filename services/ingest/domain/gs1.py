"""GS1 identifiers as EPCIS writes them: what an event happened to, and where (GS1 General Specifications, TDS 2.0).

A parcel is an SSCC or, where the carrier numbers by itself, `urn:buuta:parcel:NUMBER`. Whatever else can be
packed into (a roll cage's GRAI, a bag's own URI) is no parcel, but may hold some.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from buuta.errors import BadItem
from buuta.model.identifiers import normalise_number
from buuta.model.shapes import gs1_check_digit, is_facility

PARCEL: Final = "urn:buuta:parcel:"
FACILITY: Final = "urn:buuta:facility:"
SSCC_URN: Final = re.compile(r"urn:epc:id:sscc:([0-9]{6,12})\.([0-9])([0-9]{4,10})")
SSCC_LINK: Final = re.compile(r"(?i:https?)://[^/]+(?:/[^?#]*)?/(?:00|sscc)/([0-9]{18})/?(?:[?#].*)?")
"""GS1 Digital Link; its first edition also had names for keys in the place of their numbers."""
SGLN_URN: Final = re.compile(r"urn:epc:id:sgln:([0-9]{6,12})\.([0-9]{0,6})\.([!-~]{1,40})")
SGLN_LINK: Final = re.compile(
    r"(?i:https?)://[^/]+(?:/[^?#]*)?/(?:414|gln)/([0-9]{13})(?:/(?:254|glnx)/([^/?#]{1,60}))?/?(?:[?#].*)?"
)
LONGEST: Final = 200


class Thing(NamedTuple):
    """What an event happened to: a name to know it by, and whether it may be a parcel or hold some."""

    name: str
    is_parcel: bool
    may_hold: bool


def thing_of(uri: str) -> Thing:
    """What a URI of an `epcList` names.

    Raises:
        BadItem: an SSCC of a wrong length or check digit, a number that cannot be one, a URI that is too long.
    """
    if uri.startswith(PARCEL):
        return Thing(normalise_number(unquote(uri.removeprefix(PARCEL))), is_parcel=True, may_hold=False)
    sscc = _sscc(uri)
    if sscc is not None:
        return Thing(sscc, is_parcel=True, may_hold=True)
    if len(uri) > LONGEST:
        raise BadItem("epc_invalid", f"an EPC has at most {LONGEST} characters", "epcList")
    return Thing(uri, is_parcel=False, may_hold=True)


def _sscc(uri: str) -> str | None:
    """The 18 digits of an SSCC, None where it is none."""
    if urn := SSCC_URN.fullmatch(uri):
        company, extension, serial = urn.groups()
        if len(company) + len(serial) != 16:
            raise BadItem("epc_invalid", "the parts of an SSCC have 17 digits together", "epcList")
        digits = f"{extension}{company}{serial}"
        return f"{digits}{gs1_check_digit(digits)}"
    if uri.startswith("urn:epc:id:sscc:"):
        raise BadItem("epc_invalid", "an SSCC is urn:epc:id:sscc:COMPANY.SERIAL, of digits", "epcList")
    link = SSCC_LINK.fullmatch(uri)
    if link is None:
        return None
    digits = link.group(1)
    wanted = gs1_check_digit(digits[:17])
    if int(digits[17]) != wanted:
        raise BadItem("epc_invalid", f"the SSCC's check digit is not {wanted}, as it must be", "epcList")
    return digits


def facility_of(uri: str) -> str | None:
    """The facility's code in a location's URI: a GLN with its extension, or a code of the carrier's own."""
    if uri.startswith(FACILITY):
        return _code(unquote(uri.removeprefix(FACILITY)))
    if urn := SGLN_URN.fullmatch(uri):
        company, location, extension = urn.groups()
        if len(company) + len(location) != 12:
            return None
        gln = f"{company}{location}"
        return _code(_with(f"{gln}{gs1_check_digit(gln)}", unquote(extension)))
    if link := SGLN_LINK.fullmatch(uri):
        return _code(_with(link.group(1), unquote(link.group(2) or "0")))
    return None


def _with(gln: str, extension: str) -> str:
    return gln if extension == "0" else f"{gln}/{extension}"


def _code(raw: str) -> str | None:
    return raw if is_facility(raw) else None
