"""Which package does a docstring come from? Run `make demo` first."""

import sys

import mamebert

folder = sys.argv[1] if len(sys.argv) > 1 else "runs/demo/packages/models/W"
classify = mamebert.load(folder)
print(classify(["Return the eigenvalues of a symmetric matrix.", "Tokenize a batch of sentence pairs."]))
