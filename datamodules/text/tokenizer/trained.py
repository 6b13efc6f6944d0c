"""Subword tokenizers trained on the data: BPE, WordPiece and Unigram, by the `tokenizers` library."""

import hashlib
import json
import os
from abc import abstractmethod
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path

import tokenizers
import torch
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from lit_pretrain.datamodules.text.tokenizer.base import Template, Tokenizer
from lit_pretrain.types import Vocabulary

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[BOS]", "[EOS]")
SPACE = "Ġ"  # how byte-level pre-tokenisation writes a leading space


class Trained(Tokenizer):
    """What the three kinds share. They work on bytes, so any text comes back as it was.

    A tokenizer is trained once for the same settings and the same data and kept in the cache folder.

    Args:
        vocab_size: V, special tokens and sentinels included; fewer if the data do not give so many.
        num_sentinels: span markers for span corruption, `<extra_id_0>` and on.
        lowercase: fold case first (the text then comes back in lower case).
        template: which special tokens surround a piece of text.
    """

    starts_word_mark = SPACE

    def __init__(self, vocab_size: int = 8192, num_sentinels: int = 100, lowercase: bool = False,
                 template: Template = "encoder"):  # fmt: skip
        super().__init__(template)
        least = len(SPECIAL) + num_sentinels + 256
        if vocab_size < least:
            raise ValueError(f"vocab_size={vocab_size} leaves no room for {len(SPECIAL)} special tokens,"
                             f" {num_sentinels} sentinels and 256 bytes; give at least {least}")  # fmt: skip
        self.vocab_size, self.num_sentinels, self.lowercase = vocab_size, num_sentinels, lowercase
        self._made: tokenizers.Tokenizer | None = None

    @abstractmethod
    def model(self) -> models.Model: ...

    @abstractmethod
    def trainer(self, special: list[str]) -> trainers.Trainer: ...

    def decoder(self) -> decoders.Decoder:
        return decoders.ByteLevel()

    def complete(self, made: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
        """What training must have left, so that every byte has an id."""
        return made

    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: str, cache: Path) -> None:
        if self._made is not None:
            return
        settings = f"{type(self).__name__}-{self.vocab_size}-{self.num_sentinels}-{self.lowercase}-{fingerprint}"
        path = cache / f"tokenizer-{hashlib.blake2b(settings.encode(), digest_size=8).hexdigest()}.json"
        if path.exists():
            self._made = tokenizers.Tokenizer.from_file(str(path))
            return
        made = tokenizers.Tokenizer(self.model())
        if self.lowercase:
            made.normalizer = normalizers.Lowercase()
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = self.decoder()
        special = [*SPECIAL, *(f"<extra_id_{i}>" for i in range(self.num_sentinels))]
        made.train_from_iterator(texts(), self.trainer(special))
        made = self.complete(made)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        made.save(str(partial))
        os.replace(partial, path)
        self._made = made

    def restore(self, text: str) -> None:
        """Become the tokenizer that `artifacts` wrote as tokenizer.json."""
        self._made = tokenizers.Tokenizer.from_str(text)

    @property
    def made(self) -> tokenizers.Tokenizer:
        if self._made is None:
            raise ValueError("the tokenizer is not trained yet: call prepare_data() of the datamodule first")
        return self._made

    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        return [(e.ids, _widths(text, e.offsets)) for text, e in
                zip(texts, self.made.encode_batch(texts, add_special_tokens=False), strict=True)]  # fmt: skip

    def decode(self, ids: list[int]) -> str:
        return self.made.decode(ids, skip_special_tokens=True)

    @property
    def vocabulary(self) -> Vocabulary:
        made = self.made
        size = made.get_vocab_size()
        special = torch.zeros(size, dtype=torch.bool)
        special[: len(SPECIAL) + self.num_sentinels] = True
        starts_word = torch.tensor([self._starts_word(made.id_to_token(i)) for i in range(size)])
        ids = {name: made.token_to_id(f"[{name.upper()}]") for name in ("pad", "cls", "sep", "mask", "bos", "eos")}
        sentinels = tuple(made.token_to_id(f"<extra_id_{i}>") for i in range(self.num_sentinels))
        return Vocabulary(size, special, starts_word, **ids, sentinels=sentinels)

    def _starts_word(self, token: str) -> bool:
        return token.startswith(self.starts_word_mark)

    def artifacts(self) -> dict[str, str]:
        return {"tokenizer.json": self.made.to_str()}

    def identity(self) -> str:
        return self.made.to_str()


class BPE(Trained):
    """Byte-pair encoding (arXiv 1508.07909), over bytes as in GPT-2."""

    def model(self) -> models.Model:
        return models.BPE()

    def trainer(self, special: list[str]) -> trainers.Trainer:
        return trainers.BpeTrainer(vocab_size=self.vocab_size, special_tokens=special, show_progress=False,
                                   initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip


class WordPiece(Trained):
    """WordPiece (arXiv 1609.08144), over bytes; a token that continues a word is written with ##.

    Needs room for two alphabets of 256 bytes: those that begin a word and those that continue one.
    """

    def model(self) -> models.Model:
        return models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=1000)

    def decoder(self) -> decoders.Decoder:
        return decoders.Sequence([decoders.Replace(Regex("^##(?=.)"), ""), decoders.ByteLevel()])

    def trainer(self, special: list[str]) -> trainers.Trainer:
        return trainers.WordPieceTrainer(vocab_size=self.vocab_size - 256, special_tokens=special, show_progress=False,
                                         initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip

    def complete(self, made: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
        state = json.loads(made.to_str())
        vocab = state["model"]["vocab"]
        for byte in sorted(pre_tokenizers.ByteLevel.alphabet()):
            vocab.setdefault(f"##{byte}", len(vocab))
        return tokenizers.Tokenizer.from_str(json.dumps(state))


class Unigram(Trained):
    """The unigram language model (arXiv 1804.10959), over bytes."""

    def model(self) -> models.Model:
        return models.Unigram()

    def trainer(self, special: list[str]) -> trainers.Trainer:
        return trainers.UnigramTrainer(vocab_size=self.vocab_size, special_tokens=special, show_progress=False,
                                       unk_token="[UNK]", initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip


def _widths(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    """UTF-8 bytes of each token, so that they add up to the text's (offsets count characters, and may overlap where a
    character is cut)."""
    starts = [0, *accumulate(len(c.encode("utf-8", "surrogatepass")) for c in text)] if not text.isascii() else None
    ends = [end if starts is None else starts[end] for _, end in offsets]
    return [b - a for a, b in zip([0, *ends], ends, strict=False)]
