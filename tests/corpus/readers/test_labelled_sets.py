"""Every labelled set of the data folder is read through settings alone, and has as many rows as its source says."""

import os
import tomllib
from itertools import islice
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.corpus.readers import Reader

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("MAMEBERT_DATA" not in os.environ, reason="needs MAMEBERT_DATA"),
]

DATA = Path(os.environ.get("MAMEBERT_DATA", "."))
# Beyond this many rows a set is taken to go on as it began: seconds matter. All were counted once, and were as told.
ENOUGH = 12_600

COLA = 'header = ["sentence", "label"]'
PAIRS = 'header = ["sentence1", "sentence2", "label"]'
EN_JA = 'header = ["en", "ja"]'
EN_GA = 'header = ["en", "ga"]'
MRPC = 'format = "tsv"\ncolumns = { sentence1 = "#1 String", sentence2 = "#2 String", label = "Quality" }'
STS_B = """
header = ["genre", "file", "year", "id", "score", "sentence1", "sentence2"]
extra_columns = "drop"
"""
JNLI_NEG = 'columns = { sentence1 = "sentence1.sentence", sentence2 = "sentence2.sentence", label = "gold_label" }'
JSON_LINES = 'format = "jsonl"'
CONLL = 'kind = "conll"'
CHUNKS = 'kind = "conll"\ncolumns = ["words", "pos", "tags"]'
SCIIE = 'kind = "conll"\ncolumns = ["words", "_", "_", "tags"]\nscheme = "iob1"'
KNP_WORDS = """
kind = "conll"
comment = "#"
columns = ["_", "words", "readings", "lemmas", "pos", "subpos", "tags", "_", "_"]
"""
KNP_TREES = 'kind = "bunsetsu"'
KNP_BROKEN_TREES = 'kind = "bunsetsu"\nbroken_trees = "skip"'
UD = 'kind = "conllu"'
SQUAD = 'kind = "squad"'
DREAM = 'kind = "dream"'

PAIR = {"sentence1", "sentence2", "label"}
WORDS = {"words", "tags"}
TREE = {"words", "upos", "xpos", "feats", "lemmas", "heads", "deprels", "text", "sent_id"}
QA = {"id", "title", "context", "question", "answers", "is_impossible"}
CHOICES = {"question", "choice0", "choice1", "choice2", "choice3", "choice4", "label"}

XQUAD = ["ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh"]

