"""Speech batches: order, cuts, budgets, labels, targets, units, and files that are not what they should be."""

import json
import warnings

import numpy as np
import pytest
import soundfile
import torch

from lit_pretrain.datamodules.speech.datamodule import SpeechDataModule
from lit_pretrain.datamodules.speech.source.audio_folder import AudioFolder
from lit_pretrain.datamodules.speech.source.concatenated import Concatenated
from lit_pretrain.datamodules.speech.source.manifest import Manifest
from lit_pretrain.datamodules.speech.source.mixture import Mixture
from lit_pretrain.datamodules.speech.source.synthesiser import UNIT, WORDS, Synthesiser

SIZES = {"train": 40, "validation": 10, "test": 10}


def tone(seconds: float, rate: int = 8000, pitch: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def synthesiser(**options) -> SpeechDataModule:
    return SpeechDataModule(Synthesiser(sizes=SIZES), sample_rate=8000, **({"seconds_per_batch": 15.0} | options))


def test_an_epoch_has_every_recording_once_within_the_budget():
    batches = list(synthesiser(seconds_per_batch=4.0, max_seconds=2.0).loader("train", shuffle=True))
    assert sorted(i for batch in batches for i in batch.index.tolist()) == list(range(40))
    for batch in batches:
        assert batch.sample_rate == 8000
        assert len(batch.waveforms) == sum(batch.lengths) <= 4.0 * 8000
        assert len(batch.unit_labels.lengths) == batch.num_examples == len(batch.labels)


def test_batches_are_the_same_with_workers_and_differ_between_epochs():
    read = lambda data: [(b.index.tolist(), b.waveforms) for b in data]  # noqa: E731
    alone, helped = synthesiser().loader("train", shuffle=True), synthesiser(num_workers=2).loader("train", shuffle=True)
    first, again, second = read(alone), read(helped), read(alone)
    assert [i for i, _ in first] == [i for i, _ in again] != [i for i, _ in second]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, again, strict=True))


def test_a_loader_goes_on_where_it_stood():
    whole = [b.index.tolist() for b in synthesiser(seconds_per_batch=4.0, max_seconds=2.0).loader("train", shuffle=True)]
    cut = synthesiser(seconds_per_batch=4.0, max_seconds=2.0).loader("train", shuffle=True)
    batches = iter(cut)
    begun = [next(batches).index.tolist() for _ in range(3)]
    resumed = synthesiser(seconds_per_batch=4.0, max_seconds=2.0).loader("train", shuffle=True)
    resumed.load_state_dict(cut.state_dict())
    assert begun + [b.index.tolist() for b in resumed] == whole


