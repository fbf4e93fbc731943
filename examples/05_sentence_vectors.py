"""Which sentence means nearly the same? Run recipes/tasks_vectors.toml first."""

import sys

import numpy as np

import mamebert

folder = sys.argv[1] if len(sys.argv) > 1 else "runs/tasks_vectors/jsts/models/ja"
model = mamebert.load(folder, "task")
texts = sys.argv[2:] or ["犬が公園を走っている。", "公園で犬が駆けている。", "机の上に時計がある。"]

vectors = np.array([answer["vector"] for answer in model(texts)])
unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
print(texts[1 + int(np.argmax(unit[1:] @ unit[0]))])

# Two texts in one item are answered with their cosine.
print(model([texts[:2]])[0]["cosine"])