SETS = [
    ("livedoor/ldcc-text.tar.xz", 'kind = "livedoor"', 7367, {"category", "title", "body", "text"}),
    ("glue/SST-2/train.tsv.xz", "", 67349, {"sentence", "label"}),
    ("glue/SST-2/dev.tsv", "", 872, {"sentence", "label"}),
    ("glue/SST-2/test-labeled.tsv.xz", "", 1821, {"sentence", "label"}),
    ("glue/CoLA/train.tsv.xz", COLA, 8551, {"sentence", "label"}),
    ("glue/CoLA/dev.tsv", COLA, 516, {"sentence", "label"}),
    ("glue/MRPC/msr_paraphrase_train.txt.xz", MRPC, 4076, PAIR),
    ("glue/MRPC/msr_paraphrase_test.txt.xz", MRPC, 1725, PAIR),
    ("glue/RTE/train.tsv.xz", "", 1244, PAIR),
    ("glue/RTE/dev.tsv", "", 139, PAIR),
    ("glue/RTE/test-labeled.tsv.xz", "", 1384, PAIR),
    ("glue/WNLI/train.tsv", "", 565, PAIR),
    ("glue/WNLI/dev.tsv", "", 70, PAIR),
    ("glue/STS-B/sts-train.tsv.xz", STS_B, 5749, {"sentence1", "sentence2", "score"}),
    ("glue/STS-B/sts-dev.tsv.xz", STS_B, 1500, {"sentence1", "sentence2", "score"}),
    ("glue/STS-B/sts-test.tsv.xz", STS_B, 1379, {"sentence1", "sentence2", "score"}),
    *(("pawsx-dev/dev-" + language + ".tsv.xz", PAIRS, 2000, PAIR) for language in ("ja", "en", "zh", "ko")),
    *(("xnli-dev/dev-" + language + ".tsv.xz", PAIRS, 2490, PAIR) for language in ("en", "de", "es", "fr", "zh")),
    ("jcola/in_domain_train-v1.0.json.xz", "", 6919, {"sentence", "label"}),
    ("jcola/in_domain_valid-v1.0.json.xz", "", 865, {"sentence", "label"}),
    ("jcola/out_of_domain_valid-v1.0.json.xz", "", 685, {"sentence", "label"}),
    ("jcola/out_of_domain_valid_annotated-v1.0.json.xz", "", 685, {"sentence", "label", "Arg. Str."}),
    ("20newsgroups/20news-bydate-train.jsonl.xz", "", 11315, {"text", "label"}),
    ("20newsgroups/20news-bydate-test.jsonl.xz", "", 7532, {"text", "label"}),
    ("bbc-news-summary/bbc.jsonl.xz", "", 2225, {"text", "summary", "category"}),
    ("sci-sci-cite/train.txt.xz", JSON_LINES, 7320, {"text", "label"}),
    ("sci-sci-cite/dev.txt.xz", JSON_LINES, 916, {"text", "label"}),
    ("sci-sci-cite/test.txt.xz", JSON_LINES, 1861, {"text", "label"}),
    ("jnli-neg/jnli-neg-train-v1.1.jsonl.xz", JNLI_NEG, 5494, PAIR),
    ("jnli-neg/jnli-neg-valid-v1.1.jsonl.xz", JNLI_NEG, 1363, PAIR),
    ("jglue/jnli-v1.3/valid-v1.3.json.xz", "", 2434, PAIR),
    ("jglue/jsts-v1.3/train-v1.3.json.xz", "", 12451, PAIR),
    ("jglue/jsts-v1.3/valid-v1.3.json.xz", "", 1457, PAIR),
    ("jglue/jcommonsenseqa-v1.3/train-v1.3.json.xz", "", 8939, CHOICES),
    ("jglue/jcommonsenseqa-v1.3/valid-v1.3.json.xz", "", 1119, CHOICES),
    *(
        ("jsick/jsick.tsv.xz", f'where = {{ data = "{part}" }}', rows, {"sentence_A_Ja", "relatedness_score_Ja"})
        for part, rows in (("train", 4500), ("trial", 500), ("test", 4927))
    ),
    ("xcopa/train-en.jsonl", "", 400, {"premise", "choice1", "choice2", "question", "label"}),
    ("xcopa/val-en.jsonl", "", 100, {"premise", "choice1", "choice2", "question", "label"}),
    ("parallel-en-ja/train.tsv.xz", EN_JA, 50000, {"en", "ja"}),
    ("parallel-en-ja/dev.tsv", EN_JA, 500, {"en", "ja"}),
    ("parallel-en-ja/test.tsv", EN_JA, 500, {"en", "ja"}),
    ("parallel-en-ga/dev.tsv.xz", EN_GA, 502, {"en", "ga"}),
    ("parallel-en-ga/test.en2ga.tsv", EN_GA, 500, {"en", "ga"}),
    ("ner-wikipedia-ja/ner.json.xz", "", 5343, {"text", "entities", "curid"}),
    ("conll2003-en/train.txt.xz", CONLL, 14041, WORDS),
    ("conll2003-en/dev.txt.xz", CONLL, 3250, WORDS),
    ("conll2003-en/test.txt.xz", CONLL, 3453, WORDS),
    ("conll2000/train.txt.xz", CHUNKS, 8936, {*WORDS, "pos"}),
    ("conll2000/test.txt.xz", CHUNKS, 2012, {*WORDS, "pos"}),
    *(("panx/train-" + language + ".tsv.xz", CONLL, 20000, WORDS) for language in ("ja", "en")),
    *(("panx/dev-" + language + ".tsv.xz", CONLL, 10000, WORDS) for language in ("ja", "en")),
    # The source counts abstracts (350, 50, 100); these are their sentences.
    ("sci-sciie/train.txt.xz", SCIIE, 1861, WORDS),
    ("sci-sciie/dev.txt.xz", SCIIE, 275, WORDS),
    ("sci-sciie/test.txt.xz", SCIIE, 551, WORDS),
    ("wikipedia-annotated-ja/train.tsv.xz", KNP_WORDS, 14684, {*WORDS, "text", "pos", "readings", "lemmas"}),
    ("wikipedia-annotated-ja/dev.tsv.xz", KNP_WORDS, 443, {*WORDS, "text", "pos"}),
    ("wikipedia-annotated-ja/test.tsv.xz", KNP_WORDS, 775, {*WORDS, "text", "pos"}),
    # 29 of the 14,684 sentences have several roots, none, a circle or a head that is not there.
    ("wikipedia-annotated-ja/train.tsv.xz", KNP_BROKEN_TREES, 14655, {"words", "heads", "deprels", "text"}),
    ("wikipedia-annotated-ja/dev.tsv.xz", KNP_TREES, 443, {"words", "heads", "deprels", "text"}),
    ("wikipedia-annotated-ja/test.tsv.xz", KNP_TREES, 775, {"words", "heads", "deprels", "text"}),
    ("ud-english-ewt/en_ewt-ud-train.conllu.xz", UD, 12544, TREE),
    ("ud-english-ewt/en_ewt-ud-dev.conllu.xz", UD, 2001, TREE),
    ("ud-english-ewt/en_ewt-ud-test.conllu.xz", UD, 2077, TREE),
    ("ud-irish-idt/ga_idt-ud-train-old.conllu.xz", UD, 2008, TREE),
    ("ud-irish-idt/ga_idt-ud-dev.conllu.xz", UD, 451, TREE),
    ("ud-irish-idt/ga_idt-ud-test.conllu.xz", UD, 454, TREE),
    ("ud-japanese-gsd/ja_gsd-ud-dev.conllu.xz", UD, 507, TREE),
    ("ud-japanese-gsd/ja_gsd-ud-test.conllu.xz", UD, 543, TREE),
    ("jaquad/jaquad_train.json.xz", SQUAD, 31748, QA),
    ("jaquad/jaquad_dev.json.xz", SQUAD, 3939, QA),
    ("jglue/jsquad-v1.3/valid-v1.3.json.xz", SQUAD, 4442, QA),
    ("tydiqa-goldp/tydiqa.goldp.en.train.json.xz", SQUAD, 3696, QA),
    *((f"xquad/xquad.{code}.json.xz", SQUAD, 1190, QA) for code in XQUAD),
    ("dream/train.json.xz", DREAM, 6116, {"text", "question", "choices", "answer"}),
    ("dream/dev.json.xz", DREAM, 2040, {"text", "question", "choices", "answer"}),
    ("dream/test.json.xz", DREAM, 2041, {"text", "question", "choices", "answer"}),
]


