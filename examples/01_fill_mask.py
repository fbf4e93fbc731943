"""Ask an encoder for the words behind [MASK]. Run `make demo` first."""

import sys

import mamebert

folder = sys.argv[1] if len(sys.argv) > 1 else "runs/demo/encoder_w"
fill = mamebert.load(folder)
for masks in fill("returns a new [MASK] of the same shape ."):
    for candidates in masks:
        print(candidates)
