"""What reads as a person in a code: a telephone, a name, a birthday, an e-mail or the address of a house.

A code is judged as people would read it: across separators and letters, in upper case (docs/decisions/0072).
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

_M: Final = "[^0-9]*+"
"""Whatever stands between two digits of a telephone number."""


def _digits(least: int, most: int | None = None) -> str:
    """So many more digits, with anything between them."""
    return rf"(?:{_M}[0-9]){{{least},{most or least}}}"


def _alone(pattern: str) -> str:
    """The pattern from where digits begin to where they end."""
    return rf"(?<![0-9])(?:{pattern})(?![0-9])"


_TRUNK: Final = rf"(?:(?:0{_M}0{_M})?8{_M}4{_M}(?:0{_M})?|0{_M})"
TELEPHONE: Final = re.compile(
    _alone(rf"{_TRUNK}(?:[35789]{_digits(8)}|2{_digits(9)})")
    + r"|(?=(?:[0-9][^0-9A-Z]*+){9}(?![0-9]))"
    + _alone("[35789][0-9]{1,2}(?:[^0-9A-Z]++[0-9]{2,4}){2}|[0-9]{3}(?:[^0-9A-Z]++[0-9]{3}){2}")
)
"""Vietnam's numbering plan: mobile numbers have nine digits and begin with 3, 5, 7, 8 or 9, those of houses ten and
begin with 2, both after `0`, `84`, `+84` or `0084`; without these only in three groups, as people write them. Nine
digits by threes are an old identity card."""
DIGITS_ALONE: Final = re.compile(
    _alone(rf"0{_digits(9, 10)}|0{_M}0{_M}[1-9]{_digits(7, 12)}|0{_digits(2)}{_M}[0-3]{_digits(8)}")
)
"""Where no letter stands beside them: 10 or 11 digits that begin with 0, as telephones at home and abroad do, those
of other countries after `00`, and the 12 digits of an identity card: province from 001 on, then sex and century
from 0 to 3 for those born before 2100."""
SERIAL_DIGITS: Final = 18
"""So many digits without a letter are a number, however they are grouped: SSCC, USPS."""
DATE: Final = re.compile(
    r"(?<![0-9])20[2-9][0-9][._/-](?:0[1-9]|1[0-2])[._/-](?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
"""A day of our time, which is no part of a telephone number."""

_DAY, _MONTH, _YEAR = (
    "(?:0[1-9]|[12][0-9]|3[01])",
    "(?:0[1-9]|1[0-2])",
    "(?:19[3-9][0-9]|200[0-9]|201[0-5])",
)
BORN: Final = re.compile(_alone(rf"{_YEAR}|{_DAY}{_MONTH}{_YEAR}|{_YEAR}{_MONTH}{_DAY}"))
"""A year in which a person may have been born, alone or with the day."""

FAMILY: Final = (
    "AU BACH BANH BE BUI CAO CHAU CHU CU DAM DANG DAO DIEP DIEU DINH DO DOAN DUONG GIANG GIAP HA HO HOANG HUA "
    "HUYNH KHUC KHUONG KIEU LA LAM LE LO LUONG LUU LY MAC MAI NGHIEM NGO NGUYEN NONG PHAM PHAN PHI PHUNG QUACH "
    "TA TANG THACH THAI TIEU TO TONG TRAN TRIEU TRINH TRUONG TU UNG VANG VI VO VU VUONG"
)
GIVEN: Final = (
    "AN ANH BAO BICH BINH CAM CANH CHANH CHI CHIEN CHINH CONG CUC CUONG DAI DAN DANH DAT DIEM DONG DUC DUNG "
    "DUY DUYEN GIA GIAO GIAU HAI HAN HANG HANH HAO HAU HIEN HIEP HIEU HOA HOAI HOAN HOAT HOC HOI HONG HOP HUAN "
    "HUE HUNG HUONG HUU HUY HUYEN KHA KHAC KHAI KHANG KHANH KHIEM KHOA KHOAN KHOI KHUE KHUYEN KIEN KIET KIM KY "
    "LAI LAN LANH LICH LIEM LIEN LIEU LINH LOAN LOC LOI LONG LUAN LUC LUYEN MAN MANH MAU MEN MIEN MINH MUI "
    "MUOI MY NAM NAN NGA NGAN NGHI NGHIA NGHIEP NGOAN NGOC NGUYET NHA NHAM NHAN NHAT NHI NHIEM NHIEN NHO NHU "
    "NHUAN NHUNG NINH NUONG OAI OANH PHAT PHIEN PHO PHONG PHU PHUC PHUOC PHUONG PHUOT QUAN QUANG QUE QUI QUOC "
    "QUY QUYEN QUYET QUYNH SAM SANG SAU SEN SINH SON SUONG SUU SY TAC TAI TAM TAN TAO THAC THAM THAN THANG "
    "THANH THAO THAP THAT THE THI THIEN THIEU THINH THO THOA THOAI THOI THOM THONG THU THUAN THUC THUONG THUY "
    "THUYEN THUYET TICH TIEN TIEP TIN TINH TOAI TOAN TON TOT TRA TRAC TRAM TRANG TRI TRIEN TRONG TRU TRUC "
    "TRUNG TRUYEN TUAN TUE TUNG TUOI TUONG TUU TUYEN TUYET UYEN VAN VIEN VIET VINH VONG VUI VY XUAN XUYEN Y "
    "YEN YNHI"
)


def _tree(words: Collection[str]) -> str:
    """A pattern of the words that looks at each letter once: a quarter of the time of their list."""
    heads = sorted({word[0] for word in words if word})
    if not heads:
        return ""
    branches = "|".join(head + _tree({word[1:] for word in words if word[:1] == head}) for head in heads)
    return f"(?:{branches}){'?' if '' in words else ''}"


NAME: Final = re.compile(f"(?:{_tree({*FAMILY.split(), *GIVEN.split()})})+")
"""One or more syllables of Vietnamese names, without accents: family, middle and given names as they are common."""
KNOWN: Final = re.compile("NGUYEN|HUYNH|HOANG|DUONG|TRUONG|TRINH|PHUNG|LUONG|VUONG")
"""Families whose name stands in no code by chance, whatever is around it."""
NAME_LETTERS: Final = 5
"""So many letters of names are a person: `LELAN`, `TRANG`. `LAN` alone may be anything."""
JOINED_LETTERS: Final = 6
FULL_LETTERS: Final = 7
"""Of a word after whose family's name anything may come that reads as Vietnamese."""

