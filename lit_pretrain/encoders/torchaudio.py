"""wav2vec 2.0, HuBERT and WavLM of `torchaudio`, unchanged."""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import torchaudio
from torch import Tensor, nn
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention
from torchaudio.pipelines import Wav2Vec2Bundle

from lit_pretrain.encoders.speech_adapter import SpeechAdapter
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean

# Arguments of torchaudio's factories that bear on nothing here: the head is left out, and no block is skipped.
FIXED = {"aux_num_out": None, "encoder_layer_drop": 0.0}
FACTORIES: dict[str, Callable[..., Wav2Vec2Model]] = {
    name: value for name, value in vars(torchaudio.models).items()
    if inspect.isfunction(value) and inspect.signature(value).return_annotation is Wav2Vec2Model
}  # fmt: skip
BUNDLES: dict[str, Wav2Vec2Bundle] = {
    name: value for name, value in vars(torchaudio.pipelines).items() if isinstance(value, Wav2Vec2Bundle)
}  # fmt: skip


class TorchaudioEncoder(SpeechAdapter):
    """A model of torchaudio without its head, under the weight names of torchaudio (after `model.`).

    Units are what the model gives before its head, which in pre-norm models is a norm after the last block. A checkpoint
    needs no file of torchaudio's. See `SpeechAdapter` for how recordings are padded.

    Args:
        name: of a factory of `torchaudio.models` (wav2vec2_base, hubert_large, wavlm_base, ...) or of a bundle of
            `torchaudio.pipelines` (WAV2VEC2_BASE, HUBERT_LARGE, WAVLM_BASE_PLUS, ...).
        pretrained: load the weights of the bundle, which torchaudio downloads; false: fresh ones.
        pooling: one vector a recording.
        options: arguments of the factory; `wav2vec2_model` and `wavlm_model` need all of theirs, but for
            `aux_num_out` and `encoder_layer_drop`, which no model takes here.
        sample_rate: samples a second of the recordings it was trained on.
        normalise: give each recording mean 0 and variance 1; None: as the bundle does, and without one, do not.

    Raises:
        ValueError: no such model, options that do not fit it, or weights of something that has none.
    """

    eps = 1e-5  # as in torchaudio's pipelines
    maskable = False

    def __init__(
        self,
        name: str,
        pretrained: bool = False,
        pooling: Pooling = Mean(),
        options: dict[str, Any] | None = None,
        sample_rate: int = 16000,
        normalise: bool | None = None,
    ):
        super().__init__(pooling, sample_rate)
        self.normalise = bool(name in BUNDLES and BUNDLES[name]._normalize_waveform) if normalise is None else normalise
        factory, arguments = _recipe(name, options or {})
        self.model = _pretrained(name) if pretrained else FACTORIES[factory](**arguments)
        self.model.aux = None
        # A rebuilt encoder gets its weights from the checkpoint, so only the architecture is recorded.
        given = {key: value for key, value in arguments.items() if key not in FIXED}
        self._init_args |= {"name": factory, "pretrained": False, "options": given, "normalise": self.normalise}

        self.dim, self.num_layers = self.model.encoder.feature_projection.projection.out_features, len(self.blocks)
        # Group norm takes its mean over padding too, and WavLM's attention cannot be told of it.
        norms = [m for m in self.model.feature_extractor.modules() if isinstance(m, nn.GroupNorm)]
        self.paddable = not norms and not isinstance(self.blocks[0].attention, WavLMSelfAttention)
        # The input of the first block is kept by itself, so that copies and compiled blocks do it too.
        self.blocks[0].register_forward_pre_hook(_keep_input)

    @property
    def blocks(self) -> nn.ModuleList:
        # Not an attribute: the weights would stand twice in the state, and not only under torchaudio's names.
        return self.model.encoder.transformer.layers

    def _counts(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        for layer in self.model.feature_extractor.conv_layers:
            lengths = tuple((n - layer.kernel_size) // layer.stride + 1 for n in lengths)
        return lengths

    def _states(self, waveforms: Tensor, lengths: Tensor | None, mask: Tensor | None, layers: bool) -> list[Tensor]:
        outputs, _ = self.model.extract_features(waveforms, lengths)
        first, last = self.blocks[0].__dict__.pop("input"), self.model.encoder.transformer
        units = outputs[-1] if last.layer_norm_first else last.layer_norm(outputs[-1])
        return [*((first, *outputs) if layers else ()), units]


def _recipe(name: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The factory that makes the model, and all its arguments."""
    if name not in FACTORIES and name not in BUNDLES:
        near = difflib.get_close_matches(name, [*FACTORIES, *BUNDLES], 5, 0.4)
        raise ValueError(f"{name!r} is no model of torchaudio; near are {', '.join(near) or ', '.join(FACTORIES)}")
    if name in BUNDLES:
        factory = "wavlm_model" if BUNDLES[name]._model_type == "WavLM" else "wav2vec2_model"
        if options:
            raise ValueError(f"options={options}: a bundle such as {name} is as it is; name {factory} to choose its sizes")
        return factory, BUNDLES[name]._params | FIXED
    parameters = inspect.signature(FACTORIES[name]).parameters
    free = [key for key in parameters if key not in FIXED]
    missing = [key for key in free if parameters[key].default is inspect.Parameter.empty and key not in options]
    unknown = sorted(options.keys() - set(free))
    if missing or unknown:
        raise ValueError(f"the options of {name} are {', '.join(free)}: missing {missing}; unknown {unknown}")
    return name, options | {key: value for key, value in FIXED.items() if key in parameters}


def _pretrained(name: str) -> Wav2Vec2Model:
    if name not in BUNDLES:
        raise ValueError(f"{name} is an architecture without weights; pretrained=true needs a bundle, one of"
                         f" {', '.join(BUNDLES)}")  # fmt: skip
    model = BUNDLES[name].get_model().train()
    return getattr(model, "model", model)  # without the wrapper that normalises a whole batch as one


def _keep_input(block: nn.Module, args: tuple[Tensor, ...]) -> None:
    block.__dict__["input"] = args[0]
