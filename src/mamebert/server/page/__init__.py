"""The page at `/`: one document, without anything from elsewhere."""

from importlib.resources import files

PARTS = ("style.css", "drawing.js", "page.js")


def page() -> str:
    """Return the document with style and scripts in it."""
    folder = files("mamebert.server.page")
    document = folder.joinpath("index.html").read_text("utf-8")
    for name in PARTS:
        document = document.replace(f"/* {name} */", folder.joinpath(name).read_text("utf-8"))
    return document
