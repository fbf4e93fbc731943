"""Names that users give to models, tests, stages and outputs, as names of files and folders."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from unicodedata import category, normalize

LONGEST = 120
"""Bytes of a file's name that a given name may take: two of them and an ending fit into the 255 a disk allows."""

_LONGEST_OF_DISKS, _LONGEST_PATH = 255, 3_000
_BEHIND_A_NAME = len(".partial")

_SEPARATORS = set('/\\:*?"<>|%')
# No file of Windows can be called so, whatever its ending; .partial and .tmp are what unfinished files of ours are.
_NOT_AT_THE_START = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?$|[. ]", re.IGNORECASE)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(?=[/\\]|$)")  # a shell would have put its value in
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # a folder called "s3:" is never meant
_NOT_AT_THE_END = re.compile(r"[. ]$|\.(?=(partial|tmp)$)", re.IGNORECASE)


def file_name(name: str) -> str:
    """Return a readable file name for a given name, another one for every name.

    What no file name can hold on some system is written as %XX, its bytes in UTF-8: "google/bert" is google%2Fbert.
    """
    quoted = {match.start() for match in (_NOT_AT_THE_START.match(name), _NOT_AT_THE_END.search(name)) if match}
    return "".join(
        _percent(sign) if place in quoted or sign in _SEPARATORS or category(sign)[0] == "C" else sign
        for place, sign in enumerate(name)
    )


def check_names(what: str, names: Iterable[str]) -> None:
    """Raise a ValueError for names that cannot be those of files, or that some disk takes for one another."""
    seen: dict[str, str] = {}
    for name in names:
        if not name.strip():
            raise ValueError(f"A {what} has an empty name. Give it one of letters.")
        if (length := len(file_name(name).encode())) > LONGEST:
            raise ValueError(
                f"The {what} name {name[:40]!r}... takes {length} bytes as the name of a file. "
                f"Give it one of at most {LONGEST}."
            )
        # Letters whose small forms are composed otherwise (İ, ΐ) need the order that Unicode gives (D145).
        alike = normalize("NFD", normalize("NFD", name).casefold())
        if alike in seen:
            raise ValueError(
                f"Some disks take the {what} names {seen[alike]!r} and {name!r} for the same. Give one another name."
            )
        seen[alike] = name


def path_of(text: str | Path) -> Path:
    """Return the path that a text stands for, with ~ as the home folder; a ValueError where there can be none."""
    if "\0" in str(text):
        raise ValueError(f"The path {str(text)!r} has a character in it that no path can have. Leave it out.")
    if _ADDRESS.match(str(text)):
        raise ValueError(f"{str(text)[:60]} is an address, and a path on this machine is meant. Give one.")
    if (variable := _VARIABLE.match(str(text))) and not os.path.lexists(variable[0]):
        raise ValueError(
            f"{str(text)[:60]} begins with the name of a variable. Write ${{{variable[1]}}} to have its value."
        )
    if any(len(os.fsencode(part)) > _LONGEST_OF_DISKS for part in Path(text).parts):
        raise ValueError(
            f"The path {str(text)[:40]!r}... has a part of more than {_LONGEST_OF_DISKS} bytes. Give a shorter one."
        )
    if len(os.fsencode(text)) > _LONGEST_PATH:
        raise ValueError(f"The path {str(text)[:40]!r}... is longer than {_LONGEST_PATH} bytes. Give a shorter one.")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"The home folder in {str(text)!r} is not known. Write the path in full.") from error


def new_folder(text: str | Path) -> Path:
    """Return the path of a folder that is to be made; a ValueError where no folder can be made so.

    A link stands for the folder it leads to, there or not.
    """
    path = path_of(text)
    if not str(text).strip():
        raise ValueError("The output is empty. Name the folder to make, such as output=runs/first.")
    if path.name in ("", "..") or path.name.endswith(".partial"):
        raise ValueError(f"{str(text)!r} is no name for a new folder. Give one such as output=runs/first.")
    if len(os.fsencode(path.name)) > _LONGEST_OF_DISKS - _BEHIND_A_NAME:
        raise ValueError(f"The name {path.name[:40]!r}... is too long for a folder. Give a shorter one.")
    if os.path.islink(path):
        path = Path(os.path.realpath(path))
        if os.path.islink(path):
            raise ValueError(f"{text} is a link that leads to itself. Choose another output.")
    return path


def _percent(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
