import sysconfig
from pathlib import Path

import pytest

from mamebert.corpus import installed
from mamebert.corpus.docstrings import reflow
from mamebert.corpus.readers.python_docs import PythonDocs
from mamebert.errors import UserError

BEANS = '''"""Beans for everyone, from the beanery."""
import numpy as np

class Bean:
    """A bean.

    It is grown in a garden and it is eaten in a kitchen, sometimes
    even raw.

    >>> import bean_soup as bs
    >>> bean_soup.Bean()
    """
    def cook(self):
        """Cook the bean in BeanSoup until soft."""
        def inner():
            """Hidden inside a function."""

if True:
    async def eat():
        r"""Eat it. Shared by two packages."""

def again():
    """Cook the bean in BeanSoup until soft."""
'''
PEAS = '"""Peas, quite like beans."""\ndef eat():\n    """Eat it. Shared by two packages."""\n'
PYTHON_2 = '"""Old."""\nprint "beans"\n'


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An environment of two small packages, and an empty cache."""
    site = tmp_path / "site-packages"
    for name, version, files in (
        (
            "bean_soup",
            "1.0",
            {"bean_soup/__init__.py": BEANS, "bean_soup/old.py": PYTHON_2, "bean_soup/tests/test_x.py": BEANS},
        ),
        ("pea", "2.0", {"pea.py": PEAS}),
    ):
        for file, content in files.items():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text(content)
        record = site / f"{name}-{version}.dist-info" / "RECORD"
        record.parent.mkdir()
        record.write_text(
            "".join(f"{file},sha256={abs(hash(content))},{len(content)}\n" for file, content in files.items())
        )
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(site))
    monkeypatch.setenv("MAMEBERT_CACHE", str(tmp_path / "cache"))
    return site


def rows(**settings):
    return list(PythonDocs(processes=1, **settings).rows())


def test_modules_classes_and_functions_are_found_with_their_package(site):
    assert [(row["package"], row["object"]) for row in rows()] == [
        ("bean_soup", "bean_soup"),
        ("bean_soup", "bean_soup.Bean"),
        ("bean_soup", "bean_soup.Bean.cook"),
        ("pea", "pea"),
    ]


def test_wrapped_lines_are_joined_and_examples_are_not(site):
    assert rows()[1]["text"].split("\n") == [
        "A bean.",
        "It is grown in a garden and it is eaten in a kitchen, sometimes even raw.",
        ">>> import bean_soup as bs",
        ">>> bean_soup.Bean()",
    ]


def test_parameters_keep_their_wrapped_text_and_their_own_lines():
    docstring = """Cook beans.

    Args:
        water (int): How much of it, in litres; it has to cover
            all of the beans.
        salt: A pinch.

    Returns
    -------
    dish
    """
    assert reflow(docstring).split("\n") == [
        "Cook beans.",
        "Args:",
        "water (int): How much of it, in litres; it has to cover all of the beans.",
        "salt: A pinch.",
        "Returns",
        "dish",
    ]


def test_a_docstring_of_two_packages_belongs_to_neither(site):
    assert not [row for row in rows() if "Shared" in row["text"]]
    assert [row for row in rows(packages=["pea"]) if "Shared" in row["text"]]


def test_the_names_of_the_package_are_masked(site):
    assert rows()[1]["masked_text"].endswith(">>> import package as bs\n>>> package.Bean()")
    assert rows()[2]["masked_text"] == "Cook the bean in package until soft."


@pytest.mark.parametrize(
    ("package", "text", "masked"),
    [
        ("numpy", ">>> import numpy as np\n>>> np.array", ">>> import package as package\n>>> package.array"),
        ("numpy", "NumPy-like numpy_array, numpydoc, snp", "package-like package_array, numpydoc, snp"),
        ("torch", "PyTorch, TorchScript, torch.nn, torchvision", "package, packageScript, package.nn, torchvision"),
        ("sklearn", "scikit-learn, Scikit_Learn and sklearn's", "package, package and package's"),
        ("matplotlib", "plt.plot of Matplotlib", "package.plot of package"),
    ],
)
def test_well_known_names_are_masked_as_whole_words(package, text, masked):
    assert installed.mask(text, installed.Package(package).names) == masked


def test_one_process_and_two_give_the_same_rows(site, tmp_path, monkeypatch):
    monkeypatch.setattr("mamebert.corpus.readers.python_docs.FILES_PER_TASK", 1)
    alone = rows()
    monkeypatch.setenv("MAMEBERT_CACHE", str(tmp_path / "another"))
    assert list(PythonDocs(processes=2).rows()) == alone


def test_the_cache_is_used_and_a_damaged_one_made_again(site, tmp_path):
    before = rows()
    (site / "pea.py").write_text("")
    assert rows() == before
    for file in (tmp_path / "cache").rglob("*.parquet"):
        file.write_bytes(b"damaged")
    assert [row["package"] for row in rows()] == ["bean_soup"] * 4


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MAMEBERT_CACHE", str(tmp_path / "file"))
    assert len(rows()) == 4


def test_packages_are_known_by_both_names_and_missing_ones_are_told(site):
    assert {row["package"] for row in rows(packages=["Bean-Soup"])} == {"bean_soup"}
    with pytest.raises(UserError, match=r"no installed package called 'peas'. Did you mean 'pea'"):
        rows(packages=["peas"])


def test_the_fingerprint_names_packages_and_not_settings(site):
    everything = PythonDocs().fingerprint()
    assert [source.name for source in everything] == ["bean_soup 1.0", "pea 2.0"]
    assert PythonDocs(min_characters=99, packages=["pea"]).fingerprint() == everything[1:]


def test_short_docstrings_can_be_left_out(site):
    assert all(len(row["text"]) >= 30 for row in rows(min_characters=30))


def test_real_packages_have_documentation(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMEBERT_CACHE", str(tmp_path))
    found = rows(packages=["pluggy"])
    assert len(found) > 50
    assert not any("pluggy" in row["masked_text"].lower() for row in found)
    assert Path(sysconfig.get_path("purelib"), "pluggy").is_dir()
