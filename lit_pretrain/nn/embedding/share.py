"""One embedding for two networks."""

from lit_pretrain.types import Encoder


def share_embedding(owner: Encoder, user: Encoder) -> None:
    """Let `user` (a generator, a decoder) read its tokens with `owner`'s embedding.

    Raises:
        ValueError: the two embeddings have different shapes.
    """
    ours, theirs = owner.token_table().shape, user.token_table().shape
    if ours != theirs:
        raise ValueError(f"the networks share their embedding, so its shapes must agree: encoder {tuple(ours)},"
                         f" other {tuple(theirs)}")  # fmt: skip
    user.embedding = owner.embedding
