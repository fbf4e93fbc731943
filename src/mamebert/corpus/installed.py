"""The Python packages installed here: their names, versions, source files, and what these hold."""

import csv
import re
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

from mamebert.corpus.docstrings import NOT_DOCUMENTED

# Under what other names a package goes in its own documentation.
ALIASES = {
    "numpy": ["np"],
    "pandas": ["pd"],
    "matplotlib": ["plt", "mpl", "pyplot", "pylab"],
    "networkx": ["nx"],
    "sklearn": ["scikit-learn", "scikit learn"],
    "scipy": ["sp"],
    "sympy": ["sp"],
    "torch": ["pytorch"],
    "pyarrow": ["pa", "arrow"],
    "tensorflow": ["tf"],
    "seaborn": ["sns"],
    "PIL": ["pillow"],
    "transformers": ["huggingface", "hugging face", "hf"],
    "datasets": ["huggingface", "hugging face", "hf"],
    "yaml": ["pyyaml"],
    "statsmodels": ["sm", "smf"],
    "mpmath": ["mp"],
}
NEUTRAL = "package"


@dataclass
class Package:
    """One importable name, with the distributions (name, version) that install it."""

    name: str
    distributions: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, Path]] = field(default_factory=list)
    """(Dotted module name, source file), sorted."""
    hashes: list[str] = field(default_factory=list)

    @property
    def version(self) -> str:
        """Return the versions of its distributions."""
        return "+".join(version for _, version in self.distributions)

    @property
    def sha256(self) -> str:
        """Return a hash over the names and contents of its source files."""
        return sha256("\n".join(sorted(self.hashes)).encode()).hexdigest()

    @property
    def names(self) -> list[str]:
        """Return what the package is called: imported as, installed as, and known as."""
        return sorted({self.name, *(name for name, _ in self.distributions), *ALIASES.get(self.name, ())})


def mask(text: str, names: Iterable[str]) -> str:
    """Return `text` with each of the names, however it is spelt, replaced by the word "package".

    Letters and digits belong to a word and underscores do not (`numpy_array`); a capital begins a new
    one (`TorchScript`).
    """
    return _spellings(tuple(names)).sub(NEUTRAL, text)


@cache
def _spellings(names: tuple[str, ...]) -> re.Pattern[str]:
    patterns = (
        "[-_. ]?".join(map(re.escape, re.split(r"[-_. ]+", name))) for name in sorted(names, key=len, reverse=True)
    )
    return re.compile(rf"(?<![^\W_])(?i:{'|'.join(patterns)})(?![a-z])")


def installed_packages() -> list[Package]:
    """Return the packages in this environment's site-packages, sorted by name; those without sources are left out."""
    found: dict[str, Package] = {}
    for folder in dict.fromkeys(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")):
        # The folder's name tells name and version; importlib.metadata would parse each README for them.
        for record in sorted(folder.glob("*.dist-info/RECORD")):
            name, _, version = record.parent.stem.partition("-")
            _add(name, version, record, found)
    for package in found.values():
        package.files.sort()
    return [found[name] for name in sorted(found)]


def plain(name: str) -> str:
    """Return a name as it is compared: scikit_learn and Scikit-Learn are the same distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _add(name: str, version: str, record: Path, found: dict[str, Package]) -> None:
    # Installers record every file with its hash.
    lines = record.read_text(encoding="utf-8").splitlines()
    for file, content_hash, *_ in csv.reader(line for line in lines if ".py," in line or '.py",' in line):
        if not _is_documented(file.split("/")):
            continue
        parts = list(PurePosixPath(file).with_suffix("").parts)
        package = found.setdefault(parts[0], Package(parts[0]))
        if (name, version) not in package.distributions:
            package.distributions.append((name, version))
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        package.files.append((module, record.parent.parent / file))
        package.hashes.append(f"{file} {content_hash}")


def _is_documented(parts: list[str]) -> bool:
    first, *rest = parts
    return first.split(".")[0].isidentifier() and ".." not in rest and not NOT_DOCUMENTED.intersection(rest[:-1])
