"""How well does a model tell which sentences mean the same, before anything is trained on them?

Give any folder of sentence-transformers, or any BERT encoder, and pairs: JSONL rows with text, second and label.
"""

import sys

import mamebert

folder, pairs, output = sys.argv[1:4]
config = mamebert.EvaluateConfig(model=folder, test=pairs, task="sentence_embeddings", output=output)
run = mamebert.evaluate(config)
print(run.results["measure"], run.results["models"][0]["scores"]["spearman"])
