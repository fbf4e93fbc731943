"""The stages are functions: settings in, a run folder out. Usage: python 04_stages_from_python.py TEXT OUTPUT"""

import sys

import mamebert


def main(text: str, output: str) -> None:
    clean = mamebert.clean(mamebert.CleanConfig(sources=[text], output=f"{output}/clean"))
    vocab = mamebert.vocab(
        mamebert.VocabConfig(
            corpus=clean.folder,
            vocabulary={"kind": "wordpiece", "size": 80, "min_frequency": 1},
            output=f"{output}/vocab",
        )
    )
    tokens = mamebert.tokenize(
        mamebert.TokenizeConfig(corpus=clean.folder, tokenizer=vocab.folder, output=f"{output}/tokens")
    )
    encoder = mamebert.pretrain(
        mamebert.PretrainConfig(
            shards=tokens.folder,
            encoder={"hidden_size": 64, "num_hidden_layers": 2},
            training={"steps": 20, "batch_tokens": 512},
            output=f"{output}/encoder",
        )
    )
    print(encoder.folder, encoder.results["parameters"])


if __name__ == "__main__":  # stages start worker processes, which read this file again
    main(*sys.argv[1:])
