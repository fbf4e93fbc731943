"""Recipes that go on from a model that is there already, with text that is made ready by an earlier stage."""

import pytest

RECIPE = """
output = "{out}"

[clean]
sources = ["{world}/text.txt"]

[vocab]
corpus = "@clean"
vocabulary = {{ size = 80, min_frequency = 1 }}

[tokenize]
corpus = "@clean"
tokenizer = "{tokenizer}"
heldout_rate = 0.1

[adapted]
command = "pretrain"
shards = "@tokenize"
start = "{model}"
start_vocabulary = "{start_vocabulary}"
objective = {{ kind = "masked_lm", max_length = 32 }}
training = {{ steps = 2, batch_tokens = 256, precision = "float32" }}

[smaller]
command = "compress"
model = "{model}"
shards = "@tokenize"
method = {{ kind = "distil", layers = 1, training = {{ steps = 2 }} }}
"""


def test_the_tokenizer_of_a_run_that_made_a_model_is_found(mamebert, encoders, world, tmp_path):
    encoder, settings = encoders("N"), (f"corpus={world / 'clean'}", "processes=1")
    code, _, err = mamebert("tokenize", f"tokenizer={encoder}", *settings, f"output={tmp_path / 'one'}")
    assert code == 0, err
    code, _, err = mamebert("tokenize", f"tokenizer={encoder / 'model'}", *settings, f"output={tmp_path / 'two'}")
    assert code == 0, err
    one, two = (next((tmp_path / name).glob("tokens/train*")).read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("start_vocabulary", ["same", "shared_rows"])
def test_a_model_reads_text_that_a_stage_will_make(mamebert, encoders, world, tmp_path, start_vocabulary):
    model = encoders("N") / "model"
    text = RECIPE.format(
        out=tmp_path / "out",
        world=world,
        model=model,
        tokenizer=model if start_vocabulary == "same" else "@vocab",
        start_vocabulary=start_vocabulary,
    )
    text = text if start_vocabulary == "same" else text[: text.index("[smaller]")]
    (tmp_path / "recipe.toml").write_text(text)
    code, out, err = mamebert("run", tmp_path / "recipe.toml", "--dry-run")
    assert code == 0, err
    assert all("will run" in line for line in out.splitlines())
    assert "M parameters" in next(line for line in out.splitlines() if " adapted " in line)
    code, _, err = mamebert("run", tmp_path / "recipe.toml")
    assert code == 0, err
    assert (tmp_path / "out" / "adapted" / "model" / "model.safetensors").exists()


ASKED = """
output = "{out}"

[vectors]
shards = "{world}/tokens"
cbow = {{ vector_size = 32, processes = 1 }}

[encoder]
command = "pretrain"
shards = "{world}/tokens"
encoder = {{ hidden_size = 32, num_hidden_layers = 2, num_attention_heads = 2, max_position_embeddings = 64 }}
objective = {{ kind = "masked_lm", max_length = 32 }}
training = {{ steps = 2, batch_tokens = 256 }}

[asked]
command = "probe"
models.n = "{classifiers}/models/N"
probe = {{ kind = "robustness", source = "{world}/rows.jsonl", guesser = "{guesser}", vectors = "{vectors}" }}
"""


def test_a_probe_waits_for_what_stages_will_make_and_refuses_what_they_will_not(mamebert, classifiers, world, tmp_path):
    def planned(guesser, vectors):
        text = ASKED.format(
            out=tmp_path / "out", world=world, classifiers=classifiers, guesser=guesser, vectors=vectors
        )
        (tmp_path / "recipe.toml").write_text(text)
        return mamebert("run", tmp_path / "recipe.toml", "--dry-run")

    code, out, err = planned("@encoder", "@vectors")
    assert (code, out.count("will run")) == (0, 3), err
    code, _, err = planned("@vectors", "@encoder")
    assert code == 2
    assert "will be made by vectors, and that of pretrain or compress is needed there" in err
    assert "will be made by pretrain, and that of vectors or contrast is needed there" in err