LABEL: Final = re.compile("(?:CMND|CCCD|CMT|SDT|PHONE|ZALO|HOTLINE)[^0-9A-Z]*+[0-9]")
"""What people write before the number of a card or a telephone."""
MAIL: Final = re.compile(r"GMAIL|YAHOO|HOTMAIL|OUTLOOK|ICLOUD|\.(?:COM|NET|ORG|EDU|INFO|VN)\Z")
HOUSE: Final = re.compile(
    r"(?<![A-Z])(?:SO|SN|SONHA|NHA|NGO|NGACH|HEM|KIET|DUONG|PHO|THON|XOM|TO)[^0-9A-Z]*+[0-9]++"
)
"""A step of an address as it is written: `so 12`, `ngo 5`, `hem 3`."""
_SYLLABLES: Final = (
    "(?:(?:NGH|NG|NH|TH|TR|CH|PH|KH|GH|GI|QU|[BCDGHKLMNPRSTVX])?"
    "(?:UYE|IEU|YEU|UOI|UOU|OAI|OAY|UAY|A[IOUY]?|E[OU]?|I[AEU]?|O[AEIO]?|U[AEIOUY]?|Y[EU]?)(?:CH|NG|NH|[CMNPT])?)+"
)
WORD: Final = re.compile(_SYLLABLES)
"""Syllables of Vietnamese without their accents: a place's name, or one that the list of names lacks."""
FULL: Final = re.compile(f"{_tree(FAMILY.split())}{_SYLLABLES}")
"""A family's name with what reads as the rest of a person's."""
LETTERS: Final = re.compile("[A-Z]+")


def is_person(code: str) -> bool:
    """Whether a code in ASCII, upper case, reads as a telephone number, a name, an e-mail or an address."""
    return (
        has_telephone(code)
        or has_name(code)
        or any(sign.search(code) for sign in (LABEL, MAIL))
        or len(HOUSE.findall(code)) > 1
    )


def has_telephone(code: str) -> bool:
    """Whether a telephone number, or where no letter stands the number of an identity card, can be read in it."""
    has_letters = LETTERS.search(code) is not None
    if not has_letters and sum(map(str.isdigit, code)) >= SERIAL_DIGITS:
        return False
    return any(
        TELEPHONE.search(part) or (not has_letters and DIGITS_ALONE.search(part))
        for part in DATE.split(code)
    )


def is_name(word: str) -> bool:
    """Whether letters are nothing but syllables of names."""
    return NAME.fullmatch(word) is not None


def is_word(word: str) -> bool:
    """Whether letters read as Vietnamese."""
    return WORD.fullmatch(word) is not None


def has_name(code: str) -> bool:
    """Whether a name can be read in it: enough letters of names, several alone, or one with a birthday."""
    runs = LETTERS.findall(code)
    words = list(_names(runs))
    names = sum(map(len, words))
    joined = "".join(runs)
    return (
        names >= NAME_LETTERS
        or len(words) == len(runs) > 1
        or (names > 0 and BORN.search(code) is not None)
        or (len(joined) >= JOINED_LETTERS and is_name(joined))
        or any(len(run) >= FULL_LETTERS and FULL.fullmatch(run) for run in runs)
        or KNOWN.search(joined) is not None
    )


def _names(runs: list[str]) -> Iterator[str]:
    return (run for run in runs if len(run) > 1 and is_name(run))
