"""Templates that show one of their arguments in the line where they stand, and its number.

There are millions of templates and each wiki has its own; these are the ones that leave holes in the sentences of the
dumps that were looked at (English, Japanese, Bulgarian). `lang-xx` is known by its beginning.
"""

_FIRST = """
    nowrap nobr nobold small smaller big larger em strong abbr tooltip ill sup sub ipa ipa2 unicode angbr keypress val
    quote blockquote nihongo vr convert ruby ルビ 仮リンク 読み仮名 要出典範囲 いつ範囲 下げ核 jis2004フォント
    en ja de fr es it ru zh ko la el ar he pt nl vi
"""
_SECOND = "lang transl rtl-lang color colour fontcolor interlang"
SHOWN: dict[str, int] = {**dict.fromkeys(_FIRST.split(), 1), **dict.fromkeys(_SECOND.split(), 2)}
