"""Writing on: tokens one after another from a causal model, with cached keys and values.

Legend: B examples, U tokens of all of them end to end, V vocabulary.
"""

from dataclasses import replace

import torch
from torch import Tensor

from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.mixer.cache import KeyValueCache
from lit_pretrain.types import Encoded, Encoder, Layout, TextBatch


@torch.no_grad()
def generate(
    model: Encoder,
    head: Head,
    prompt: TextBatch,
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
    generator: torch.Generator | None = None,
    source: Encoded | None = None,
) -> list[Tensor]:
    """New tokens of each example.

    Args:
        model: causal; with `source`, the decoder of an encoder-decoder. Its training mode is left as it is.
        head: units -> logits.
        prompt: what stands before; the prompts may differ in length.
        max_new_tokens: the most tokens an example gets.
        temperature: 0 takes the likeliest token each time.
        top_k: draw from the k likeliest only.
        top_p: draw from the likeliest that together have this probability (arXiv 1904.09751).
        stop: an example ends with this token, which is part of the result.
        generator: of the draws.
        source: encoded input for cross attention.

    Returns:
        B tensors of new token ids.

    Raises:
        ValueError: the model sees units ahead, a prompt is empty, or an option is out of range.
    """
    _check(model, prompt, max_new_tokens, temperature, top_k, top_p)
    cache, given = KeyValueCache(), {} if source is None else {"source": source}
    written: list[list[Tensor]] = [[] for _ in prompt.lengths]
    running = torch.ones(prompt.num_examples, dtype=torch.bool, device=prompt.tokens.device)
    inputs = prompt
    for _ in range(max_new_tokens):
        encoded = model(inputs, cache=cache, **given)
        last = encoded.layout.offsets[1:].long() - 1
        tokens = choose(head(encoded.units[last], model), temperature, top_k, top_p, generator)  # (B,)
        for b in running.nonzero().flatten().tolist():
            written[b].append(tokens[b])
        running &= tokens != (-1 if stop is None else stop)
        if not running.any():
            break
        inputs = replace(prompt, tokens=tokens, lengths=(1,) * len(written), num_bytes=None)
        inputs.layout = Layout(inputs.lengths, tokens.device, prefix=prompt.layout.prefix)
    return [torch.stack(tokens) for tokens in written]


def choose(
    logits: Tensor, temperature: float, top_k: int | None, top_p: float | None, generator: torch.Generator | None
) -> Tensor:
    """(B,) tokens drawn from logits (B, V), in fp32."""
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.float() / temperature
    if top_k is not None:
        least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None:
        ranked, order = logits.sort(descending=True)
        before = ranked.softmax(-1).cumsum(-1) - ranked.softmax(-1)
        ranked = ranked.masked_fill(before >= top_p, -torch.inf)
        logits = torch.empty_like(logits).scatter(-1, order, ranked)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)


def _check(
    model: Encoder, prompt: TextBatch, max_new_tokens: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    if not all(getattr(getattr(block, "mixer", None), "causal", False) for block in model.blocks):
        raise ValueError(f"{type(model).__name__} sees units ahead, so it cannot write: its mixers must be causal")
    if 0 in prompt.lengths:
        raise ValueError(f"prompt {prompt.lengths.index(0)} is empty; give it a token to start from")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1")
    if temperature < 0:
        raise ValueError(f"temperature={temperature} must be 0 (the likeliest token) or above")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k={top_k} must be at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p={top_p} must be above 0 and at most 1")
