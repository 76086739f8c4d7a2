"""Files of others, opened as what they are: a link that somebody laid beside them leads nowhere."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def marked(path: Path) -> str:
    """What logs call a file or a folder: its inode, which stays when it is moved and tells nobody's name.

    `find FOLDER -inum NUMBER` finds it again (docs/decisions/0073).
    """
    try:
        return f"inode {path.lstat().st_ino}"
    except OSError:
        return "gone"


@contextmanager
def nameless() -> Iterator[None]:
    """What is raised in it is told without the names of files.

    Raises:
        Exception: whatever was raised.
    """
    try:
        yield
    except Exception as why:
        without_names(why)
        raise


def without_names(why: Exception) -> Exception:
    """The same error, and those that it came of, without the names of files that the system puts into its words."""
    each: BaseException | None = why
    while each is not None:
        if isinstance(each, OSError):
            for name in ("filename", "filename2"):
                with suppress(AttributeError):
                    delattr(each, name)
        each = each.__cause__ or each.__context__
    return why
