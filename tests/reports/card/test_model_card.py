import json

import pytest
import yaml

from mamebert.reports.card.model_card import model_card
from mamebert.runs import Run


def parts(card):
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


@pytest.fixture
def model(runs):
    folder = runs["W"] / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertForPreTraining"], "num_attention_heads": 4}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertJapaneseTokenizer", "mask_token": "[MASK]"})
    )
    return folder


def test_the_card_of_an_encoder_tells_what_a_reader_needs(runs, model):
    front, body = parts(model_card(Run.open(runs["W"]), model, "pretrain"))
    assert front == {
        "language": "ja",
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["bert", "mamebert"],
    }
    assert 'pipeline("fill-mask", model="model")' in body
    assert "fugashi" in body
    assert "1,638,400 tokens in 4,900 documents" in body
    assert "8.19 M of the parameters) are fixed word2vec vectors" in body
    assert "| 3 | 3.233 | 3.133 | 0.400 | 0.810 | 58m30s |" in body
    assert "Suganami" in body


def test_the_card_of_an_encoder_tells_what_it_cost_and_how_to_cite(runs, make, tmp_path):
    made = make["pretraining"]("H256-L4-N")
    made["results"] |= {
        "tokens": 1_638_400,
        "training_seconds": 400.0,
        "mfu": 0.61,
        "product_peak": {"flops": 160e9, "source": "measured, 2048 x 2048 matrices"},
        "peak_memory_bytes": 812_000_000,
        "energy": {"kilowatt_hours": 0.0267, "watts": 24.3, "source": "assumed: 12 W for each of 2.0 busy cores"},
    }
    folder = make["write_run"](tmp_path / "run", inputs={"shards": runs["tokenize"]}, **made)
    _, body = parts(model_card(Run.open(folder), folder / "model", "pretrain"))
    body = body.replace("\\", "")
    assert "| tokens a second | 4.1 k |" in body
    assert "| share of the machine's peak (MFU) | 61.0 % of 160 GFLOP/s (measured, 2048 x 2048 matrices) |" in body
    assert "| peak memory | 812 MB |" in body
    assert "| energy of the training steps | 26.7 Wh, 24.3 W (assumed: 12 W for each of 2.0 busy cores) |" in body
    assert "@software{mamebert" in body
    assert "version = {0.1.0}" in body


def test_a_licence_is_only_named_when_it_is_given(runs, model):
    run = Run.open(runs["W"])
    assert "license" not in parts(model_card(run, model, "pretrain"))[0]
    assert parts(model_card(run, model, "pretrain", licence="cc-by-4.0", tongue="ga"))[0]["license"] == "cc-by-4.0"


def test_the_card_of_a_task_model_names_its_encoder_and_its_seeds(runs):
    folder = runs["finetune"] / "models" / "N"
    folder.mkdir(parents=True)
    front, body = parts(model_card(Run.open(runs["finetune"]), folder, "finetune"))
    assert front["pipeline_tag"] == "text-classification"
    assert "from H256-L4-N." in body
    assert "| N | 0.8110 ± 0.0090 | 0.8010 | 3 |" in body
    assert "TF-IDF + linear SVM" in body
    assert 'model = mamebert.load("N")' in body
    assert 'print(model([{"title": "…", "body": "…"}]))' in body
    assert "Suganami" not in body  # N learnt its embeddings


def test_japanese_is_known_from_the_vocabulary_when_no_stage_says_it(tmp_path, make):
    folder = make["write_run"](tmp_path / "run", "pretrain", {})
    (folder / "vocab.txt").write_text("[PAD]\n##ます\nそば\n山\n", encoding="utf-8")
    assert parts(model_card(Run.open(folder), folder, "pretrain"))[0]["language"] == "ja"
    (folder / "vocab.txt").write_text("[PAD]\nbean\n##s\n", encoding="utf-8")
    assert "language" not in parts(model_card(Run.open(folder), folder, "pretrain"))[0]


@pytest.mark.parametrize("kind", ["pretrain", "finetune", "compress"])
def test_a_card_can_be_written_of_almost_nothing(tmp_path, make, kind):
    folder = make["write_run"](tmp_path / "run", kind, {}, inputs={"gone": tmp_path / "gone"})
    front, body = parts(model_card(Run.open(folder), folder / "model", kind))
    assert front["library_name"] == "transformers"
    assert "## Limits" in body
    assert "None" not in body


@pytest.fixture
def smaller(make, tmp_path):
    forms = [
        make["form"]("compact", ".", 5_800_000, 4.0, 0.80, "mamebert"),
        make["form"]("plain", "dense", 23_200_000, 8.0, 0.80),
        make["form"]("onnx_int8", "onnx/model_quantized.onnx", 1_600_000, 2.0, 0.79, "onnxruntime"),
    ]
    made = make["compression"](["distil", "q8bert"], forms=forms, columns=["sentence"])
    folder = make["write_run"](tmp_path / "small", **made)
    (folder / "model" / "dense").mkdir(parents=True)
    return folder


