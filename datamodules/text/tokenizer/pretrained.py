"""The tokenizer of a published model."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lit_pretrain.datamodules.text.tokenizer.base import Template, Tokenizer
from lit_pretrain.datamodules.text.tokenizer.trained import _widths
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

    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: str, cache: Path) -> None:
        if self._made is not None:
            return
        try:
            made = AutoTokenizer.from_pretrained(self.name_or_folder, use_fast=True)
        except (OSError, ValueError) as error:
            raise ValueError(f"tokenizer {self.name_or_folder!r} cannot be loaded: {str(error).splitlines()[0]}") from error
        if not made.is_fast:
            raise ValueError(f"tokenizer {self.name_or_folder!r} has no tokenizer.json; convert it to a fast tokenizer")
        self._made = made

    @property
    def made(self) -> PreTrainedTokenizerFast:
        if self._made is None:
            raise ValueError("the tokenizer is not loaded yet: call prepare_data() of the datamodule first")
        return self._made

    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        encoded = self.made(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return [(ids, _widths(text, offsets)) for text, ids, offsets in
                zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)]  # fmt: skip

    def decode(self, ids: list[int]) -> str:
        return self.made.decode(ids, skip_special_tokens=True)

    @property
    def vocabulary(self) -> Vocabulary:
        made = self.made
        size = max(len(made), made.vocab_size)
        special = torch.zeros(size, dtype=torch.bool)
        special[[i for i in made.all_special_ids if i < size]] = True
        tokens = made.convert_ids_to_tokens(list(range(size)))
        pieces = any(t is not None and t.startswith("##") for t in tokens)
        starts = [t is not None and (not t.startswith("##") if pieces else t[:1] in ("Ġ", "▁")) for t in tokens]
        sentinels = [made.convert_tokens_to_ids(f"<extra_id_{i}>") for i in range(100)]
        sentinels = tuple(i for i in sentinels if i is not None and i != made.unk_token_id)
        return Vocabulary(
            size, special, torch.tensor(starts), pad=made.pad_token_id, mask=made.mask_token_id, cls=made.cls_token_id,
            sep=made.sep_token_id, bos=made.bos_token_id, eos=made.eos_token_id, sentinels=sentinels,
        )  # fmt: skip

    def artifacts(self) -> dict[str, str]:
        return {"tokenizer.json": self.made.backend_tokenizer.to_str()}

    def identity(self) -> str:
        return self.made.backend_tokenizer.to_str()
