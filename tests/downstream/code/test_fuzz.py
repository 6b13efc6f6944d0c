"""A wrong program is told from a right one, and MBPP's own solutions pass MBPP's tests."""

import json
import os
from pathlib import Path

import pytest

from lit_pretrain.downstream.code.check import check
from lit_pretrain.downstream.code.fuzz import fuzz
from lit_pretrain.downstream.code.sandbox import Limits

LARGEST = "def largest(numbers, k):\n    return sorted(numbers)[-k:]"
DRIVER = "import json\nprint(largest(*json.loads(input())))"
INPUTS = [json.dumps([[3, 1, 2], 1]), json.dumps([[9, 5, 9, -1], 2]), json.dumps([[4], 1])]


def test_the_same_by_other_means_passes():
    other = "import heapq\ndef largest(numbers, k):\n    return heapq.nlargest(k, numbers)[::-1]"
    found = fuzz(LARGEST, other, INPUTS, DRIVER)
    assert found.passed and found.tried == 3


@pytest.mark.parametrize(("mutation", "at"), [
    (("[-k:]", "[:k]"), 1),
    (("sorted(numbers)", "sorted(set(numbers))"), 2),
    (("[-k:]", "[-k:] * min(1, len(numbers) - 1)"), 3),
])  # fmt: skip
def test_a_mutated_solution_is_caught(mutation, at):
    mutated = LARGEST.replace(*mutation)
    found = fuzz(LARGEST, mutated, INPUTS, DRIVER)
    assert not found.passed and found.tried == at and found.differences[0].stdin == INPUTS[at - 1]
    first = found.differences[0]
    assert first.candidate.stdout != first.reference.stdout


def test_programs_that_do_not_end_are_cut_and_all_differences_can_be_had():
    endless = LARGEST.replace("return", "while k > 1: pass\n    return")
    found = fuzz(LARGEST, endless, INPUTS, DRIVER, Limits(seconds=4.0), stop=False)
    assert [d.candidate.status for d in found.differences] == ["timed out"] and found.tried == 3


def test_a_wrong_reference_is_named():
    with pytest.raises(ValueError, match=r"(?s)the reference failed on input 2.*IndexError"):
        fuzz("print([1][int(input())])", "print(1)", ["0", "1"])
    with pytest.raises(ValueError, match="no inputs"):
        fuzz("", "", [])


def test_a_program_that_leaves_before_its_tests_has_not_passed_them():
    assert check("def f(x): return 2 * x", ["assert f(2) == 4"]).status == "passed"
    assert check("def f(x): return 3 * x", ["assert f(2) == 4"]).status == "failed"
    left = check("import sys\ndef f(x): sys.exit(0)", ["assert f(2) == 4"])
    assert left.status == "failed" and left.code == 0
    with pytest.raises(ValueError, match="no tests"):
        check("x = 1", [])


@pytest.mark.skipif("LIT_PRETRAIN_DATA" not in os.environ, reason="MBPP is under LIT_PRETRAIN_DATA")
def test_solutions_of_mbpp_pass_its_tests():
    lines = Path(os.environ["LIT_PRETRAIN_DATA"], "code/mbpp/test.jsonl").read_text().splitlines()
    for row in map(json.loads, lines[::100]):
        result = check(row["code"], [row["test_setup_code"], *row["test_list"]])
        assert result.status == "passed", (row["task_id"], result)
