"""FunCodec: two players in one backward pass, bitrates, and recordings that can be heard again."""

from functools import cache, partial

import pytest
import torch
from torch import Tensor

from lit_pretrain.encoders.freq_codec import FreqCodecEncoder
from lit_pretrain.encoders.seanet import SEANetEncoder
from lit_pretrain.losses.multi_scale_mel import MultiScaleMel
from lit_pretrain.losses.si_sdr import si_sdr
from lit_pretrain.nn.decoder.freq_codec import FreqCodecDecoder
from lit_pretrain.nn.decoder.seanet import SEANetDecoder
from lit_pretrain.nn.discriminator.stft import STFTDiscriminators
from lit_pretrain.nn.quantizer.residual_vector import ResidualVectorQuantizer
from lit_pretrain.objectives.speech.funcodec import FunCodec
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

Q, V, HOP, RATE = 3, 4, 20, 8000


def codec(start: int = 0, *, spectral: bool = False, **settings) -> FunCodec:
    torch.manual_seed(0)
    shape = {"dim": 8, "width": 8, "kernel": 3}
    if spectral:
        shape |= {"strides": ((4, 1), (4, 1)), "window": 64, "step": HOP}
        encoder, decoder = FreqCodecEncoder(**shape), FreqCodecDecoder(**shape)
    else:
        encoder, decoder = (part(**shape, strides=(4, 5)) for part in (SEANetEncoder, SEANetDecoder))
    quantizer = ResidualVectorQuantizer(8, V, Q, dropout=(1, 2, 3), decay=0.9, revive_below=1.0)
    return FunCodec(encoder, decoder, quantizer, STFTDiscriminators((32,), 2), MultiScaleMel((64,)),
                    discriminator_start=start, **settings)  # fmt: skip


def tones(lengths: tuple[int, ...] = (400, 400)) -> SpeechBatch:
    """Two of them in each recording."""
    waveforms = []
    for i, length in enumerate(lengths):
        time = torch.arange(length) * (2 * torch.pi / RATE)
        waveforms.append(0.4 * ((310 + 50 * i) * time + i).sin() + 0.2 * ((510 + 50 * i) * time + 1).sin())
    return SpeechBatch(torch.cat(waveforms), lengths, RATE)


def validated(model: FunCodec, batch: SpeechBatch) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        return {name: float(term.sum / term.count) for name, term in model.loss(batch).items()}


def trained(steps: int, **settings) -> tuple[FunCodec, list[float]]:
    model, batch, losses = codec(10**6, time_weight=10.0, mel_weight=0.1, **settings), tones(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=8e-3, betas=(0.8, 0.9))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum(term.weight * term.sum for term in model.train().loss(batch).values())
        loss.backward()
        optimizer.step()
        model.after_step()
        losses.append(loss.item())
    return model, losses


waveform_codec = cache(partial(trained, 25))


