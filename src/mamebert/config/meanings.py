"""What settings mean: the docstrings below their fields, read where they are asked for.

pydantic reads them too, for every class that is imported: a quarter of a second before any command begins.
"""

import ast
from functools import cache
from inspect import cleandoc, get_annotations, getsource
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel


def meaning(kind: type[BaseModel], name: str) -> str:
    """Return the docstring of a field of a class of settings; "" where there is none."""
    for each in kind.__mro__:
        if name in get_annotations(each):
            return _below_fields(each).get(name, "")
    return ""


@cache
def _below_fields(kind: type) -> dict[str, str]:
    try:
        (written,) = ast.parse(dedent(getsource(kind))).body
    except OSError:  # of a class that was typed in
        return {}
    assert isinstance(written, ast.ClassDef)
    return {
        field.target.id: cleandoc(text.value.value)
        for field, text in pairwise(written.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
