"""Names that users give to models, tests and stages, as names of files and folders."""

import re
from collections.abc import Iterable
from unicodedata import category, normalize

LONGEST = 120
"""Bytes of a file's name that a given name may take: two of them and an ending fit into the 255 a disk allows."""

_SEPARATORS = set('/\\:*?"<>|%')
# No file of Windows can be called so, whatever its ending; .partial and .tmp are what unfinished files of ours are.
_NOT_AT_THE_START = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$|[. ]", re.IGNORECASE)
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
        alike = normalize("NFC", name).casefold()
        if alike in seen:
            raise ValueError(
                f"Some disks take the {what} names {seen[alike]!r} and {name!r} for the same. Give one another name."
            )
        seen[alike] = name


def _percent(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
