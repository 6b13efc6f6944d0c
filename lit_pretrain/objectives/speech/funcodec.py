"""Recordings as a few codes a frame, from which they can be heard again.

Legend: B recordings, S samples of the longest, U latent frames of all recordings end to end, Q stages, n of them in use.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from lit_pretrain.losses.multi_scale_mel import MultiScaleMel
from lit_pretrain.losses.si_sdr import si_sdr
from lit_pretrain.nn.decoder.codec import CodecDecoder
from lit_pretrain.nn.discriminator.stft import Judged, STFTDiscriminators
from lit_pretrain.nn.quantizer.residual_vector import ResidualQuantized, ResidualVectorQuantizer
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Layout, Losses, SpeechBatch, Term


class FunCodec(PretrainModule):
    """A neural codec (FunCodec, arXiv 2309.07405, after SoundStream, arXiv 2107.03312, and EnCodec, arXiv 2210.13438): an
    autoencoder of waveforms whose latent frames are sums of codes of n stages.

        loss = |x - y| + mel(x, y) + commitment + 1/9 max(0, 1 - D(y)) + 100/9 |features of D(x) - features of D(y)|
               + max(0, 1 - D(x)) + max(0, 1 + D(sg(y)))

    for what is decoded, y, of recordings x and discriminators D, means over which are taken; their three terms begin after
    `discriminator_start` steps. The first two hold the weights of D constant and the last one y, so that one backward pass
    gives each network its own gradient; both then step at once. As published, the last one counts only in batches where it
    is above the rest, lest the discriminators run away.

    In training n is drawn by the quantiser (`dropout`), so one model serves every bitrate. Logged in validation: the SI-SDR
    in dB for each n (`si_sdr_1`, ...), and the exponential of the entropy of each stage's codes (`perplexity_1`, ...).

    With `SEANetEncoder` and `SEANetDecoder` it works on waveforms, with `FreqCodecEncoder` and `FreqCodecDecoder` on
    spectrograms. Shorter recordings of a batch count as followed by silence; it is meant to be trained on crops of one
    length. What is left out: discriminators of other kinds, the scaling of recordings to one loudness, the semantic
    augmentation of the paper.

    Args:
        encoder: of recordings, one unit for each hop, such as `SEANetEncoder`.
        decoder: its counterpart.
        quantizer: of the units.
        discriminator: of waveforms.
        mel: the distance of spectrograms.
        time_weight: of |x - y|.
        mel_weight: of the distance of spectrograms.
        commitment_weight: of what the stages leave over.
        adversarial_weight: of max(0, 1 - D(y)).
        feature_weight: of the distance of features.
        discriminator_start: steps without discriminators.
        restrain: let the discriminators learn only where their loss is above that of the codec.

    Raises:
        ValueError: encoder, quantiser and decoder do not fit each other.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: CodecDecoder,
        quantizer: ResidualVectorQuantizer,
        discriminator: STFTDiscriminators,
        mel: MultiScaleMel = MultiScaleMel(),
        *,
        time_weight: float = 1.0,
        mel_weight: float = 1.0,
        commitment_weight: float = 1.0,
        adversarial_weight: float = 1 / 9,
        feature_weight: float = 100 / 9,
        discriminator_start: int = 0,
        restrain: bool = True,
    ):
        super().__init__()
        if encoder.hop != decoder.hop or encoder.dim != quantizer.dim:
            raise ValueError(f"units of width {encoder.dim} for {encoder.hop} samples reach a quantiser of width"
                             f" {quantizer.dim} and a decoder of {decoder.hop} samples; make them equal")  # fmt: skip
        self.encoder, self.decoder, self.quantizer = encoder, decoder, quantizer
        self.discriminator, self.mel = discriminator, mel
        self.time_weight, self.mel_weight, self.commitment_weight = time_weight, mel_weight, commitment_weight
        self.adversarial_weight, self.feature_weight = adversarial_weight, feature_weight
        self.discriminator_start, self.restrain = discriminator_start, restrain
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def loss(self, batch: SpeechBatch) -> Losses:
        waveforms = batch.padded().float()
        quantized, decoded = self.reconstruct(batch)
        frozen = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        fooled = functional_call(self.discriminator, frozen, (decoded,))
        real, fake = (self.discriminator(x) for x in (waveforms, decoded.detach()))
        started = (self.steps >= self.discriminator_start).float()  # on the device: no step waits for it
        terms = {
            "time": Term((decoded - waveforms).abs().mean(), 1, self.time_weight),
            "mel": Term(self.mel(decoded, waveforms, batch.sample_rate), 1, self.mel_weight),
            "commitment": Term(quantized.loss, 1, self.commitment_weight),
            "adversarial": Term(started * hinge(fooled, 1), 1, self.adversarial_weight),
            "features": Term(started * feature_distance(fooled, real), 1, self.feature_weight),
        }
        apart = hinge(real, 1) + hinge(fake, -1)
        if self.restrain:
            started = started * (apart > sum(term.weight * term.sum for term in terms.values())).float().detach()
        terms["discriminator"] = Term(started * apart, 1)
        return terms if self.training else terms | self.quality(batch)

    def reconstruct(self, batch: SpeechBatch) -> tuple[ResidualQuantized, Tensor]:
        """What the quantiser gives, and waveforms (B, S) in fp32."""
        encoded = self.encoder(batch)
        quantized = self.quantizer(encoded.units)
        return quantized, side_by_side(self.decoder(quantized.units, encoded.layout), batch)

    @torch.no_grad()
    def quality(self, batch: SpeechBatch) -> dict[str, Term]:
        """Of each n, the mean SI-SDR in dB; of each stage, the exponential of the entropy of its codes."""
        codes = torch.cat(self.codes(batch))
        found = {}
        for n, used in enumerate(self.quantizer.usage(codes), start=1):
            pairs = zip(self._decoded(codes[:, :n], batch), batch.waveforms.split(batch.lengths), strict=True)
            ratios = torch.stack([si_sdr(decoded, original) for decoded, original in pairs])
            found[f"si_sdr_{n}"] = Term(ratios.sum(), len(ratios), 0.0)
            found[f"perplexity_{n}"] = Term(used, 1, 0.0)
        return found

    @torch.no_grad()
    def codes(self, batch: SpeechBatch, quantizers: int | None = None) -> tuple[Tensor, ...]:
        """Of each recording, (frames, n) int64.

        Args:
            quantizers: n; None: Q.
        """
        encoded = self.encoder(batch)
        return self.quantizer.codes(encoded.units, quantizers).split(encoded.layout.lengths)

    @torch.no_grad()
    def decode(self, codes: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Of recordings as codes, (frames, n) each, the waveforms, frames * hop samples each."""
        layout = Layout(tuple(len(x) for x in codes), codes[0].device)
        drawn = self.decoder(self.quantizer.lookup(torch.cat(tuple(codes))), layout).float()
        return tuple(x[: n * self.decoder.hop] for x, n in zip(drawn, layout.lengths, strict=True))

    def bitrate(self, sample_rate: int, quantizers: int | None = None) -> float:
        """Bits a second of n stages; None: of Q."""
        return sample_rate / self.encoder.hop * self.quantizer.bits(quantizers)

    @torch.no_grad()
    def sounds(self, batch: SpeechBatch) -> dict[str, list[Tensor]]:
        """The recordings of a batch, and what is left of them with 1 to Q stages: "original", "stages_1", ..."""
        codes = torch.cat(self.codes(batch))
        found = {"original": list(batch.waveforms.split(batch.lengths))}
        return found | {f"stages_{n}": self._decoded(codes[:, :n], batch) for n in range(1, codes.shape[1] + 1)}

    @torch.no_grad()
    def pictures(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """Rows of spectrograms between 0 and 1, of the recording and of what is left with 1, 2, 4, ... and all stages:
        (B, K, 1, H, W)."""
        sounds = self.sounds(batch)
        last = len(sounds) - 1
        stages = [2**i for i in range(last.bit_length()) if 2**i < last] + [last]
        shown = [sounds["original"], *(sounds[f"stages_{n}"] for n in stages)]
        panels = [replace(batch, waveforms=torch.cat(waveforms)).preview() for waveforms in shown]
        return {f"spectrograms: recorded, from {', '.join(map(str, stages))} stages": torch.cat(panels, 1)}

    @torch.no_grad()
    def after_step(self) -> None:
        self.steps += 1

    def _decoded(self, codes: Tensor, batch: SpeechBatch) -> list[Tensor]:
        """(U, n) -> the waveforms, as long as the recordings."""
        drawn = self.decode(codes.split(self.encoder.layout(batch).lengths))
        return [x[:length] for x, length in zip(drawn, batch.lengths, strict=True)]


def side_by_side(decoded: Tensor, batch: SpeechBatch) -> Tensor:
    """(B, S or more) -> (B, S), zeros after the ends of recordings."""
    lengths = torch.tensor(batch.lengths)
    inside = torch.arange(max(batch.lengths)) < lengths[:, None]
    return decoded[:, : max(batch.lengths)].float() * inside.to(decoded.device, non_blocking=True)


def hinge(judged: list[Judged], sign: int) -> Tensor:
    """max(0, 1 - sign * score), the mean over discriminators."""
    return torch.stack([F.relu(1 - sign * scale.scores.float()).mean() for scale in judged]).mean()


def feature_distance(judged: list[Judged], target: list[Judged]) -> Tensor:
    """The mean over all layers of mean |a - b|; no gradient reaches the target."""
    pairs = [pair for one, other in zip(judged, target, strict=True)
             for pair in zip(one.features, other.features, strict=True)]  # fmt: skip
    return torch.stack([(a.float() - b.detach().float()).abs().mean() for a, b in pairs]).mean()
