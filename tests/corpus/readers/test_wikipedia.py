import bz2
import os
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.corpus.readers import Reader, kind_of
from mamebert.corpus.readers.wikipedia import Wikipedia
from mamebert.errors import UserError

pytest.importorskip("mwparserfromhell")

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="ga">
<siteinfo><sitename>Vicipéid</sitename><namespaces>
<namespace key="0" /><namespace key="6">Íomhá</namespace><namespace key="10">Teimpléad</namespace>
<namespace key="14">Catagóir</namespace></namespaces></siteinfo>
"""


def page(title, text, ns="<ns>0</ns>", more="", inside=""):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f"<page><title>{title}</title>{ns}<id>7</id>{more}<revision><id>1</id><contributor><username>x</username>"
        f"<id>9</id></contributor>{inside}<text xml:space='preserve'>{escaped}</text></revision></page>\n"
    )


def read(folder, xml, name="ga.xml", encoding="utf-8", **settings):
    (folder / name).write_bytes(xml if isinstance(xml, bytes) else xml.encode(encoding))
    return list(build(Wikipedia, {"path": str(folder / name), "processes": 1, **settings}).rows())


def text_of(folder, wikitext, **settings):
    rows = read(folder, HEAD + page("A", "Tús.\n" + wikitext) + "</mediawiki>", **settings)
    return rows[0]["text"].removeprefix("Tús.").removeprefix("\n")


def test_articles_come_with_title_text_and_id(tmp_path):
    xml = HEAD + page("Pónaire", "Is '''pónaire''' í.") + page("Teimpléad:X", "a", "<ns>10</ns>") + "</mediawiki>"
    assert read(tmp_path, xml) == [{"title": "Pónaire", "text": "Is pónaire í.", "id": "7"}]


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("A<ref>note [[b]]</ref> b.<ref name=x />", "A b."),
        ("{| class=x\n|-\n| cell\n|}\nBehind.", "Behind."),
        ("<gallery>\nÍomhá:a.jpg|x\n</gallery>B", "B"),
        ("[[Íomhá:a.jpg|thumb|A [[garden]]]]B", "B"),
        ("[[File:a.jpg|thumb]]B[[Category:X]][[catagóir:y]]", "B"),
        ("[[画像:a.jpg|thumb|former name]]B", "B"),
        ("B\n[[en:Bean]]\n[[zh-yue:豆]]", "B"),
        ("the [[:en:Bean|bean]] of [[Dublin (city)|Dublin]] and [[Cork]]", "the bean of Dublin and Cork"),
        ("{{Infobox\n| a = {{b|c}}\n| d\n}}Text.", "Text."),
        ("It is {{lang|fr|la fève}} or {{lang-de|Bohne}}.", "It is la fève or Bohne."),
        ("Joyce ({{IPAc-en|x}}; born 1882) wrote.", "Joyce (born 1882) wrote."),
        ("ビーン（{{a}}、{{b}}）は豆", "ビーンは豆"),
        ("[http://x.ie its page] and http://y.ie/z here", "its page and here"),
        ("* one\n** two\n: three\n# four", "one\ntwo\nthree\nfour"),
        ("a &amp; b&nbsp;c<br />d", "a & b\xa0c\nd"),
        ("<ruby><rb>豆</rb><rp>（</rp><rt>まめ</rt><rp>）</rp></ruby>", "豆"),
        ("__NOTOC__ B <!-- c --> d <math>x^2</math>.", "B d."),
        ("<nowiki>[[not a link]]</nowiki>", "not a link"),
        ("unclosed <ref>a\n{{open [[b|c\n{| x\n| y\n\nBehind.", "unclosed a\nopen c\nBehind."),
        ("* {{a}}\n* [[Íomhá:x.png]]\nB", "B"),
        ("-{zh-hans:简;zh-hant:簡}-", "简"),
    ],
)
def test_what_a_reader_does_not_see_is_gone(tmp_path, wikitext, text):
    assert text_of(tmp_path, wikitext) == text


def test_titles_of_sections_with_text_are_kept_if_asked(tmp_path):
    wikitext = "== One ==\n=== Two ===\nText.\n== Empty ==\n== References ==\n{{Reflist}}"
    assert text_of(tmp_path, wikitext) == "Text."
    assert text_of(tmp_path, wikitext, section_titles="keep") == "One\nTwo\nText."


def test_a_template_can_be_shown_and_hidden(tmp_path):
    assert (
        text_of(tmp_path, "a {{Mo_theimpléad|x|y}} {{lang|fr|b}}", templates={"mo theimpléad": 2, "lang": 0}) == "a y"
    )


def test_dumps_without_numbers_of_namespaces_tell_them_in_titles(tmp_path):
    xml = HEAD + page("Teimpléad:X", "a", "") + page("Talk:Y", "b", "") + page("Cén áit: Z", "c", "") + "</mediawiki>"
    assert [row["title"] for row in read(tmp_path, xml)] == ["Cén áit: Z"]


def test_redirects_and_pages_that_are_no_wikitext_are_left_out(tmp_path):
    xml = (
        HEAD
        + page("A", "x", more="<redirect title='B' />")
        + page("B", "#ATHSHEOLADH [[C]]", "")
        + page("C", "p {}", inside="<model>css</model>")
        + page("D", "B")
        + "</mediawiki>"
    )
    assert [row["title"] for row in read(tmp_path, xml)] == ["D"]


def test_the_last_version_of_a_page_is_read(tmp_path):
    versions = page("A", "old").replace("</page>", "").strip() + page("A", "new")[page("A", "new").index("<revision") :]
    assert [row["text"] for row in read(tmp_path, HEAD + versions + "</mediawiki>")] == ["new"]


def test_elements_of_other_schemas_are_passed_over(tmp_path):
    xml = HEAD + page("A", "B").replace("</page>", "<upload><text>x</text></upload><new><text>y</text></new></page>")
    assert [row["text"] for row in read(tmp_path, xml + "</mediawiki>")] == ["B"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_dump_may_be_written_in_another_form_of_unicode(tmp_path, encoding):
    xml = HEAD + page("A", "豆") + "</mediawiki>"
    assert read(tmp_path, xml, encoding=encoding)[0]["text"] == "豆"


def test_parts_of_a_packed_dump_are_known_by_their_names(tmp_path):
    xml = bz2.compress((HEAD + page("A", "B") + "</mediawiki>").encode())
    assert read(tmp_path, xml, "ga-pages-articles1.xml-p1p9.bz2")
    assert [row["text"] for row in build(Wikipedia, {"path": str(tmp_path), "processes": 1}).rows()] == ["B"]
    assert kind_of(Path("ga-pages-articles1.xml-p1p9.bz2")) == kind_of(Path("x.xml")) == "wikipedia"


def test_a_dump_cut_behind_a_page_is_read_and_one_cut_inside_is_told(tmp_path, capsys):
    xml = HEAD + page("A", "B")
    assert read(tmp_path, xml)
    with pytest.raises(UserError, match="ends in the middle of a page"):
        read(tmp_path, xml + page("C", "D")[:90])


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        ("<tei>x</tei>", "no dump of MediaWiki: it begins with <tei>"),
        (HEAD + "<page><title>A</page></mediawiki>", "is broken"),
        (HEAD + "</mediawiki>", "no article with text"),
        (HEAD + page("A", "{{x}}") + "</mediawiki>", "no article with text"),
        (HEAD + page("A", "x " * 9_000_000) + "</mediawiki>", "a page of more than 16,000,000 characters"),
        ('<!DOCTYPE m [<!ENTITY a "' + "x" * 999 + '">' + "<!ENTITY b '" + "&a;" * 999 + "'>]><mediawiki>"
         + "&b;" * 999 + "</mediawiki>", "is broken"),
    ],
)  # fmt: skip
def test_what_is_no_dump_is_told_in_a_sentence(tmp_path, xml, told):
    with pytest.raises(UserError, match=told):
        read(tmp_path, xml)


@pytest.mark.parametrize(
    "part",
    ["<ref>", "<b>", "<!--", "[[a|", "[http://a ", "{{", "{{lang|a|", "<nowiki>", "( , ", "{|\n", "''", "-{", "&#9"],
)
def test_time_is_linear_in_what_is_left_open(part):
    from time import thread_time

    from mamebert.corpus.wiki.plain_text import Rules, plain_text

    seconds = []
    for number in (500, 4_000):
        began = thread_time()
        plain_text(part * number, Rules())
        seconds.append(thread_time() - began)
    assert seconds[1] < 24 * max(seconds[0], 0.05)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["bgwiki", "enwiki-table", "jawiki-2006"])
def test_dumps_of_wikipedia_leave_no_markup(name):
    data = os.environ.get("MAMEBERT_DATA")
    if not data:
        pytest.skip("MAMEBERT_DATA is not set")
    path = next((Path(data) / "wikidump-samples").glob(f"{name}*"))
    texts = [row["text"] for row in build(Reader, {"kind": "wikipedia", "path": str(path), "processes": 1}).rows()]
    assert texts
    for mark in ("[[", "]]", "{{", "}}", "'''", "<ref", "http://", "__", "{|", "（）", "()"):
        assert sum(mark in text for text in texts) <= len(texts) // 20, mark
