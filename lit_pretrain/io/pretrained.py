"""Weights in and out: folders and hub names of `transformers`, and folders of our own.

Two formats are read and written:

    theirs   config.json + model.safetensors (or pytorch_model.bin), for encoders that a file in `io/families` maps
    ours     encoder.json (the tree of `lit_pretrain.part.spec`) + model.safetensors, for all others
"""

import json
import pkgutil
import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig
from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES

from lit_pretrain.encoders.huggingface import HuggingFaceEncoder
from lit_pretrain.encoders.huggingface_speech import HuggingFaceSpeechEncoder
from lit_pretrain.io import families
from lit_pretrain.io.family import Config, Family
from lit_pretrain.io.untrusted import load_object, load_strictly, load_tensors, load_values, named, plain_name
from lit_pretrain.nn.embedding.share import share_embedding
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.part import Part, build, spec
from lit_pretrain.types import Encoder

CONFIG, SPEC, WEIGHTS, PICKLE = "config.json", "encoder.json", "model.safetensors", "pytorch_model.bin"


def from_pretrained(name_or_folder: str | Path) -> Encoder:
    """The encoder of a folder or of a model on the hub, in eval mode; of an encoder-decoder, its encoder.

    A model of a family that `io/families` does not map becomes a `HuggingFaceEncoder`, or where it reads waveforms, a
    `HuggingFaceSpeechEncoder`. What was not loaded (heads,
    poolers) is printed.

    Raises:
        ValueError: nothing is there, or it does not fit: every missing, unexpected or misshapen weight is named.
    """
    folder = _folder(name_or_folder)
    if (folder / SPEC).is_file():
        return _load_own(folder)
    if (model_type := _model_type(folder)) not in _model_types():
        speech = FEATURE_EXTRACTOR_MAPPING_NAMES.get(model_type) == "Wav2Vec2FeatureExtractor"
        adapter = HuggingFaceSpeechEncoder if speech else HuggingFaceEncoder
        print(f"{folder}: a {model_type!r} runs unchanged inside {adapter.__name__}; lit_pretrain has blocks of its own"
              f" for {', '.join(_model_types())}")  # fmt: skip
        return adapter(str(folder)).eval()
    family, config, weights = _read(folder)
    with named(folder):
        encoder = family.make(config)
        _report(folder, family.fill(encoder, weights))
    return encoder.eval()


def from_pretrained_pair(name_or_folder: str | Path) -> tuple[Encoder, Encoder]:
    """Encoder and decoder of an encoder-decoder (T5, ByT5), with one embedding, in eval mode. See `from_pretrained`."""
    folder = _folder(name_or_folder)
    family, config, weights = _read(folder)
    if family.decoder is None:
        raise ValueError(f"{folder} is a {config['model_type']!r}, not an encoder-decoder; use from_pretrained")
    with named(folder):
        encoder, decoder = family.make(config), family.decoder.make(config)
        left = set(family.fill(encoder, weights)) & set(family.decoder.fill(decoder, weights))
    _report(folder, left)
    share_embedding(encoder, decoder)
    return encoder.eval(), decoder.eval()


def load_head(name_or_folder: str | Path) -> Part:
    """The head of pretraining: of language models a `Head`, of ELECTRA's discriminator a `BinaryHead`.

    Raises:
        ValueError: its family has no such head, or the files do not hold it whole.
    """
    folder = _folder(name_or_folder)
    family, config, weights = _read(folder)
    if family.head is None:
        raise ValueError(f"{folder}: no pretraining head is known for {config['model_type']!r}")
    head, names = family.head(config, weights)
    if isinstance(head, TransformHead) and not config["tie_word_embeddings"]:
        raise ValueError(f"{folder}: its head has a table of its own (tie_word_embeddings=false), and TransformHead is"
                         " tied to the encoder's")  # fmt: skip
    try:
        family.fill_head(head, names, weights)
    except ValueError as error:
        raise ValueError(f"{folder} holds no whole pretraining head: {error}") from error
    return head.eval()


