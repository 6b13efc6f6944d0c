"""Programs are cut at the end of a line, and the next line is what is asked for."""

import pytest
import torch

from lit_pretrain.datamodules.code.completion import first_line
from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.text.tokenizer.trained import BPE
from lit_pretrain.types import TextBatch

BODY = "    total = 0\n\n    # add all\n    for x in xs:\n        total += x * {i}\n    return '''a\nb'''\n"


class Functions(Source):
    """Functions of eight lines; one of a line alone, and one that is no program."""

    def programs(self, split):
        for i in range(30 if split == "train" else 12):
            yield Program(f"def f{split}{i}(xs):\n{BODY.format(i=i)}", "python", doc="Adds all up." if i % 2 else None)
        yield Program("def g(): return 1", "python")
        yield Program("def = =\n  x\n  y\n", "python")

    def fingerprint(self, split):
        return split


@pytest.fixture
def data(tmp_path, monkeypatch) -> CodeDataModule:
    monkeypatch.setenv("LIT_PRETRAIN_CACHE", str(tmp_path))
    return CodeDataModule(Functions(), BPE(500), max_length=200, max_doc_length=10, tokens_per_batch=2000)


def test_a_prompt_and_its_line_are_a_beginning_of_the_program(data):
    asked = set()
    for batch in data.loader("validation", shuffle=False):
        prompts, wanted = data.unfinished(batch)
        assert prompts.num_examples == len(wanted) == 12 == len(prompts.index)
        for number, prompt, line in zip(prompts.index.tolist(), data.describe(prompts), wanted, strict=True):
            whole = data.describe(batch)[batch.index.tolist().index(number)]
            assert whole.startswith(prompt) and whole[len(prompt) :].lstrip().startswith(line)
            assert whole[len(prompt) :][0] == "\n" and "\n" not in line and line in BODY.format(i=number)
            asked.add(line.split()[0])
        assert data.unfinished(batch)[1] == wanted
    assert asked == {"total", "#", "for"}, "neither the first line nor the last, with the string"


def test_a_model_that_writes_the_program_on_is_right(data):
    batch = next(iter(data.loader("validation", shuffle=False)))
    prompts, wanted = data.unfinished(batch)
    whole = dict(zip(batch.index.tolist(), batch.tokens.split(batch.lengths), strict=True))
    written = [whole[n][length : length + 40] for n, length in zip(prompts.index.tolist(), prompts.lengths, strict=True)]
    assert data.endings(written) == wanted
    end = torch.tensor([data.vocabulary.eos])
    assert data.endings([torch.cat([end, written[0]]), written[0][:0]]) == ["", ""]


def test_lines_are_read_without_white_space():
    assert [first_line(text) for text in ("\n\n   a = 1 \n b", "", "  \n", "x")] == ["a = 1", "", "", "x"]


def test_data_without_lines_say_so(data):
    batch = TextBatch(torch.arange(3), (3,))
    assert super(CodeDataModule, data).unfinished(batch) is None
    with pytest.raises(ValueError, match="cuts no examples"):
        super(CodeDataModule, data).endings([])


def test_pairs_need_no_label(data):
    assert data.side_names == ("description", "code") and data.class_names == ()
    batches = list(data.loader("test", shuffle=False, labelled=True))
    assert sum(batch.num_examples for batch in batches) == 14
    assert sum(batch.counterparts[0].num_examples for batch in batches) == 6
    data.documentation = False
    assert data.side_names == ()
