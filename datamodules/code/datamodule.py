"""Code for pretraining, and labelled code for probes and fine-tuning."""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from importlib.metadata import version
from itertools import takewhile

from torch import Tensor

from lit_pretrain.datamodules.code.completion import first_line, unfinished
from lit_pretrain.datamodules.code.cut import Functions, collate
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.programs import FORMAT, Programs, prepare
from lit_pretrain.datamodules.code.relations import relations
from lit_pretrain.datamodules.code.source.base import Source
from lit_pretrain.datamodules.code.tags import TAG_NAMES, tagged
from lit_pretrain.datamodules.files import cache_folder
from lit_pretrain.datamodules.split import SPLITS, digest
from lit_pretrain.datamodules.text.tokenized import TokenizedDataModule
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.types import CodeBatch, Relations


class CodeDataModule(TokenizedDataModule):
    """Functions as packed batches of token ids, with what a parser knows of them (`CodeBatch`).

    Everything is parsed and tokenised once and kept in the cache (`LIT_PRETRAIN_CACHE`, default ~/.cache/lit_pretrain);
    a preparation that was cut goes on where it was. An example is the beginning of a function, or of a whole program
    where the source has such. Examples that are exactly the same are taken once, and those of validation and test are
    left out of training. A batch holds up to `tokens_per_batch` tokens of whole examples, laid end to end without padding.

    Args:
        source: where programs come from.
        tokenizer: trained on the source's training programs where it must be; None: taken over from the pretraining data
            (`adopt`), for data that only a probe or a fine-tuning reads. One over bytes keeps all white space.
        languages: programs in others are left out; the types of nodes are those of all their grammars.
        documentation: put the description (docstring) in front of the code, where there is one.
        max_length: the most tokens of an example, special tokens included.
        max_doc_length: the most tokens of a description.
        tokens_per_batch: the budget of a batch.
        bucket: put examples of similar length together, which padded attention back ends want.
        num_workers: processes that collate.
        num_parsers: processes that parse and tokenise, once.
        tags: batches say what each token is (`unit_names`), to be learned by `TagUnits`.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: Tokenizer | None = None,
        *,
        languages: tuple[str, ...] = ("python",),
        documentation: bool = True,
        max_length: int = 256,
        max_doc_length: int = 64,
        tokens_per_batch: int = 8192,
        bucket: bool = False,
        num_workers: int = 0,
        num_parsers: int = 0,
        tags: bool = False,
    ):
        super().__init__(source, tokenizer, max_length=max_length, tokens_per_batch=tokens_per_batch, bucket=bucket,
                         num_workers=num_workers)  # fmt: skip
        self.languages, self.documentation = tuple(languages), documentation
        self.max_doc_length, self.num_parsers, self.tags = max_doc_length, num_parsers, tags
        self._programs: dict[str, Programs] = {}

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.programs("train").label_names

    @property
    def target_names(self) -> tuple[str, ...]:
        """The tokens, where programs have a `target`."""
        if not len(self.programs("train").columns["target"]):
            return ()
        return tuple(self._ready_tokenizer().decode([i]) for i in range(self.vocab_size))

    @property
    def unit_names(self) -> tuple[str, ...]:
        return TAG_NAMES if self.tags else ()

    @property
    def side_names(self) -> tuple[str, ...]:
        """Where programs have descriptions."""
        return ("description", "code") if self.documentation and self.programs("train").docs.any() else ()

    @cached_property
    def node_types(self) -> tuple[str, ...]:
        """Names of the types of inner nodes, in the order of their numbers."""
        return node_types(self.languages)

    def prepare_data(self) -> None:
        for split in SPLITS:
            self.programs(split)

    def texts(self) -> Iterator[str]:
        for program in self.source.programs("train"):
            if program.language in self.languages:
                yield from (text for text in (program.doc, program.text, program.target) if text)

    def programs(self, split: str) -> Programs:
        """All programs of a split as numbers, from the cache if they are there."""
        if split not in self._programs:
            tokenizer = self._ready_tokenizer()
            others = SPLITS[1:] if split == "train" else ()
            content = digest([self.source.fingerprint(s) for s in (split, *others)], self.languages, self.node_types,
                             version("tree-sitter"))  # fmt: skip
            name = f"{type(self.source).__name__}-{split}-{content}-{tokenizer.digest}-{FORMAT}"
            self._programs[split] = prepare(
                self.source, split, tokenizer, self.languages, cache_folder() / "code" / name,
                without=tuple(map(self.programs, others)), num_workers=self.num_parsers,
            )  # fmt: skip
        return self._programs[split]

    def examples(self, split: str, labelled: bool) -> Functions:
        tokenizer = self._ready_tokenizer()
        vocab, (before, after) = tokenizer.vocabulary, tokenizer.around()
        between = vocab.eos if vocab.sep is None else vocab.sep
        max_doc = self.max_doc_length if self.documentation else 0
        return Functions(self.programs(split), self.class_names, before, [vocab.need("sep") if between is None else between],
                         after, max_length=self.max_length, max_doc=max_doc,
                         labelled=labelled and bool(self.class_names))  # fmt: skip

    def relations(self, batch: CodeBatch) -> Relations:
        """Those of the syntax trees."""
        return relations(batch, self.node_types)

    def unfinished(self, batch: CodeBatch) -> tuple[CodeBatch, list[str]]:
        """Programs up to the end of a line, and the next line."""
        return unfinished(batch, self._ready_tokenizer().decode)

    def endings(self, written: list[Tensor]) -> list[str]:
        """The first line that a model wrote."""
        return [first_line(self._ready_tokenizer().decode(self._until_end(ids.tolist()))) for ids in written]

    def _until_end(self, ids: list[int]) -> list[int]:
        ends = {self.vocabulary.eos, self.vocabulary.sep}
        return list(takewhile(lambda i: i not in ends, ids))

    def collate(self) -> Callable[[list], CodeBatch]:
        return partial(_collate, node_types=len(self.node_types), tags=self.tags)


def _collate(samples: list, node_types: int, tags: bool) -> CodeBatch:
    batch = collate(samples, node_types)
    return tagged(batch) if tags else batch
