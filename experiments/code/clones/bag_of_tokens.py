"""MAP@R of clones among the test programs of POJ-20 by a bag of tokens (TF-IDF), without a network.

LIT_PRETRAIN_DATA=... python experiments/code/clones/bag_of_tokens.py
"""

import json
import os
from pathlib import Path

import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from lit_pretrain.probes.retrieval import RetrievalProbe

FOLDER = Path(os.environ["LIT_PRETRAIN_DATA"]) / "code/poj20"

train, test = ([json.loads(line) for line in (FOLDER / f"{split}.jsonl").open()] for split in ("train", "test"))
bag = TfidfVectorizer(token_pattern=r"[A-Za-z_]\w*|\d+|[^\s\w]", lowercase=False, sublinear_tf=True, min_df=2)
bag.fit(row["code"] for row in train)
(x, y), (z, w) = (
    (torch.tensor(bag.transform(row["code"] for row in rows).toarray()), torch.tensor([int(row["label"]) for row in rows]))
    for rows in (train, test)
)
print(f"MAP@R {100 * dict(RetrievalProbe(centre=True).fit(x, y).score(z, w))['map_at_r']:.2f}")
