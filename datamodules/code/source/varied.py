"""Functions, each with a variant of itself."""

from collections.abc import Iterator
from random import Random

from lit_pretrain.datamodules.code.examples import parts
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.split import digest
from lit_pretrain.part import spec


class Varied(Source):
    """The programs of a source; the `target` of each is a variant by one of the variations, if one is possible.

    Files come as their functions. A program has the same variant in each reading.

    Args:
        source: where programs come from.
        variations: tried in an order of each program's own, until one succeeds.
    """

    def __init__(self, source: Source, variations: tuple[Variation, ...]):
        super().__init__()
        if not variations:
            raise ValueError("variations=() leave nothing to vary: give one at least")
        self.source, self.variations = source, tuple(variations)

    def programs(self, split: str) -> Iterator[Program]:
        for program in self.source.programs(split):
            for part in parts(program):
                yield part._replace(target=self.variant(part))
        self.counts = self.source.counts

    def variant(self, program: Program) -> str | None:
        random = Random(digest(program.text))
        if program.language != "python":
            return None
        order = random.sample(self.variations, len(self.variations))
        return next((found for variation in order if (found := variation(program.text, random)) is not None), None)

    def fingerprint(self, split: str) -> str:
        return digest(self.source.fingerprint(split), spec(self.variations))
