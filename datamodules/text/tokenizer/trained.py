"""Subword tokenizers trained on the data: BPE, WordPiece and Unigram, by the `tokenizers` library."""

import hashlib
import json
import os
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import uuid4

import tokenizers
import torch
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

from lit_pretrain.datamodules.text.tokenizer import subwords
from lit_pretrain.datamodules.text.tokenizer.base import Template, Tokenizer
from lit_pretrain.datamodules.unreadable import reason
from lit_pretrain.types import Vocabulary

NAMES = ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
SPECIAL = tuple(f"[{name.upper()}]" for name in NAMES)


class Trained(Tokenizer):
    """What the three kinds share. They work on bytes, so any text comes back as it was.

    A tokenizer is trained once for the same settings and the same data and kept in the cache folder.

    Args:
        vocab_size: V, special tokens and sentinels included; fewer if the data do not give so many.
        num_sentinels: span markers for span corruption, `<extra_id_0>` and on.
        lowercase: fold case first (the text then comes back in lower case).
        template: which special tokens surround a piece of text.
    """

    num_bytes = 256  # ids that every vocabulary has, so that nothing is unknown

    def __init__(self, vocab_size: int = 8192, num_sentinels: int = 100, lowercase: bool = False,
                 template: Template = "encoder"):  # fmt: skip
        super().__init__(template)
        least = len(SPECIAL) + num_sentinels + self.num_bytes
        if vocab_size < least:
            raise ValueError(f"vocab_size={vocab_size} leaves no room for {len(SPECIAL)} special tokens,"
                             f" {num_sentinels} sentinels and {self.num_bytes} bytes; give at least {least}")  # fmt: skip
        self.vocab_size, self.num_sentinels, self.lowercase = vocab_size, num_sentinels, lowercase
        self._made: tokenizers.Tokenizer | None = None

    @abstractmethod
    def model(self) -> models.Model: ...

    @abstractmethod
    def trainer(self, special: list[str]) -> trainers.Trainer: ...

    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        return pre_tokenizers.ByteLevel(add_prefix_space=False)

    def decoder(self) -> decoders.Decoder:
        return decoders.ByteLevel()

    def train(self, blank: tokenizers.Tokenizer, texts: Iterable[str], special: list[str]) -> tokenizers.Tokenizer:
        blank.train_from_iterator(texts, self.trainer(special))
        return blank

    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: Callable[[], str], cache: Path) -> None:
        if self._made is not None:
            return
        blank = tokenizers.Tokenizer(self.model())
        if self.lowercase:
            blank.normalizer = normalizers.Lowercase()
        blank.pre_tokenizer, blank.decoder = self.pre_tokenizer(), self.decoder()
        settings = (blank.to_str(), self.vocab_size, self.num_sentinels, tokenizers.__version__, fingerprint())
        path = cache / f"tokenizer-{hashlib.blake2b(repr(settings).encode(), digest_size=8).hexdigest()}.json"
        if not path.exists():
            special = [*SPECIAL, *(f"<extra_id_{i}>" for i in range(self.num_sentinels))]
            made = self.train(blank, texts(), special)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{uuid4().hex[:8]}.partial")
            made.save(str(partial))
            try:
                os.link(partial, path)  # unlike a renaming, it fails if another process was first: all use one file
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        try:
            subwords.check_ids(path)
            self._made = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises no other kind
            raise ValueError(f"tokenizer {path} is damaged ({reason(error)}): delete it, it will be made again") from error

    @property
    def made(self) -> tokenizers.Tokenizer:
        if self._made is None:
            raise ValueError("the tokenizer is not trained yet: call prepare_data() of the datamodule first")
        return self._made

    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        return subwords.encode(self.made, texts)

    def decode(self, ids: list[int]) -> str:
        return self.made.decode(ids, skip_special_tokens=True)

    @property
    def vocabulary(self) -> Vocabulary:
        made = self.made
        size = made.get_vocab_size()
        special = torch.zeros(size, dtype=torch.bool)
        special[: len(SPECIAL) + self.num_sentinels] = True
        ids = {name: made.token_to_id(token) for name, token in zip(NAMES, SPECIAL, strict=True) if name != "unk"}
        sentinels = tuple(made.token_to_id(f"<extra_id_{i}>") for i in range(self.num_sentinels))
        return Vocabulary(size, special, subwords.word_starts(made, size), **ids, sentinels=sentinels)

    def artifacts(self) -> dict[str, str]:
        """What `transformers` reads: the tokenizer, which puts the template's special tokens around, and their names."""
        made = tokenizers.Tokenizer.from_str(self.made.to_str())
        before, after = ([made.id_to_token(i) for i in ids] for ids in self.around())
        if before or after:
            pair = [*before, "$A", *after, "$B:1", *(f"{token}:1" for token in after)]
            made.post_processor = processors.TemplateProcessing(
                single=[*before, "$A", *after],
                pair=pair,
                special_tokens=[(t, made.token_to_id(t)) for t in {*before, *after}],
            )
        names = {f"{name}_token": token for name, token in zip(NAMES, SPECIAL, strict=True)}
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **names}
        return {"tokenizer.json": made.to_str(), "tokenizer_config.json": json.dumps(config, indent=2) + "\n"}

    def restore(self, artifacts: dict[str, str]) -> None:
        state = json.loads(artifacts["tokenizer.json"])
        state["post_processor"] = None  # that of the template, which `artifacts` adds
        self._made = tokenizers.Tokenizer.from_str(json.dumps(state))

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

    num_bytes = 2 * 256
    longest = 100  # bytes of a word; a longer one would be unknown, so it is cut

    def model(self) -> models.Model:
        return models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=self.longest)

    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        # Each # by itself: a word that begins with ## could not be told from the rest of one.
        hashes = pre_tokenizers.Split("#", "isolated")
        cut = pre_tokenizers.Split(Regex(f".{{1,{self.longest}}}"), "isolated")
        return pre_tokenizers.Sequence([hashes, super().pre_tokenizer(), cut])

    def decoder(self) -> decoders.Decoder:
        return decoders.Sequence([decoders.Replace(Regex("^##(?=.)"), ""), decoders.ByteLevel()])

    def trainer(self, special: list[str]) -> trainers.Trainer:
        return trainers.WordPieceTrainer(vocab_size=self.vocab_size, special_tokens=special, show_progress=False,
                                         initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip

    def train(self, blank: tokenizers.Tokenizer, texts: Iterable[str], special: list[str]) -> tokenizers.Tokenizer:
        # The trainer meets continuing bytes in the order of a hash table, another one in each run, and misses some. As
        # special tokens they get their ids first; afterwards they are tokens like any other.
        continuing = [f"##{byte}" for byte in sorted(pre_tokenizers.ByteLevel.alphabet())]
        state = json.loads(super().train(blank, texts, [*special, *continuing]).to_str())
        state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in special]
        return tokenizers.Tokenizer.from_str(json.dumps(state))


class Unigram(Trained):
    """The unigram language model (arXiv 1804.10959), over bytes.

    The library's training is not the same in each run; the cache, checkpoints and exports keep the outcome.
    """

    def model(self) -> models.Model:
        return models.Unigram()

    def trainer(self, special: list[str]) -> trainers.Trainer:
        return trainers.UnigramTrainer(vocab_size=self.vocab_size, special_tokens=special, show_progress=False,
                                       unk_token="[UNK]", initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
