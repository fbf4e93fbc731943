"""Numbers -> pages: tables, curves, the HTML page and the same in Markdown."""
