"""Files of others, opened as what they are: a link that somebody laid beside them leads nowhere."""

import io
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

from buuta.errors import BadItem

LONGEST_NAME: Final = 255
"""Bytes that a file system allows."""


def read_plain(path: Path) -> BufferedReader:
    """Open a file for reading.

    Raises:
        BadItem: it is a link, a pipe or another thing that is no file.
    """
    try:
        found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as wrong:
        if path.is_symlink():
            raise BadItem("file_is_link", "this is a link; put the file itself there") from None
        raise wrong from None
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise BadItem("file_unreadable", "this is no file")
    return BufferedReader(io.FileIO(found))


def write_plain(path: Path, flags: int = os.O_TRUNC) -> int:
    """Open a file of ours for writing, made if it is not there; returns its descriptor.

    Raises:
        OSError: also where a link lies there.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o644)


def beside(path: Path, ending: str, folder: Path | None = None) -> Path:
    """A file's name with one more ending, no longer than names may be."""
    name = os.fsencode(path.name)[: LONGEST_NAME - len(ending)]
    return (folder or path.parent) / f"{os.fsdecode(name)}{ending}"


def shown_file(path: Path) -> str:
    """A file's name as logs and tables may hold it: one line of text."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "\ufffd" for each in name)
