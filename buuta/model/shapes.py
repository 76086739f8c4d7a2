"""What goes on as it is (into Kafka, onto the public page), and so must be a code and nothing that somebody typed.

The rules and what they let through all the same are in docs/decisions/0072.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from buuta.model.issued import is_issued
from buuta.model.persons import LETTERS, has_name, is_name, is_person, is_word

PLAIN_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]{2,49}")
"""No `/`: a number is a segment of its page's address, and no carrier that we know has one (decision 0052)."""
SHORT_LENGTH: Final = 8
SHORT: Final = re.compile(f"[A-Z0-9]{{3,{SHORT_LENGTH}}}")
"""GHN's numbers have 5 or 8 letters and digits, and may happen to have no digit."""
PART: Final = "_PR"
"""Behind a number of GHN's it is that of the part which goes back."""
SERIAL: Final = re.compile(
    "[B-DF-HJ-NP-TV-XZ0-9]{3,8}|(?!0|84)[0-9]{3,50}|[A-Z]{1,3}(?!0084|84)[0-9]{12,30}[A-Z]?"
)
"""In which nothing else can be read: short and without a vowel, or digits in a row that are no telephone number."""
LEAST_DIGITS: Final = 5
"""Of a longer number."""
PLAIN_FACILITY: Final = re.compile(
    r"(?=[^0-9]*+[0-9])[A-Z0-9][A-Z0-9_./-]{0,39}|[A-Z]{2,6}|[A-Z]{2,4}[_-][A-Z]{2,4}"
)
"""With a digit, or as IATA, UN/LOCODE and UPU's IMPC write places, or two words of at most 4."""
GLN: Final = re.compile(r"([0-9]{13})(?:/([A-Za-z0-9_.-]{1,26}))?")
"""GS1's number of a place, with its extension."""
PAPER: Final = re.compile(r"(?=[^0-9]*+[0-9])[A-Za-z0-9_./-]{1,60}|[A-Z]{1,8}")
WORD: Final = re.compile("[A-Z][a-z]+")
"""A word as names are written."""
CITIES: Final = frozenset({"HANOI", "DANANG", "SAIGON", "CANTHO", "DALAT"})
"""Words that codes of places are made of, and no person is called."""
LONG_RUN: Final = re.compile("[0-9]{9}")
"""So many digits in a row are no code of a place: identity cards have 9 or 12, telephones without their 0 nine."""
WORD_LETTERS: Final = 5
UNITS: Final = {"province": re.compile("[0-9]{2,5}"), "commune": re.compile("[0-9]{2,5}")}
WANTED: Final = {
    "number": "3 to 50 letters, digits or . _ -, more digits than letters where it has more than 8, "
    "and be no telephone number, name or e-mail",
    "facility": "a code such as BC-00070, HCM-SOC or VNHANA: at most 40 letters, digits or . _ / -, of capitals or "
    "of small letters, at most 9 letters and 8 digits in a row, and no telephone number, name, word or address",
    "manifest": "at most 60 letters, digits or . _ / -, a digit or at most 8 capitals, at most 8 letters in a row, "
    "and no name and no telephone number",
    "province": "a code of 2 to 5 digits",
    "commune": "a code of 2 to 5 digits",
}
"""The same in words."""


class Bounds(NamedTuple):
    """How many letters a code may have together and in a row, and in how many places."""

    letters: int
    in_a_row: int
    places: int

    def hold(self, runs: list[str]) -> bool:
        """Whether the letters of a code keep within them."""
        lengths = [len(run) for run in runs]
        return (
            len(lengths) <= self.places
            and sum(lengths) <= self.letters
            and max(lengths, default=0) <= self.in_a_row
        )


OF_NUMBERS: Final = Bounds(letters=12, in_a_row=5, places=5)
OF_PAPERS: Final = Bounds(letters=10, in_a_row=8, places=8)
OF_PLACES: Final = Bounds(letters=9, in_a_row=6, places=4)


@lru_cache(maxsize=8_192)
def is_number(number: str) -> bool:
    """Whether it is a normalised number; remembered, since a number is asked for at several places of its way."""
    if SERIAL.fullmatch(number) or is_issued(number):
        return True
    whole = number.removesuffix(PART)
    if SHORT.fullmatch(whole):
        return not (has_name(whole) or is_name(whole))
    if not PLAIN_NUMBER.fullmatch(number) or is_person(number):
        return False
    runs, digits = LETTERS.findall(number), _digits(number)
    least = 1 if len(number) <= SHORT_LENGTH else max(LEAST_DIGITS, sum(map(len, runs)))
    return digits >= least and OF_NUMBERS.hold(runs)


@lru_cache(maxsize=8_192)
def is_facility(code: str) -> bool:
    """Whether it is a code of a place, also of one in the directory: nobody reads its lines either."""
    gln = GLN.fullmatch(code)
    if gln is not None and gs1_check_digit(gln[1][:-1]) == int(gln[1][-1]):
        code = gln[2] or "0"
    is_one_case = code.upper() == code or (code.lower() == code and not code.isalpha())
    return code.isascii() and is_one_case and _is_place(code.upper())


def is_paper(code: str) -> bool:
    """Whether it is the id of a list: of a manifest, as the carrier names it."""
    return (
        PAPER.fullmatch(code) is not None
        and len(WORD.findall(code)) < 2
        and OF_PAPERS.hold(LETTERS.findall(code.upper()))
        and not is_person(code.upper())
    )


def fits(field: str, value: str) -> bool:
    """Whether a facility, a province or a commune is a code."""
    return is_facility(value) if field == "facility" else UNITS[field].fullmatch(value) is not None


def gs1_check_digit(digits: str) -> int:
    """The check digit of GS1 keys: weights 3, 1, 3 ... from the right, and what is missing to the next ten."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def _is_place(code: str) -> bool:
    runs = LETTERS.findall(code)
    return (
        PLAIN_FACILITY.fullmatch(code) is not None
        and LONG_RUN.search(code) is None
        and OF_PLACES.hold(runs)
        and not is_person(code)
        and not (_digits(code) and any(_is_typed(run) for run in runs))
    )


def _is_typed(run: str) -> bool:
    return len(run) >= WORD_LETTERS and run not in CITIES and is_word(run)


def _digits(code: str) -> int:
    return sum(map(str.isdigit, code))
