"""All-tokens MLM: a generator replaces words, and every token is guessed or copied."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from mamebert.checkpoints.save import save_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.beside.generator import Generator, sample
from mamebert.objectives.data.batches import EpochOfBatches

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
SHAPE = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32)


def equipped(shards, **settings):
    """An objective, a network that has what it needs, and a batch."""
    objective = Objective.find("all_token_lm")(max_length=32, **settings)
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE, shards.vocab_size)
    objective.equip(network)
    return objective, network.eval(), EpochOfBatches(objective, shards, SPECIAL, 400, 0, 0)[0]


def what_is_seen(network, monkeypatch):
    seen, forward = [], type(network.bert).forward
    bert = network.bert
    monkeypatch.setattr(
        type(bert), "forward", lambda self, batch, *w: (self is bert and seen.append(batch)) or forward(self, batch, *w)
    )
    return seen


def test_a_generator_is_narrow_and_reads_the_encoders_own_embeddings(shards):
    _, network, _ = equipped(shards)
    generator = network.beside["generator"]
    assert generator.bert.config.hidden_size == 8
    assert generator.bert.config.num_hidden_layers == 2
    theirs, own = network.bert.embeddings, generator.bert.embeddings
    assert own.word_embeddings is theirs.word_embeddings
    assert own.position_embeddings is theirs.position_embeddings
    assert generator.cls.predictions.output_matrix is theirs.word_embeddings.weight
    assert torch.equal(generator.cls.predictions.bias, network.cls.predictions.bias)
    assert [name for name, _ in network.named_parameters() if name.endswith("word_embeddings.weight")] == [
        "bert.embeddings.word_embeddings.weight"
    ]


def test_a_generator_may_have_any_shape():
    wide = EncoderConfig(hidden_size=512, num_hidden_layers=4)
    assert (Generator().shape(wide).hidden_size, Generator().shape(wide).num_attention_heads) == (128, 2)
    whole = Generator(hidden_size=512, num_hidden_layers=1).shape(wide)
    assert (whole.embedding_size, whole.num_hidden_layers) == (0, 1)
    modern = Generator().shape(EncoderConfig(preset="modernbert", hidden_size=128))
    assert (modern.positions, modern.head, modern.embedding_size) == ("rotary", "pooler", 128)
    with pytest.raises(UserError, match=r"encoder\.bottleneck"):
        Generator().shape(EncoderConfig(hidden_size=32, bottleneck={"intra_bottleneck_size": 16}))


def test_words_are_drawn_as_often_as_the_generator_finds_them_likely(shards):
    _, network, _ = equipped(shards)
    generator, number = network.beside["generator"], 20_000
    with torch.no_grad():
        generator.cls.predictions.bias.copy_(torch.linspace(0, 6, shards.vocab_size))
        hidden = torch.randn(1, 8).expand(number, -1)
        expected = generator.cls.predictions(hidden[:1]).softmax(-1)[0]
    drawn = sample(generator, hidden, (torch.arange(number) + 0.5) / number)
    assert (torch.bincount(drawn, minlength=shards.vocab_size) / number - expected).abs().max() < 2 / number
    assert sample(generator, hidden[:2], torch.tensor([0.0, 1.0])).max() < shards.vocab_size


@pytest.mark.parametrize(("kept", "shares"), [(0, (0, 0)), (0.5, (0.3, 0.55)), (1, (0.75, 0.95))])
def test_the_encoder_sees_some_masks_and_the_generators_words(shards, monkeypatch, kept, shares):
    objective, network, batch = equipped(shards, kept_mask_rate=kept)
    seen = what_is_seen(network, monkeypatch)
    with torch.no_grad():
        objective.loss(network, batch, batch.asked)
    [packed] = seen
    untouched = torch.ones(len(packed.ids), dtype=torch.bool)
    untouched[batch.chosen] = False
    assert torch.equal(packed.ids[untouched], batch.packed.ids[untouched])
    share = (packed.ids[batch.chosen] == SPECIAL["mask"]).float().mean()
    assert shares[0] <= share <= shares[1]
    assert (batch.packed.ids[batch.chosen] == SPECIAL["mask"]).float().mean() == pytest.approx(0.85, abs=0.1)


def test_the_loss_is_what_the_tokens_have_for_probability(shards, monkeypatch):
    objective, network, batch = equipped(shards)
    seen = what_is_seen(network, monkeypatch)
    with torch.no_grad():
        losses = objective.loss(network, batch, batch.asked)
        [packed] = seen
        generator, states = network.beside["generator"], network.bert(packed)
        copied = network.beside["copies"](states).squeeze(1).sigmoid()
        likely = network.cls.predictions(states).softmax(-1).gather(1, batch.originals[:, None]).squeeze(1)
        guesses = generator.cls.predictions(generator.bert(batch.packed, batch.chosen))
    every = -(copied * (packed.ids == batch.originals) + (1 - copied) * likely).log().sum() / len(batch.chosen)
    assert float(losses.parts["all_token_loss"]) == pytest.approx(float(every), rel=1e-4)
    assert float(losses.parts["generator_loss"]) == pytest.approx(
        float(cross_entropy(guesses, batch.targets)), rel=1e-4
    )


def test_the_encoder_does_not_teach_the_generator_what_to_draw(shards):
    objective, network, batch = equipped(shards, kept_mask_rate=0)
    parts = objective.loss(network, batch, batch.asked)
    (parts.total - parts.parts["generator_loss"]).backward()
    with_encoder = network.beside["generator"].cls.predictions.bias.grad.clone()
    network.zero_grad()
    generator = network.beside["generator"]
    hidden = generator.bert(batch.packed, batch.chosen)
    generator.cls.predictions.loss(hidden, batch.targets).backward()
    torch.testing.assert_close(with_encoder, generator.cls.predictions.bias.grad)


def test_a_saved_folder_is_a_plain_bert(shards, world, tmp_path):
    _, network, _ = equipped(shards)
    save_pretraining(network, world / "tokens" / "tokenizer", tmp_path / "model")
    from safetensors import safe_open

    with safe_open(tmp_path / "model" / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "beside" in name or "generator" in name]  # noqa: SIM118