def save_pretrained(
    encoder: Encoder,
    folder: str | Path,
    *,
    decoder: Encoder | None = None,
    artifacts: dict[str, str] | None = None,
    theirs: bool | None = None,
) -> str | None:
    """Write an encoder where `from_pretrained`, and if its family is known `transformers`, read it.

    Args:
        encoder: of any architecture.
        folder: is made; files of the same names are replaced.
        decoder: second half of an encoder-decoder, written into the same model.
        artifacts: file name -> text of further files, such as tokenizer.json.
        theirs: write the format of transformers, or false: our own; None: theirs where its family is known.

    Returns:
        The class of transformers that reads it; None: only lit_pretrain does.
    """
    folder, model_type = Path(folder), next((name for name in _model_types() if _family(name).owns(encoder)), None)
    family = None if model_type is None else _family(model_type)
    if decoder is not None and not (family and family.decoder and family.decoder.owns(decoder)):
        raise ValueError(f"{type(encoder).__name__} and {type(decoder).__name__} are no pair that transformers knows;"
                         " save each by itself")  # fmt: skip
    known = family is not None or (isinstance(encoder, HuggingFaceEncoder) and encoder.whole)
    if theirs and not known:
        raise ValueError(f"transformers has no model that computes what this {type(encoder).__name__} computes; the format"
                         " safetensors takes every encoder")  # fmt: skip
    if theirs is False:
        family = None
    elif isinstance(encoder, HuggingFaceEncoder) and encoder.whole:
        _clear(folder, artifacts)
        encoder.model.save_pretrained(folder)
        return type(encoder.model).__name__
    if family is None:
        file, tree, reader = SPEC, _spec(encoder), None
        # Clones, because the format refuses tensors that share memory (tied tables).
        weights = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in encoder.state_dict().items()}
    else:
        file, tree, reader, weights = CONFIG, family.config(encoder), family.architecture, family.export(encoder)
        if decoder is not None:
            reader = family.decoder.architecture
            tree, weights = tree | family.decoder.config(decoder), weights | family.decoder.export(decoder)
        tree = {"model_type": model_type, "architectures": [reader], **tree}
    _clear(folder, artifacts)  # only now, when nothing can fail any more
    (folder / file).write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    return reader


# ---- families -------------------------------------------------------------------------------------------------------


def _model_types() -> list[str]:
    """Every file in io/families is one."""
    return sorted(module.name for module in pkgutil.iter_modules(families.__path__))


def _family(model_type: str) -> Family:
    return import_module(f"{families.__name__}.{model_type}").family


def _report(folder: Path, left: Iterable[str]) -> None:
    if together := sorted({re.sub(r"\.\d+\.", ".*.", name) for name in left}):
        print(f"{folder}: not loaded, since they belong to no encoder: {', '.join(together)}")


# ---- files ----------------------------------------------------------------------------------------------------------


def _folder(name: str | Path) -> Path:
    """The folder itself, or that of the hub's cache, filled with what is read here.

    Raises:
        ValueError: there is no such folder, and the hub gives no such model.
    """
    if Path(name).is_dir():
        return Path(name)
    try:
        json_and_safe = [CONFIG, SPEC, WEIGHTS, f"{WEIGHTS}.index.json", "model-*.safetensors"]
        folder = Path(snapshot_download(str(name), allow_patterns=json_and_safe))
        if not any(folder.glob("*.safetensors")):
            snapshot_download(str(name), allow_patterns=[PICKLE, f"{PICKLE}.index.json", "pytorch_model-*.bin"])
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ValueError(
            f"{name} is no folder here, and the hub gives no such model: {str(error).splitlines()[0]}"
        ) from error
    return folder


def _model_type(folder: Path) -> str:
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder} holds neither {SPEC} nor {CONFIG}, so it is no model of lit_pretrain or transformers")
    return str(load_object(folder / CONFIG).get("model_type", ""))


def _read(folder: Path) -> tuple[Family, Config, dict[str, Tensor]]:
    """Family, full config and canonical weights."""
    model_type = _model_type(folder)
    if model_type not in _model_types():
        raise ValueError(f"{folder} is a {model_type!r}; mapped are {', '.join(_model_types())}. Add a file"
                         " lit_pretrain/io/families/<model_type>.py")  # fmt: skip
    family = _family(model_type)
    # With the defaults that the file leaves out; as JSON, where tuples are the lists that files hold.
    with named(folder):
        config = json.loads(AutoConfig.from_pretrained(folder).to_json_string(use_diff=False))
        return family, config, family.canonical(_weights(folder))


def _weights(folder: Path) -> dict[str, Tensor]:
    for file, read in ((WEIGHTS, load_tensors), (PICKLE, load_values)):
        if (folder / file).is_file():
            return read(folder / file)
        if (index := folder / f"{file}.index.json").is_file():
            shards = sorted(set(load_object(index)["weight_map"].values()))
            return {key: tensor for shard in shards for key, tensor in read(folder / plain_name(shard)).items()}
    raise ValueError(f"neither {WEIGHTS} nor {PICKLE} is there")


def _clear(folder: Path, artifacts: dict[str, str] | None) -> None:
    """Make the folder, drop what describes an earlier model in it, write the artifacts."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (CONFIG, SPEC, PICKLE, WEIGHTS, f"{WEIGHTS}.index.json"):
        (folder / stale).unlink(missing_ok=True)
    for name, text in (artifacts or {}).items():
        (folder / name).write_text(text, encoding="utf-8")


def _spec(encoder: Encoder) -> dict[str, Any]:
    tree = spec(encoder)
    if '"unrecorded"' in json.dumps(tree):
        build(tree)  # raises, and says which part cannot be rebuilt
    return tree


def _load_own(folder: Path) -> Encoder:
    with named(folder / SPEC):
        encoder = build(load_object(folder / SPEC))
    weights = load_tensors(folder / WEIGHTS)
    with named(folder):
        load_strictly(encoder, weights)
    return encoder.eval()