def reader_of(path, settings):
    return build(Reader, {"kind": "files", "path": str(DATA / path), **tomllib.loads(settings)})


@pytest.mark.parametrize(("path", "settings", "num_rows", "columns"), SETS, ids=[f"{s[0]} {s[1][:12]}" for s in SETS])
def test_a_set_is_read_whole(path, settings, num_rows, columns, capsys):
    rows = list(islice(reader_of(path, settings).rows(), ENOUGH))
    assert len(rows) == min(num_rows, ENOUGH)
    assert columns <= set(rows[0])
    for row in rows:
        lengths = {len(row[name]) for name in ("words", "tags", "pos", "upos", "heads", "deprels") if name in row}
        assert len(lengths) <= 1
    assert "answer_start" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "settings", "words", "said"),
    [
        ("sci-sciie/dev.txt.xz", SCIIE, 6521, "50 -DOCSTART- lines left out"),
        ("wikipedia-annotated-ja/test.tsv.xz", KNP_WORDS, 11123, ""),
        ("ud-irish-idt/ga_idt-ud-dev.conllu.xz", UD, 10000, ""),
        ("ud-japanese-gsd/ja_gsd-ud-test.conllu.xz", UD, 13034, ""),
        ("ud-english-ewt/en_ewt-ud-dev.conllu.xz", UD, 25147, ""),
    ],
)
def test_words_are_counted_as_the_source_counts_them(path, settings, words, said, capsys):
    assert sum(len(row["words"]) for row in reader_of(path, settings).rows()) == words
    assert said in capsys.readouterr().err


def test_words_and_bunsetsu_spell_the_text():
    path = "wikipedia-annotated-ja/test.tsv.xz"
    for settings in (KNP_WORDS, KNP_TREES):
        assert all("".join(row["words"]) == row["text"] for row in reader_of(path, settings).rows())


def test_tokens_of_a_treebank_spell_its_text():
    for row in reader_of("ud-english-ewt/en_ewt-ud-dev.conllu.xz", UD).rows():
        inside = {word for each in row["multiwords"] for word in range(each["first"], each["last"] + 1)}
        tokens = [(each["first"], each["text"]) for each in row["multiwords"]]
        tokens += [(place, word) for place, word in enumerate(row["words"], 1) if place not in inside]
        assert "".join(text for _, text in sorted(tokens)).replace(" ", "") == row["text"].replace(" ", "")
