"""The overlay that looks into a checkpoint names callbacks that there are, with arguments that they take."""

from pathlib import Path

import lightning as L
import yaml
from jsonargparse import ArgumentParser

from lit_pretrain.callbacks.measurement import Measurement

OVERLAY = Path(__file__).parents[3] / "conf/trainer/analysis.yaml"


def test_it_measures_with_each_of_its_callbacks():
    parser = ArgumentParser()
    parser.add_argument("--callbacks", type=list[L.Callback])
    given = yaml.safe_load(OVERLAY.read_text())["trainer"]["callbacks"]
    made = parser.instantiate(parser.parse_object({"callbacks": given})).callbacks
    measuring = [callback for callback in made if isinstance(callback, Measurement)]
    assert len(measuring) == len(made) - 1 and len({callback.state_key for callback in measuring}) == len(measuring)