def test_units_and_waveform_are_cut_together():
    data = SpeechDataModule(Synthesiser(words=(3, 3), sizes=SIZES), sample_rate=8000, max_seconds=0.5)
    batch = next(iter(data.loader("train", shuffle=True)))
    whole = data.recordings("train")
    for i, wave, units in zip(
        batch.index.tolist(), batch.waveforms.split(batch.lengths), batch.unit_labels.split(), strict=True
    ):
        assert len(wave) == 4000 and abs(len(units) - 50) <= 1
        full = torch.from_numpy(whole.read(i))
        place = next(k for k in range(len(full) - 3999) if torch.equal(full[k : k + 20], wave[:20]))
        there = torch.from_numpy(whole.unit_labels(i))[place // UNIT :][: len(units)]
        assert torch.equal(there, units)


def test_crops_are_drawn_anew_each_epoch_and_are_the_first_in_validation():
    data = SpeechDataModule(Synthesiser(words=(3, 3), sizes=SIZES), sample_rate=8000, max_seconds=0.5)
    by_number = lambda loader: {i: w for b in loader for i, w in zip(b.index.tolist(), b.waveforms.split(b.lengths))}  # noqa: B905, E731
    train = data.loader("train", shuffle=True)
    first, second = by_number(train), by_number(train)
    assert sum(torch.equal(first[i], second[i]) for i in first) < 5
    for i, wave in by_number(data.loader("validation", shuffle=False)).items():
        assert torch.equal(wave, torch.from_numpy(data.recordings("validation").read(i))[:4000])


def test_crop_seconds_makes_all_examples_equally_long():
    batch = next(iter(synthesiser(crop_seconds=1.0).loader("train", shuffle=True)))
    assert set(batch.lengths) == {8000}
    waves, units = batch.waveforms.unflatten(0, (-1, 8000)), batch.unit_labels.split()
    for wave, numbers in zip(waves, units, strict=True):
        sounding = int(wave.nonzero().max()) + 1
        assert abs(int((numbers >= 0).sum()) - sounding / UNIT) <= 1 and abs(len(numbers) - 100) <= 1


def test_labelled_views_are_whole_balanced_and_know_their_targets():
    data = synthesiser(max_seconds=0.2)
    batches = list(data.loader("train", shuffle=False, labelled=True, limit=16))
    numbers = [i for b in batches for i in b.index.tolist()]
    assert len(numbers) == 16
    for batch in batches:
        for i, label, length, target in zip(
            batch.index.tolist(), batch.labels, batch.lengths, batch.target.split(), strict=True
        ):
            assert length == round(data.recordings("train").seconds[i] * 8000)
            assert data.target_names[target.item()] == data.class_names[label] in WORDS


def test_a_whole_view_is_uncut_in_source_order_and_leaves_other_views_as_they_are():
    data = synthesiser(max_seconds=0.2, seconds_per_batch=2.0)
    whole, cut = data.whole("train"), data.loader("train", shuffle=False)
    seconds = data.recordings("train").seconds
    batches = list(whole)
    assert [i for b in batches for i in b.index.tolist()] == list(range(40))
    assert [n for b in batches for n in b.lengths] == [round(x * 8000) for x in seconds]
    assert all(sum(b.lengths) <= 2.0 * 8000 or b.num_examples == 1 for b in batches)
    assert {n for b in cut for n in b.lengths} == {1600}


def test_characters_as_targets():
    data = synthesiser(transcripts="characters")
    assert set(data.target_names) == {letter for word in WORDS for letter in word} - set("dhjpqrvwxy")
    batch = next(iter(data.loader("test", shuffle=False, labelled=True)))
    spelt = "".join(data.target_names[i] for i in batch.target.split()[0])
    assert spelt == data.recordings("test").transcripts[int(batch.index[0])]


def test_a_probes_data_take_over_the_sample_rate():
    data = SpeechDataModule(Synthesiser(sizes=SIZES))
    data.adopt(synthesiser())
    assert next(iter(data.loader("test", shuffle=False))).sample_rate == 8000


@pytest.fixture
def folder(tmp_path):
    for name in ("ants", "bees"):
        (tmp_path / name).mkdir()
    for i in range(12):
        soundfile.write(tmp_path / "ants" / f"{i:02d}.wav", tone(0.5), 8000)
    soundfile.write(tmp_path / "bees" / "flac.flac", tone(0.6), 8000)
    soundfile.write(tmp_path / "bees" / "ogg.ogg", tone(0.6), 8000)
    soundfile.write(tmp_path / "bees" / "rate.wav", tone(0.5, 22050), 22050)
    soundfile.write(tmp_path / "bees" / "stereo.wav", np.stack([tone(0.5), tone(0.5, pitch=600)], 1), 8000)
    soundfile.write(tmp_path / "bees" / "silent.wav", np.zeros(4000), 8000)
    soundfile.write(tmp_path / "bees" / "whole.wav", tone(0.5), 8000)
    content = (tmp_path / "bees" / "whole.wav").read_bytes()
    (tmp_path / "bees" / "truncated.wav").write_bytes(content[: len(content) // 2])
    (tmp_path / "bees" / "truncated.flac").write_bytes((tmp_path / "bees" / "flac.flac").read_bytes()[:900])
    (tmp_path / "bees" / "empty.wav").write_bytes(b"")
    (tmp_path / "bees" / "poem.wav").write_text("no recording, but a poem about one")
    soundfile.write(tmp_path / "bees" / "short.wav", tone(0.001), 8000)
    return tmp_path


def all_of(root, **options) -> SpeechDataModule:
    source = AudioFolder(str(root), validation_fraction=0, test_fraction=0)
    return SpeechDataModule(source, sample_rate=8000, max_unreadable=20, **options)


BAD = {"silent.wav": "silent", "truncated.wav": "truncated", "truncated.flac": "", "empty.wav": "empty", "poem.wav": "",
       "short.wav": "min_seconds"}  # fmt: skip


def test_bad_files_are_named_counted_and_left_out(folder):
    data = all_of(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = [
            data.recordings("train").name(i) for b in data.loader("train", shuffle=False, labelled=True) for i in b.index
        ]
    reasons = {name.rpartition("/")[2]: why for name, why in data._unreadable["train"].reasons.items()}
    assert set(reasons) == set(BAD)
    assert all(why in reasons[name] for name, why in BAD.items())
    assert len(read) == 12 + 5 and any("recordings of 'train' are unreadable" in str(w.message) for w in caught)
    replaced = [int(i) for b in data.loader("train", shuffle=True) for i in b.index]
    assert len(replaced) == len(data.recordings("train")) and len(set(replaced)) == 17


def test_other_rates_and_channels_can_be_refused(folder):
    data = all_of(folder, resample=False, downmix=False)
    list(data.loader("train", shuffle=False, labelled=True))
    reasons = {name.rpartition("/")[2]: why for name, why in data._unreadable["train"].reasons.items()}
    assert set(reasons) == {*BAD, "rate.wav", "stereo.wav"}
    assert "22050" in reasons["rate.wav"] and "2 channels" in reasons["stereo.wav"]


def test_too_many_bad_files_stop_the_run(folder):
    data = all_of(folder)
    data.max_unreadable = 3
    with pytest.raises(ValueError, match="more than the 3 that max_unreadable allows"):
        list(data.loader("train", shuffle=False, labelled=True))


def test_resampling_keeps_the_tone(folder):
    recordings = all_of(folder).recordings("train")
    number = next(i for i in range(len(recordings)) if recordings.name(i).endswith("rate.wav"))
    wave = recordings.read(number)
    assert len(wave) == 4000
    assert abs(np.fft.rfft(wave).__abs__().argmax() * 8000 / 4000 - 440) <= 2


def test_channels_are_averaged(folder):
    recordings = all_of(folder).recordings("train")
    number = next(i for i in range(len(recordings)) if recordings.name(i).endswith("stereo.wav"))
    np.testing.assert_allclose(recordings.read(number), (tone(0.5) + tone(0.5, pitch=600)) / 2, atol=1e-4)


def test_a_pattern_names_the_parts_of_a_path(tmp_path):
    for digit in range(3):
        for speaker in ("ann", "bob"):
            for take in range(4):
                soundfile.write(tmp_path / f"{digit}_{speaker}_{take}.wav", tone(0.2), 8000)
    source = AudioFolder(str(tmp_path), "{digit}_{speaker}_{take}", label="digit", test={"speaker": ["bob"]},
                         validation={"take": ["3"]})  # fmt: skip
    assert source.class_names == ("0", "1", "2")
    assert {split: len(source.recordings(split)) for split in ("train", "validation", "test")} == {
        "train": 9, "validation": 3, "test": 12}  # fmt: skip
    assert source.recordings("test").labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    (tmp_path / "stray.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"'stray.wav'.*does not fit the pattern"):
        AudioFolder(str(tmp_path), "{digit}_{speaker}_{take}", label="digit").recordings("train")
    with pytest.raises(ValueError, match=r"no field 'word'"):
        AudioFolder(str(tmp_path), "{digit}_{speaker}_{take}", label="word")


@pytest.mark.parametrize("ending", ["jsonl", "tsv"])
def test_manifests(tmp_path, ending):
    rows = [{"path": f"{i}.wav", "duration": 0.2, "text": "yes no", "speaker": f"s{i % 2}"} for i in range(4)]
    for row in rows:
        soundfile.write(tmp_path / row["path"], tone(0.2), 8000)
    file = tmp_path / f"train.{ending}"
    if ending == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        file.write_text("\n".join(["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]) + "\n")
    data = SpeechDataModule(Manifest(str(file), label="speaker"), sample_rate=8000)
    assert data.class_names == ("s0", "s1") and data.target_names == ("no", "yes")
    batch = next(iter(data.loader("train", shuffle=False, labelled=True)))
    assert batch.labels.tolist() == [0, 1, 0, 1] and batch.target.split()[0].tolist() == [1, 0]


@pytest.mark.parametrize("line, problem", [("{broken", "line 1: not JSON"), ('{"text": "a"}', "line 1: no path"),
                                           ('{"path": "a", "duration": "long"}', "'long' is no number")])  # fmt: skip
def test_damaged_manifests(tmp_path, line, problem):
    (tmp_path / "train.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=problem):
        Manifest(str(tmp_path / "train.jsonl")).recordings("train")


def test_concatenated_recordings_have_their_classes_as_transcript():
    data = SpeechDataModule(Concatenated(Synthesiser(sizes=SIZES), (2, 4), count=20), sample_rate=8000)
    recordings = data.recordings("train")
    assert len(recordings) == 20 and len(data.recordings("test")) == 5
    inner = Synthesiser(sizes=SIZES).recordings("train", recordings.inner.decoder)
    for i in range(5):
        assert recordings.transcripts[i].split() == [WORDS[inner.labels[k]] for k in recordings.parts[i]]
        assert abs(len(recordings.read(i)) / 8000 - recordings.seconds[i]) < 0.001
    batch = next(iter(data.loader("test", shuffle=False, labelled=True)))
    assert batch.labels is None and len(batch.target.lengths) == batch.num_examples


def test_a_mixture_hears_small_corpora_more_often():
    large, small = Synthesiser(sizes=SIZES | {"train": 90}), Synthesiser(sizes=SIZES | {"train": 10}, seed=1)

    def share(temperature: float) -> float:
        data = SpeechDataModule(Mixture([large, small], temperature), sample_rate=8000)
        loader = data.loader("train", shuffle=True)
        numbers = np.concatenate([b.index.numpy() for _ in range(10) for b in loader])
        assert 950 <= len(numbers) <= 1050
        return float((numbers >= 90).mean())

    assert abs(share(1.0) - 0.1) < 0.02
    assert abs(share(2.0) - 0.25) < 0.03
    assert abs(share(1e9) - 0.5) < 0.03


@pytest.mark.parametrize("options, problem", [
    ({"seconds_per_batch": 5.0, "max_seconds": 10.0}, "must hold one recording"),
    ({"min_seconds": 30.0}, "longer than an example"),
])  # fmt: skip
def test_settings_that_cannot_work(options, problem):
    with pytest.raises(ValueError, match=problem):
        synthesiser(**options)
