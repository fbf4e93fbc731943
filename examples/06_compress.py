"""A fine-tuned model made smaller by two methods, one after the other: python 06_compress.py MODEL OUTPUT."""

import sys

import mamebert


def main(model: str, output: str) -> None:
    run = mamebert.compress(
        mamebert.CompressConfig(
            model=model,
            method=[
                {"kind": "drop_layers", "drop": 1, "training": {"epochs": 1}},
                {"kind": "prune_vocabulary"},
            ],
            seeds=[1],
            measure_seconds=0,
            output=output,
        )
    )
    before, after = run.results["teacher"], run.results["models"][0]
    print(before["parameters"], "->", after["parameters"], "parameters; accuracy", after["scores"]["accuracy"]["mean"])


if __name__ == "__main__":
    main(*sys.argv[1:])
