"""The tokenizer of a published model."""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import tokenizers
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lit_pretrain.datamodules.text.tokenizer import subwords
from lit_pretrain.datamodules.text.tokenizer.base import Template, Tokenizer
from lit_pretrain.datamodules.unreadable import reason
from lit_pretrain.types import Vocabulary


class Pretrained(Tokenizer):
    """A tokenizer of `transformers`, from a folder or by the name of a model on the hub. Code in it is never run.

    Args:
        name_or_folder: a local folder is read without a network.
        template: which special tokens surround a piece of text.
    """

    def __init__(self, name_or_folder: str, template: Template = "encoder"):
        super().__init__(template)
        self.name_or_folder = name_or_folder
        self._made: PreTrainedTokenizerFast | None = None

    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: Callable[[], str], cache: Path) -> None:
        if self._made is None:
            self._load(self.name_or_folder)

    def _load(self, folder: str) -> None:
        try:
            if (file := Path(folder, "tokenizer.json")).is_file():
                subwords.check_ids(file)
            made = AutoTokenizer.from_pretrained(folder, use_fast=True)
            _ = made.unk_token_id, made.all_special_ids  # endless where the unknown token itself is unknown
        except Exception as error:  # both libraries check little of what the files say
            raise ValueError(f"tokenizer {self.name_or_folder!r} cannot be loaded ({reason(error)})") from error
        if not made.is_fast:
            raise ValueError(f"tokenizer {self.name_or_folder!r} has no tokenizer.json; convert it to a fast tokenizer")
        self._made = made

    @property
    def made(self) -> PreTrainedTokenizerFast:
        if self._made is None:
            raise ValueError("the tokenizer is not loaded yet: call prepare_data() of the datamodule first")
        return self._made

    @cached_property
    def bare(self) -> tokenizers.Tokenizer:
        """The same without the truncation and padding that a published tokenizer.json may ask for."""
        bare = tokenizers.Tokenizer.from_str(self.made.backend_tokenizer.to_str())
        bare.no_truncation()
        bare.no_padding()
        return bare

    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        return subwords.encode(self.bare, texts)

    def decode(self, ids: list[int]) -> str:
        return self.made.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    @property
    def vocabulary(self) -> Vocabulary:
        made = self.made
        size = max(made.get_vocab().values()) + 1  # more than len(made) where ids were left free
        added = [i for i, token in made.added_tokens_decoder.items() if token.special]
        sentinels = [made.convert_tokens_to_ids(f"<extra_id_{i}>") for i in range(100)]
        sentinels = tuple(i for i in sentinels if i is not None and i != made.unk_token_id)
        special = torch.zeros(size, dtype=torch.bool)
        special[sorted({*made.all_special_ids, *added, *sentinels})] = True
        return Vocabulary(
            size, special, subwords.word_starts(made.backend_tokenizer, size), pad=made.pad_token_id,
            mask=made.mask_token_id, cls=made.cls_token_id, sep=made.sep_token_id, bos=made.bos_token_id,
            eos=made.eos_token_id, sentinels=sentinels,
        )  # fmt: skip

    def artifacts(self) -> dict[str, str]:
        with TemporaryDirectory() as folder:
            self.made.save_pretrained(folder)
            return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.json"))}

    def restore(self, artifacts: dict[str, str]) -> None:
        with TemporaryDirectory() as folder:
            for name, text in artifacts.items():
                Path(folder, name).write_text(text, encoding="utf-8")
            self._load(folder)

    def identity(self) -> str:
        return self.made.backend_tokenizer.to_str()
