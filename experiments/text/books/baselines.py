"""What a causal language model has to beat: compressors and interpolated Kneser-Ney 5-grams, in bits per byte.

    python experiments/text/books/baselines.py --train FILE [FILE ...] --test FILE [--tokenizer tokenizer.json]

The 5-gram over bytes needs no tokenizer; the 5-gram over tokens uses the language model's own (`lit-pretrain export`
writes it). gzip and xz compress the test text alone, and after the training text (the difference of the two sizes).
"""

import argparse
import gzip
import json
import lzma
import math
from collections import Counter, defaultdict
from pathlib import Path

ORDER, DISCOUNT = 5, 0.75  # the usual absolute discount


class KneserNey:
    """Interpolated Kneser-Ney: p(w | h) = max(c(h w) - D, 0) / c(h) + D n(h) / c(h) * p(w | shorter h).

    The highest order counts occurrences, the lower ones count distinct left neighbours; below is the uniform.
    """

    def __init__(self, sequence: list[int], size: int):
        self.size = size
        grams: list[Counter] = [Counter() for _ in range(ORDER + 1)]
        grams[ORDER].update(zip(*(sequence[i:] for i in range(ORDER)), strict=False))
        for n in range(ORDER - 1, 0, -1):
            grams[n].update(gram[1:] for gram in grams[n + 1])
        self.counts = grams
        self.total: list[defaultdict] = [defaultdict(int) for _ in range(ORDER + 1)]
        self.kinds: list[defaultdict] = [defaultdict(int) for _ in range(ORDER + 1)]
        for n in range(1, ORDER + 1):
            for gram, count in grams[n].items():
                self.total[n][gram[:-1]] += count
                self.kinds[n][gram[:-1]] += 1

    def probability(self, gram: tuple[int, ...]) -> float:
        p = 1 / self.size
        for n in range(1, len(gram) + 1):
            short = gram[-n:]
            total = self.total[n].get(short[:-1], 0)
            if total:
                own = max(self.counts[n].get(short, 0) - DISCOUNT, 0.0)
                p = (own + DISCOUNT * self.kinds[n][short[:-1]] * p) / total
        return p

    def bits(self, sequence: list[int]) -> float:
        return -sum(
            math.log2(self.probability(tuple(sequence[max(0, i - ORDER + 1) : i + 1]))) for i in range(len(sequence))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", nargs="+", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path)
    arguments = parser.parse_args()
    train = b"\n".join(path.read_bytes() for path in arguments.train)
    test = arguments.test.read_bytes()

    result = {"train_bytes": len(train), "test_bytes": len(test)}
    for name, pack in (("gzip", lambda x: gzip.compress(x, 9)), ("xz", lambda x: lzma.compress(x, preset=9))):
        result[name] = 8 * len(pack(test)) / len(test)
        result[f"{name} after the training text"] = 8 * (len(pack(train + test)) - len(pack(train))) / len(test)
    result["5-gram over bytes"] = KneserNey(list(train), 256).bits(list(test)) / len(test)
    if arguments.tokenizer:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
        ids = [tokenizer.encode(text.decode(), add_special_tokens=False).ids for text in (train, test)]
        result["5-gram over tokens"] = KneserNey(ids[0], tokenizer.get_vocab_size()).bits(ids[1]) / len(test)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
