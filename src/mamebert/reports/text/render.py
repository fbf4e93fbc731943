"""A page as one self-contained HTML file, and as Markdown."""

import re
from functools import cache
from typing import Any

from mamebert.reports.text.blocks import Page
from mamebert.reports.text.number_format import GLUE


def to_html(page: Page) -> str:
    """Return the page as HTML that opens from disk: styles and charts are inside, nothing is fetched."""
    return str(_templates(autoescape=True).get_template("report.html.jinja").render(page=page))


def to_markdown(page: Page) -> str:
    """Return the same page as Markdown; charts become the tables of their numbers."""
    return render_markdown("report.md.jinja", page=page)


def render_markdown(template: str, **values: Any) -> str:
    """Return a Markdown template of this room, filled."""
    text = str(_templates(autoescape=False).get_template(template).render(**values))
    # Every block ends with an empty line of its own; one is enough, except in text that is shown as typed.
    parts = re.split(r"(^```.*?^```\S*$)", text, flags=re.MULTILINE | re.DOTALL)
    text = "".join(part if part.startswith("```") else re.sub(r"\n{3,}", "\n\n", part) for part in parts)
    return plain_spaces(text).strip() + "\n"


def to_svg(template: str, **values: Any) -> str:
    """Return a picture of this room as SVG, in the page's colours."""
    return str(_templates(autoescape=True).get_template(template).render(**values))


@cache
def _templates(autoescape: bool) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # only a report needs it: `--help` stays fast

    found = Environment(
        loader=PackageLoader("mamebert", "reports/templates"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        language=language,
        field=markdown_field,
        line=markdown_line,
        paragraph=markdown_paragraph,
        fence=fence,
        typed=typed,
    )
    return found


def typed(text: str) -> Any:
    """Return a text for HTML in which what stands between backticks is shown as code."""
    from markupsafe import Markup, escape

    parts = re.split(r"`([^`]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def plain_spaces(text: str) -> str:
    """Return a text whose spaces are all typed ones, so that a search finds `12.3 M`."""
    return text.replace(GLUE, " ")


def language(text: str) -> str:
    """Return "ja" for a text with kana, so that a screen reader changes its voice; else nothing."""
    return "ja" if any("\u3041" <= letter <= "\u30ff" for letter in text) else ""


def markdown_field(text: str) -> str:
    """Return a text on one line that Markdown shows as it is, in a field of a table too."""
    return re.sub(r"[\\|*`<]|(?<!\w)_|_(?!\w)|(?<=\])\(", r"\\\g<0>", " ".join(text.split()))


def markdown_line(text: str) -> str:
    """Return a text that may also begin a line: no heading, list or quotation comes of it."""
    return markdown_line_start(markdown_field(text))


def markdown_line_start(text: str) -> str:
    """Return a line of Markdown of which no heading, list or quotation comes."""
    text = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)
    return re.sub(r"^([#>+=-])", r"\\\1", text)


def markdown_paragraph(text: str) -> str:
    """Return a text as `markdown_line` does, in which what stands between backticks stays code."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    shown = [part if i % 2 else markdown_field(f"x{part}x")[1:-1] for i, part in enumerate(parts)]  # keeps its blanks
    return markdown_line_start("".join(shown))


def fence(text: str) -> str:
    """Return a fence of backticks longer than any inside the text."""
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    return "`" * max(3, longest + 1)
