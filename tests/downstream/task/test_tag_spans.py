"""Spans are those of a loop over tags, and metrics those of sets of spans."""

import pytest
import torch

from lit_pretrain.datamodules.text.source.columns import Columns
from lit_pretrain.datamodules.text.tagged import TaggedTextDataModule
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.tag_spans import TagSpans
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.types import Encoded, Layout, Ragged, UnitBatch

TAGS = ("B-place", "B-who", "I-place", "I-who", "O")
LENGTHS = (7, 0, 12, 1, 30)


def loop(tags: list[str]) -> set[tuple[int, int, str]]:
    """The spans (first unit, unit after the last, kind) of one example."""
    spans, opened = set(), None
    for place, tag in enumerate([*tags, "O"]):
        if opened and tag != f"I-{opened[1]}":
            spans.add((opened[0], place, opened[1]))
            opened = None
        if tag != "O" and not opened:
            opened = (place, tag[2:])
    return spans


def scored(numbers: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(numbers, len(TAGS)).float()


def named(task: TagSpans, spans: torch.Tensor) -> set[tuple[int, int, str]]:
    return {(first, end, task.kinds[kind]) for first, end, kind in spans.tolist()}


def words(numbers: torch.Tensor) -> list[list[str]]:
    return [[TAGS[n] for n in part.tolist()] for part in numbers.split(LENGTHS)]


def test_metrics_and_outcomes_are_those_of_sets_of_spans():
    generator, task = torch.Generator().manual_seed(0), TagSpans(3, 5, TAGS)
    found, right = [], []
    for _ in range(3):
        labels = torch.randint(0, 5, (sum(LENGTHS),), generator=generator)
        guesses = torch.where(torch.rand(len(labels), generator=generator) < 0.7, labels, labels.roll(1))
        predictions = UnitBatch(scored(guesses), Layout(LENGTHS))
        encoded = Encoded(torch.zeros(5, 3), torch.zeros(sum(LENGTHS), 3), Layout(LENGTHS))
        task.update(predictions, encoded, UnitBatch(encoded.units, Layout(LENGTHS), unit_labels=Ragged(labels, LENGTHS)))
        decoded = [named(task, spans) for spans in task.decode(predictions)]
        assert decoded == [loop(tags) for tags in words(guesses)]
        found, right = found + decoded, right + [loop(tags) for tags in words(labels)]
    both, ours, theirs = (sum(map(len, x)) for x in ([a & b for a, b in zip(found, right, strict=True)], found, right))
    metrics = {name: float(value) for name, value in task.metrics.compute().items()}
    assert metrics == pytest.approx({"f1": 2 * both / (ours + theirs), "precision": both / ours, "recall": both / theirs})
    assert 0.2 < metrics["f1"] < 0.9
    outcomes = task.outcomes()
    assert float(outcomes.metric()) == pytest.approx(metrics["f1"]) and len(outcomes.sums) == 15


def test_an_inside_that_goes_on_with_nothing_opens_a_span():
    task = TagSpans(3, 5, TAGS)
    tags = ["I-who", "I-who", "B-who", "I-place", "I-place", "O", "I-place"]
    numbers = torch.tensor([TAGS.index(tag) for tag in tags])
    (spans,) = task.decode(UnitBatch(scored(numbers), Layout((7,))))
    assert spans.tolist() == [[0, 2, 1], [2, 3, 1], [3, 5, 0], [6, 7, 0]] and task.kinds == ("place", "who")


def test_no_span_at_all_scores_zero():
    task, layout = TagSpans(3, 5, TAGS), Layout((4,))
    outside = torch.full((4,), 4)
    batch = UnitBatch(torch.zeros(4, 3), layout, unit_labels=Ragged(outside, (4,)))
    task.update(UnitBatch(scored(outside), layout), Encoded(torch.zeros(1, 3), batch.units, layout), batch)
    assert set(map(float, task.metrics.compute().values())) == {0.0}
    assert [x.shape for x in task.decode(UnitBatch(scored(outside), layout))] == [(0, 3)]


def test_real_words_are_tagged_not_their_bytes(data_dir):
    data = TaggedTextDataModule(Columns(str(data_dir / "text/wnut17/dev.conll")), Bytes("encoder"), first=True,
                                tokens_per_batch=512)  # fmt: skip
    torch.manual_seed(0)
    encoder = BERT(384, 16, 1, 2, max_length=128)
    model = FineTune(encoder, TagSpans.of(encoder, data))
    assert len(model.task.kinds) == 6
    batch = next(iter(data.loader("train", shuffle=False)))
    optimizer = torch.optim.Adam(model.parameters(), 3e-2)
    for _ in range(50):
        term = model.loss(batch)["task"]
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()
    model.eval().loss(batch)
    assert term.count == (batch.unit_labels.values >= 0).sum() < 0.4 * batch.num_units
    assert float(model.task.metrics.compute()["f1"]) > 0.9
    texts = [sentence.words for sentence in data.source.sentences("train")]
    for number, spans in zip(batch.index.tolist(), model.predict_step(batch, 0)["predictions"], strict=True):
        assert all(0 <= first < end <= len(texts[number]) for first, end, _ in spans.tolist())


def test_what_is_no_span_or_another_tag_is_named(data_dir):
    with pytest.raises(ValueError, match=r"the data have .'I-who'"):
        TagSpans(3, 2, ("I-who", "O"))
    with pytest.raises(ValueError, match=r"the data have .'noun'"):
        TagSpans(3, 2, ("noun", "O"))
    with pytest.raises(ValueError, match="are 2, and num_classes=3"):
        TagSpans(3, 3, ("B-who", "O"))
    data = TaggedTextDataModule(Columns(str(data_dir / "text/wnut17/dev.conll")), Bytes("encoder"))
    with pytest.raises(ValueError, match=r"the data have the tags \('B-corporation'"):
        TagSpans(3, 5, TAGS).check(data)
    layout = Layout((4,))
    batch = UnitBatch(torch.zeros(4, 3), layout, unit_labels=Ragged(torch.zeros(2).long(), (2,)))
    with pytest.raises(ValueError, match="needs a label for each unit"):
        TagSpans(3, 5, TAGS).encode(lambda inputs: Encoded(torch.zeros(1, 3), inputs.units, layout), batch)
