"""The made-up speech is what its labels say."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.synthesiser import PHONES, RATE, SEEN, UNIT, WORDS, Synthesiser

SIZES = {"train": 60, "validation": 30, "test": 30}


def spoken(split: str = "train", **options):
    return Synthesiser(**({"sizes": SIZES} | options)).recordings(split, Decoder(RATE))


def test_it_is_the_same_each_time_and_another_with_another_seed():
    assert np.array_equal(spoken().read(3), spoken().read(3))
    other, here = spoken(seed=1).read(3), spoken().read(3)
    assert len(other) != len(here) or not np.array_equal(other, here)


def test_phones_spell_the_transcript():
    recordings = spoken(words=(2, 3))
    for i in range(10):
        units = recordings.unit_labels(i)
        assert len(units) * UNIT == len(recordings.read(i))
        runs = [list(PHONES)[p] for p, before in zip(units, [-1, *units[:-1]], strict=True) if p != before]
        assert "".join("" if p == "sil" else p for p in runs) == recordings.transcripts[i].replace(" ", "")


def test_voiced_sounds_are_louder_than_silence_and_fricatives_are_high():
    energy, high = {}, {}
    recordings = spoken(noise=0.0)
    for i in range(40):
        wave, units = recordings.read(i), recordings.unit_labels(i)
        for piece, phone in zip(wave.reshape(-1, UNIT), units, strict=True):
            spectrum = np.abs(np.fft.rfft(piece)) ** 2
            energy.setdefault(list(PHONES)[phone], []).append(spectrum.sum())
            high.setdefault(list(PHONES)[phone], []).append(spectrum[UNIT // 4 :].sum() / (spectrum.sum() + 1e-12))
    assert np.median(energy["a"]) > 30 * np.median(energy["sil"])
    assert np.median(high["s"]) > 0.7 > 0.2 > np.median(high["o"])


def test_voices_of_test_are_new():
    assert set(spoken("train").voices) <= set(range(SEEN)) and not set(spoken("test").voices) & set(range(SEEN))


def test_words_can_be_told_apart_by_their_spectra():
    """The truth is in the sound: mean spectra over three thirds of a recording beat chance by far on unheard voices."""

    def vectors(split: str) -> tuple[np.ndarray, np.ndarray]:
        recordings = spoken(split, noise=0.1, sizes=SIZES | {"train": 240, "test": 80})
        rows = []
        for i in range(len(recordings)):
            pieces = np.array_split(recordings.read(i), 9)
            rows.append(np.concatenate([np.log(1e-3 + np.abs(np.fft.rfft(p, 1024)).reshape(-1)[:512].reshape(32, 16).mean(1))
                                        for p in pieces]))  # fmt: skip
        return np.array(rows), recordings.labels

    model = LogisticRegression(max_iter=2000).fit(*vectors("train"))
    assert model.score(*vectors("test")) > 0.6 > 1 / len(WORDS)


def test_speakers_as_classes_are_in_every_split():
    source = Synthesiser(label="speaker", sizes={"train": 400, "validation": 30, "test": 400})
    assert set(source.recordings("test").labels) == set(range(len(source.class_names)))


@pytest.mark.parametrize("options, problem", [({"words": (2, 1)}, "at least 1"), ({"sizes": {"train": 3}}, "each of")])
def test_mistakes(options, problem):
    with pytest.raises(ValueError, match=problem):
        Synthesiser(**options)
