"""HuBERT (arXiv 2106.07447)."""

from lit_pretrain.encoders.wav2vec2 import Wav2Vec2


class HuBERT(Wav2Vec2):
    """The network of wav2vec 2.0 under its own name, so that transformers reads it as HubertModel. See `Wav2Vec2`."""
