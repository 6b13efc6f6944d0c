"""Models of `transformers` by name or folder, with their weights or only their architecture."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_TEXT_ENCODING_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from lit_pretrain.io.untrusted import named

UNUSED = "pooler."  # units are pooled by parts of our own


def load(name: str, optional: tuple[str, ...] = ()) -> PreTrainedModel:
    """A model with its weights, in float32.

    Args:
        name: a folder, or a name on the hub.
        optional: prefixes of weights that its files may lack, beside those of poolers.

    Raises:
        ValueError: no such model, or weights are missing from its files.
    """
    config, verbosity = _config(name), logging.get_verbosity()
    logging.set_verbosity_error()  # what is missing is checked below
    try:
        with named(Path(name)):
            model, info = _auto(config).from_pretrained(name, output_loading_info=True, dtype=torch.float32)
    finally:
        logging.set_verbosity(verbosity)
    missing = sorted(key for key in info["missing_keys"] if not key.startswith((UNUSED, *optional)))
    if missing:
        raise ValueError(f"{name}: its files lack weights of {type(model).__name__}: {missing}; with pretrained=false"
                         " it starts from fresh ones")  # fmt: skip
    return model


def fresh(name: str, config: dict[str, Any] | None) -> PreTrainedModel:
    """A model with initial weights, of `config` or, if that is None, of what stands under the name.

    Raises:
        ValueError: no such model.
    """
    found = _config(name) if config is None else AutoConfig.for_model(**config)
    return _auto(found).from_config(found, dtype=torch.float32)


def config_of(model: PreTrainedModel) -> dict[str, Any]:
    """All that `fresh` needs to build the model again."""
    return json.loads(model.config.to_json_string(use_diff=False))


def _auto(config: PreTrainedConfig) -> type:
    """AutoModel, or where it would make an encoder-decoder whose encoder is a model too (T5), that."""
    return AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel


def _config(name: str) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(name)
    except Exception as error:  # a damaged config.json ends in nearly everything
        where = "this folder holds" if Path(name).is_dir() else "this is no folder here, and the hub gives"
        raise ValueError(f"{name}: {where} no model of transformers: {[*str(error).splitlines(), ''][0]}") from error
