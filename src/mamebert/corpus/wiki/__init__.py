"""Dumps of MediaWiki: the pages in the XML, and the text in the wikitext of a page."""
