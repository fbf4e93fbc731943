"""The documentation in Python sources, found by parsing them; nothing is imported or run."""

import ast
import gc
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import cleandoc
from pathlib import Path

# Copies of other packages, and tests, whose docstrings say little.
NOT_DOCUMENTED = {
    "_vendor",
    "vendor",
    "_vendored",
    "vendored",
    "externals",
    "extern",
    "third_party",
    "test",
    "tests",
    "testing",
}
MAX_SOURCE_BYTES = 5_000_000
# A line this long was probably broken by its writer's editor and not by its meaning.
WRAPPED = 48
# Examples, lists, tables, directives, and the lines that name a parameter.
STANDS_ALONE = re.compile(
    r"""\s*(?: >>> | \.\.\.(?:\s|$) | [-*+•|=:@$] | [#] | \.\.[ ] | \d+[.)]\s
          | \w+[ ]:[ ] | [\w*`]+:(?:\s|$) | [\w*`]+[ ]\([^)]*\):[ ] )""",
    re.VERBOSE,
)
CODE = (">>>", "... ", "#", "$", "@")
RULE = re.compile(r"[\W_]+")


@dataclass
class Found:
    """Docstrings of some files: (dotted name, text), and how many files could not be parsed."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    skipped_files: int = 0


def read_docstrings(files: list[tuple[str, Path]]) -> Found:
    """Return the docstrings of (module name, file) pairs, in order: modules, classes, functions, methods."""
    found = Found()
    # Syntax trees hold no cycles and die at once; looking for cycles would take half of the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        for module, path in files:
            tree = _parse(path)
            if tree is None:
                found.skipped_files += 1
            else:
                found.texts.extend((name, text) for name, doc in _walk(tree, module) if (text := reflow(doc)))
    finally:
        if was_on:
            gc.enable()
    return found


def reflow(docstring: str) -> str:
    """Return a docstring as paragraphs: lines broken by an editor are joined, drawn rules left out."""
    lines: list[str] = []
    wrapped, item, indent_before = False, False, -1
    for line in cleandoc(docstring).split("\n"):
        stripped = line.strip()
        if not stripped or RULE.fullmatch(stripped):
            wrapped = False
            continue
        indent = len(line) - len(line.lstrip())
        alone = STANDS_ALONE.match(line) is not None
        # The text of a list's item or of a parameter goes on at a deeper indent.
        if wrapped and not alone and (indent == indent_before or (item and indent > indent_before)):
            lines[-1] += " " + stripped
            item = False
        else:
            lines.append(stripped)
            item = alone and not stripped.endswith(":")
        wrapped = len(stripped) >= WRAPPED and not stripped.startswith(CODE)
        indent_before = indent
    return "\n".join(lines)


def _parse(path: Path) -> ast.Module | None:
    try:
        source = path.read_bytes()
        if len(source) > MAX_SOURCE_BYTES:
            return None
        if b'"""' not in source and b"'''" not in source:
            return ast.Module([], [])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's escapes
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return None  # a template, Python 2, or nesting made to break parsers


def _walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    body: list[ast.stmt] = getattr(node, "body", [])
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            yield name, first.value.value
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return
    for child in (*body, *getattr(node, "orelse", ()), *getattr(node, "handlers", ())):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(child, f"{name}.{child.name}")
        elif isinstance(child, ast.If | ast.Try | ast.ExceptHandler | ast.With):
            yield from _walk(child, name)
