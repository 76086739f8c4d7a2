"""Notes: what was left out of a report since it does not fit, and what its sender is told of it."""

from typing import Final, NamedTuple

from buuta.errors import BadItem

LEFT_OUT: Final = "the report is taken in without it"


class Note(NamedTuple):
    """One of them: the field as its sender names it, a code for machines, and what to fix; never the value."""

    field: str
    code: str
    message: str


class Notes(list[Note]):
    """The notes of one report while it is read."""

    def left_out(self, field: str, bad: BadItem) -> None:
        """Note that a field is left out, and why."""
        self.append(Note(bad.field or field, f"{field}_invalid", f"{bad}; {LEFT_OUT}"))

    def cut(self, field: str, text: str, most: int) -> str:
        """The text; a longer one than `most` characters is cut, with a note."""
        if len(text) <= most:
            return text
        self.append(
            Note(
                field,
                f"{field}_cut",
                f"{field} has more than {most} characters; the first of them are read",
            )
        )
        return text[:most]