def gradients(model: FunCodec, value: Tensor) -> set[str]:
    """The parts whose weights it moves."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return {n.split(".")[0] for n, g in zip(names, found, strict=True) if g is not None and g.abs().sum() > 0}


def test_each_player_gets_its_own_gradient() -> None:
    model = codec(restrain=False).train()
    terms = model.loss(tones())
    assert gradients(model, terms["discriminator"].sum) == {"discriminator"}
    for name in ("time", "mel", "adversarial", "features"):
        assert gradients(model, terms[name].sum) == {"encoder", "decoder"}, name
    assert gradients(model, terms["commitment"].sum) == {"encoder"}


def test_the_terms_by_hand() -> None:
    model, batch = codec(restrain=False).eval(), tones()
    terms, (_, decoded) = model.loss(batch), model.reconstruct(batch)
    (real,), (fake,) = model.discriminator(batch.padded()), model.discriminator(decoded)
    torch.testing.assert_close(terms["time"].sum, (decoded - batch.padded()).abs().mean())
    torch.testing.assert_close(terms["mel"].sum, model.mel(decoded, batch.padded(), RATE))
    torch.testing.assert_close(terms["adversarial"].sum, (1 - fake.scores).clamp(min=0).mean())
    features = torch.stack([(a - b).abs().mean() for a, b in zip(real.features, fake.features, strict=True)])
    torch.testing.assert_close(terms["features"].sum, features.mean())
    apart = (1 - real.scores).clamp(min=0).mean() + (1 + fake.scores).clamp(min=0).mean()
    torch.testing.assert_close(terms["discriminator"].sum, apart)


def test_the_discriminators_wait() -> None:
    model = codec(start=2, restrain=False).train()
    for waits in (True, True, False):
        terms = model.loss(tones())
        assert all((terms[name].sum == 0) == waits for name in ("adversarial", "features", "discriminator"))
        model.after_step()
    again = codec(start=2, restrain=False)
    again.load_state_dict(model.state_dict())
    assert again.loss(tones())["discriminator"].sum > 0, "the count of steps is in the checkpoint"


@pytest.mark.parametrize(("mel_weight", "learns"), [(0.0, True), (10.0, False)])
def test_the_discriminators_are_restrained(mel_weight: float, learns: bool) -> None:
    """To batches in which they do worse than the codec."""
    model = codec(time_weight=0.0, mel_weight=mel_weight, commitment_weight=0.0, feature_weight=0.0).eval()
    assert (model.loss(tones())["discriminator"].sum > 0) == learns


def test_it_learns_to_be_heard() -> None:
    model, losses = waveform_codec()
    before, after = validated(codec(), tones()), validated(model, tones())
    assert losses[-1] < 0.6 * losses[0]
    assert after["si_sdr_3"] > before["si_sdr_3"] + 20 and after["si_sdr_3"] > 3


def test_more_stages_are_more_faithful() -> None:
    found = validated(waveform_codec()[0], tones())
    assert found["si_sdr_1"] + 1 < min(found["si_sdr_2"], found["si_sdr_3"])
    assert all(1 <= found[f"perplexity_{n}"] <= V for n in (1, 2, 3))


def test_the_spectral_codec_learns() -> None:
    model, losses = trained(15, spectral=True)
    before, after = validated(codec(spectral=True), tones()), validated(model, tones())
    assert losses[-1] < 0.8 * losses[0] and after["mel"] < 0.5 * before["mel"]
    assert after["si_sdr_3"] > before["si_sdr_3"]


def test_codes_and_back() -> None:
    model, batch = waveform_codec()[0].eval(), tones((400, 207))
    sounds = model.sounds(batch)
    assert list(sounds) == ["original", "stages_1", "stages_2", "stages_3"]
    for n in (1, 2, 3):
        codes = model.codes(batch, n)
        assert [x.shape for x in codes] == [(20, n), (11, n)]
        decoded = model.decode(codes)
        assert [len(x) for x in decoded] == [400, 220]
        for sound, original, x in zip(sounds[f"stages_{n}"], sounds["original"], decoded, strict=True):
            assert torch.equal(sound, x[: len(original)])
    ratios = [si_sdr(a, b) for a, b in zip(sounds["stages_2"], sounds["original"], strict=True)]
    assert validated(model, batch)["si_sdr_2"] == pytest.approx(float(sum(ratios)) / 2, rel=1e-4)
    with torch.no_grad():
        _, whole = model.reconstruct(batch)
    torch.testing.assert_close(whole[1, :207], sounds["stages_3"][1])
    assert (whole[1, 207:] == 0).all()


def test_pictures_are_spectrograms_of_the_sounds() -> None:
    model, batch = waveform_codec()[0].eval(), tones()
    ((title, panels),) = model.pictures(batch).items()
    assert title == "spectrograms: recorded, from 1, 2, 3 stages"
    for panel, waveforms in zip(panels.unbind(1), model.sounds(batch).values(), strict=True):
        torch.testing.assert_close(panel, SpeechBatch(torch.cat(waveforms), batch.lengths, RATE).preview()[:, 0])


def test_bitrates() -> None:
    model = codec()
    for n in (1, 2, 3):
        frames = model.codes(tones((RATE,)), n)[0]
        assert model.bitrate(RATE, n) == pytest.approx(frames.numel() * torch.tensor(V).log2().item())
    assert model.bitrate(RATE) == model.bitrate(RATE, Q)


def test_logged_and_not_trained_on() -> None:
    model = codec()
    assert not [name for name in model.train().loss(tones()) if "si_sdr" in name]
    terms = model.eval().loss(tones())
    assert all(terms[f"{name}_{n}"].weight == 0 for name in ("si_sdr", "perplexity") for n in (1, 2, 3))


def test_rebuilt_from_its_record() -> None:
    model = waveform_codec()[0].eval()
    again = build(spec(model)).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.codes(tones())[0], model.codes(tones())[0])


def test_mistakes() -> None:
    model = codec()
    for decoder, quantizer in ((SEANetDecoder(8, 8, (4, 4)), model.quantizer),
                               (model.decoder, ResidualVectorQuantizer(7))):  # fmt: skip
        with pytest.raises(ValueError, match="units of width 8 for 20 samples"):
            FunCodec(model.encoder, decoder, quantizer, model.discriminator)