def test_the_card_of_a_smaller_model_tells_its_lineage_and_what_each_form_costs(smaller):
    front, body = parts(model_card(Run.open(smaller), smaller / "model", "compress"))
    assert front["library_name"] == "mamebert"
    assert "# small: distil + q8bert" in body
    assert (
        "A BERT fine-tuned for classification, made smaller from bean by distil, then q8bert: 1.45 M parameters "
        "instead of 5.81 M." in body
    )
    assert "| 0 | bean | the teacher |" in body
    assert "| 1 | distil | num_layers 2 | kept [0, 2] | Sanh et al., 2019 |" in body
    assert "| Accuracy | 0.8400 | 0.8200 ± 0.0200 |" in body
    assert "| On disk | 23.2 MB | 5.8 MB |" in body
    assert "| onnx_int8 | onnx/model_quantized.onnx | onnxruntime | 1.6 MB | 0.7900 |" in body
    assert "It learnt from bean" in body


def test_the_card_of_a_smaller_model_has_code_for_every_form(smaller):
    _, body = parts(model_card(Run.open(smaller), smaller / "model", "compress"))
    assert 'model = mamebert.load("model")\nprint(model([{"sentence": "…"}]))' in body
    assert 'BertForSequenceClassification.from_pretrained("model/dense")' in body
    assert 'onnxruntime.InferenceSession("model/onnx/model_quantized.onnx", options)' in body
    assert 'AutoTokenizer.from_pretrained("model")("…", return_tensors="np")' in body
    blocks = [part.split("```")[0] for part in body.split("```python\n")[1:]]
    assert len(blocks) == 3
    for block in blocks:
        compile(block, "card", "exec")


def test_the_card_explains_differences_of_forms_where_it_shows_them_alone(make, tmp_path):
    graph = make["form"]("onnx_int8", "onnx/model_quantized.onnx", 1_600_000, 2.0, 0.79, "onnxruntime")
    plain = make["form"]("plain", "dense", 23_200_000, 8.0, 0.80, "transformers BertModel, with float32 activations")
    graph["largest_difference"], plain["largest_difference"] = None, 2.56
    for forms, shown in ([graph, plain], True), ([graph], False):
        folder = make["write_run"](tmp_path / str(shown), **make["compression"](["q8bert"], forms=forms))
        _, body = parts(model_card(Run.open(folder), folder / "model", "compress"))
        assert ("| Largest difference |" in body) == shown
        assert ("The largest difference is between" in body) == shown
        assert ("The plain form (dense) computes otherwise than the first one" in body) == shown
        assert ("its outputs differ by up to 2.56" in body) == shown


def test_the_card_inside_a_form_s_folder_is_about_that_form(smaller):
    front, body = parts(model_card(Run.open(smaller), smaller / "model" / "dense", "compress"))
    assert front["library_name"] == "transformers"
    assert body.count("```python") == 1
    assert 'BertForSequenceClassification.from_pretrained("dense")' in body


def test_the_card_of_a_model_that_makes_vectors_names_the_library_that_does(runs):
    folder = runs["finetune"] / "models" / "V"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))
    (folder / "modules.json").write_text("[]")
    front, body = parts(model_card(Run.open(runs["finetune"]), folder, "finetune"))
    assert (front["library_name"], front["pipeline_tag"]) == ("sentence-transformers", "sentence-similarity")
    assert "feature-extraction" in front["tags"]
    assert 'model = SentenceTransformer("V")' in body
    assert "BertModel" not in body


def test_the_card_of_a_smaller_model_that_makes_vectors_has_code_that_gives_vectors(make, tmp_path):
    forms = [
        make["form"]("onnx_int8", "onnx/model_quantized.onnx", 1_600_000, 2.0, 0.79, "onnxruntime"),
        make["form"]("plain", "dense", 23_200_000, 8.0, 0.80, "transformers BertModel, sentence-transformers"),
    ]
    made = make["compression"](["q8bert"], forms=forms, columns=["text", "second"])
    made["results"]["task"] = "sentence_embeddings"
    folder = make["write_run"](tmp_path / "small", **made)
    (folder / "model" / "dense").mkdir(parents=True)
    front, body = parts(model_card(Run.open(folder), folder / "model", "compress"))
    assert front["library_name"] == "mamebert"
    assert 'model = mamebert.load("model")\nprint(model([{"text": "…", "second": "…"}]))' in body
    assert 'SentenceTransformer("model/dense")' in body
    assert "AutoModel" not in body
    front, _ = parts(model_card(Run.open(folder), folder / "model" / "dense", "compress"))
    assert front["library_name"] == "sentence-transformers"
