"""First in, first out, also around the end, over checkpoints and under a backward pass."""

from collections import deque

import pytest
import torch

from lit_pretrain.nn.queue import Queue


def rows(queue: Queue) -> set[float]:
    return set(queue()[:, 0].tolist())


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (3, 4, 1, 3), (5, 5), (7, 12, 2)])
def test_the_oldest_make_room(sizes):
    queue, expected, number = Queue(5, 2), deque(maxlen=5), 0
    for size in sizes:
        new = torch.arange(number, number + size).float()
        queue.push(new[:, None].expand(-1, 2))
        expected.extend(new.tolist())
        number += size
        assert set(expected) <= rows(queue) and len(queue()) == 5


def test_a_checkpoint_goes_on_where_it_was():
    queue, again = Queue(4, 3), Queue(4, 3)
    queue.push(torch.randn(3, 3))
    again.load_state_dict(queue.state_dict())
    new = torch.randn(2, 3)
    queue.push(new)
    again.push(new)
    assert torch.equal(queue(), again()) and torch.equal(queue.next, again.next)


def test_it_begins_with_directions_and_takes_no_gradients():
    torch.testing.assert_close(Queue(6, 8)().norm(dim=1), torch.ones(6))
    queue, x = Queue(4, 3), torch.randn(2, 3, requires_grad=True)
    loss = (x @ queue().T).sum()
    expected = queue().sum(0).expand(2, 3)
    queue.push(x)
    loss.backward()  # of the vectors as they were
    torch.testing.assert_close(x.grad, expected.clone())
    assert not queue().requires_grad and not list(queue.parameters())


def test_mistakes():
    with pytest.raises(ValueError, match=r"size=0"):
        Queue(0, 3)
