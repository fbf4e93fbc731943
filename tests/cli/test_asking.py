import json


def test_fill_mask_prints_json_lines(mamebert, encoders):
    import mamebert as library

    texts = ["The old [MASK] holds the boat .", "[MASK] and [MASK]"]
    code, out, _ = mamebert("fill-mask", encoders("N"), *texts, "--top", "3")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["text"] for line in lines] == texts
    expected = library.load(encoders("N"))(texts, top=3)
    assert [line["masks"] for line in lines] == json.loads(json.dumps(expected))


def test_predict_prints_json_lines_for_words_and_for_files(mamebert, classifiers, world, tmp_path):
    import mamebert as library

    model = classifiers / "models" / "N"
    texts = ["The old boat meets the rope .", "The wet pot holds the salt ."]
    code, out, _ = mamebert("predict", model, *texts)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines == [{"text": t, **a} for t, a in zip(texts, library.load(model)(texts), strict=True)]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    assert mamebert("predict", model, "--file", tmp_path / "texts.txt").out == out
    code, out, _ = mamebert("predict", model, "--file", world / "rows.jsonl")
    assert [json.loads(line)["row"] for line in out.splitlines()] == list(range(120))
    answers = tmp_path / "answers.jsonl"
    code, told, err = mamebert("predict", model, "--file", world / "rows.jsonl", "--out", answers)
    assert (code, told, answers.read_text(encoding="utf-8")) == (0, "", out)
    assert "predict: 120 rows" in err


def test_predict_says_in_a_sentence_what_it_cannot_do(mamebert, classifiers, encoders, tmp_path):
    model = classifiers / "models" / "N"
    assert "There is nothing to predict" in mamebert("predict", model).mistake
    assert "Both texts and a file are given" in mamebert("predict", model, "a", "--file", tmp_path / "a.txt").mistake
    assert "Give the output of finetune" in mamebert("predict", encoders("N"), "a").mistake
    (tmp_path / "old.txt").write_bytes("豆を煮る。".encode("cp932"))
    told = mamebert("predict", model, "--file", tmp_path / "old.txt").mistake
    assert 'encoding = "cp932"' in told
    code, out, _ = mamebert("predict", model, "--file", tmp_path / "old.txt", "--reader", "encoding=cp932")
    assert (code, json.loads(out)["text"]) == (0, "豆を煮る。")
    told = mamebert("predict", model, "--file", tmp_path / "old.txt", "--out", tmp_path / "old.txt").mistake
    assert "is the file that is read" in told
    weights = model / "model.safetensors"
    before = weights.read_bytes()
    for out in (weights, model / "new.jsonl", model / "onnx" / ".." / "new.jsonl"):
        told = mamebert("predict", classifiers / "models" / "N", "--file", world_lines(tmp_path), "--out", out).mistake
        assert "lies in the folder of the model" in told
    assert weights.read_bytes() == before
    assert not (model / "new.jsonl").exists()
    assert "There is no folder nowhere" in mamebert("predict", "nowhere", "a").mistake


def world_lines(folder):
    (folder / "lines.txt").write_text("The boat meets the rope.\n")
    return folder / "lines.txt"


def test_predict_reads_the_environment_and_writes_to_standard_output_at_a_dash(
    mamebert, classifiers, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELS", str(classifiers / "models"))
    said = mamebert("predict", "${MODELS}/N", "--file", world_lines(tmp_path), "--out", "-")
    assert (said.code, json.loads(said.out)["text"]) == (0, "The boat meets the rope.")
    assert [each.name for each in tmp_path.iterdir()] == ["lines.txt"]
    assert "environment variable NOWHERE" in mamebert("predict", "${NOWHERE}", "a").mistake


def test_japanese_and_irish_stay_readable(mamebert, classifiers):
    out = mamebert("predict", classifiers / "models" / "N", "豆とあさ", "An bhfuil tú ann?").out
    assert "豆とあさ" in out
    assert "An bhfuil tú ann?" in out


def test_predict_takes_a_kind_that_overrules_what_ending_and_model_tell(mamebert, classifiers, tmp_path):
    model = classifiers / "models" / "N"
    (tmp_path / "a.dat").write_text('{"text": "The old boat."}\n')
    assert mamebert("predict", model, "--file", tmp_path / "a.dat").out.count("\n") == 1
    (tmp_path / "b.jsonl").write_text("The\nboat\n")
    told = mamebert("predict", model, "--file", tmp_path / "b.jsonl", "--kind", "conll", "--reader", "columns=words")
    assert "the model reads text" in told.mistake
    assert "Did you mean 'conll'" in mamebert("predict", model, "--file", tmp_path / "a.dat", "--kind", "conl").mistake
