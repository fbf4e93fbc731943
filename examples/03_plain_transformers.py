"""What we save, opened by transformers alone: nothing of mamebert is imported. Run `make demo` first."""

import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder = sys.argv[1] if len(sys.argv) > 1 else "runs/demo/packages/models/W"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
with torch.no_grad():
    logits = model(**tokenizer("Return the eigenvalues of a symmetric matrix.", return_tensors="pt")).logits
print(model.config.id2label[int(logits.argmax())])
