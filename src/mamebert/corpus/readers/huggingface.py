"""A Hugging Face dataset: a folder made by `save_to_disk`, a folder of data files, or a name on the hub."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from mamebert.corpus.formats.text_lines import tidy
from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.errors import UserError, unknown
from mamebert.extras import import_extra, require_extra
from mamebert.files.disk import hash_file
from mamebert.runs import Source


class HuggingFace(Reader):
    """The rows of one split; labels stored as numbers come as their names, in lists too. Needs `mamebert[hub]`."""

    name: str
    """A local folder, or a name on the hub such as `wikimedia/wikipedia`."""
    subset: str | None = None
    """The dataset's configuration, `20231101.ja` say, where it has several."""
    split: str = "train"
    """The part to read."""
    revision: str | None = None
    """A commit or tag on the hub, so that a later change there does not change the text; empty means the newest."""
    streaming: bool = True
    """Read from the hub while working, instead of downloading everything first."""
    text_column: str = "text"
    """The column that holds the text; it is called `text` in the rows."""

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the rows in the order of the dataset."""
        dataset = self._opened()
        for raw in self._each(dataset):
            row: Row = tidy(named(raw, dataset.features))
            if self.text_column != "text":
                if self.text_column not in row:
                    raise UserError(
                        f"{unknown('column', self.text_column, row)} Give text_column the one that holds the text."
                    )
                row["text"] = row[self.text_column]
            yield row

    def first_rows(self, most: int) -> list[Row]:
        """Return the first rows; none of a dataset that would have to be downloaded for it."""
        require_extra("hub")
        if Path(self.name).expanduser().is_dir() or self.streaming:
            return list(islice(self.rows(), most))
        return []

    def fingerprint(self) -> list[Source]:
        """Return one source: a hash of a local folder's files, or of the name and revision on the hub."""
        folder = Path(self.name).expanduser()
        part = f"{self.subset or ''}/{self.split}"
        if folder.is_dir():
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            content = "\n".join(f"{path.relative_to(folder)} {hash_file(path)}" for path in files)
            return [Source(f"{folder.name} {part}", sha256(f"{content}\n{part}".encode()).hexdigest())]
        named = f"{self.name} {part} @ {self._revision()}"
        return [Source(named, sha256(named.encode()).hexdigest())]

    def _each(self, dataset: Any) -> Iterator[Row]:
        with _told_as_user_errors(self.name):
            yield from dataset

    def _opened(self) -> Any:
        datasets = import_extra("hub", "datasets")
        folder = Path(self.name).expanduser()
        with _told_as_user_errors(self.name):
            if any((folder / mark).is_file() for mark in ("state.json", "dataset_dict.json")):
                return self._part(datasets.load_from_disk(str(folder)))
            where = str(folder) if folder.is_dir() else self.name
            streaming = self.streaming and not folder.is_dir()
            return datasets.load_dataset(
                where, self.subset, split=self.split, revision=self.revision, streaming=streaming
            )

    def _part(self, dataset: Any) -> Any:
        if not isinstance(dataset, dict):
            return dataset  # saved as a single split
        if self.split not in dataset:
            raise unknown("split", self.split, dataset)
        return dataset[self.split]

    def _revision(self) -> str:
        if self.revision:
            return self.revision
        require_extra("hub")
        from huggingface_hub import HfApi

        with _told_as_user_errors(self.name):
            return str(HfApi().dataset_info(self.name).sha)


def named(value: Any, feature: Any) -> Any:
    """Return a value of a dataset with names for the numbers of labels, wherever its features say that it has some.

    A number below 0 means that there is no label: None.
    """
    if hasattr(feature, "names") and hasattr(feature, "int2str"):  # a ClassLabel
        if not isinstance(value, int):
            return value
        return feature.names[value] if 0 <= value < len(feature.names) else None
    if isinstance(feature, dict) and isinstance(value, dict):
        return {name: named(each, feature.get(name)) for name, each in value.items()}
    inside = feature[0] if isinstance(feature, list) and len(feature) == 1 else getattr(feature, "feature", None)
    if inside is not None and isinstance(value, list):
        return [named(each, inside) for each in value]
    return value


@contextmanager
def _told_as_user_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # of the library: a wrong name, split or connection
        first_line = str(error).strip().split("\n")[0].rstrip(".")
        raise UserError(
            f"The dataset {name} cannot be opened ({first_line}). "
            "Check its name, subset and split, and the connection; a folder made by save_to_disk works without one."
        ) from error
