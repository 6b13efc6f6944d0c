"""Any speech encoder of `transformers` that takes waveforms, unchanged."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.feature_extraction_utils import FeatureExtractionMixin

from lit_pretrain.encoders.speech_adapter import SpeechAdapter
from lit_pretrain.io import automodel
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean

# In these, layer norm in the convolutions makes padding harmless. Others look into it: data2vec by several layers of
# convolutional positions, SEW by its pooling, all with group norm by its mean over time.
PADDABLE = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat")


class HuggingFaceSpeechEncoder(SpeechAdapter):
    """A speech encoder that `AutoModel` gives for a name or folder, under its weight names there (after `model.`).

    wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech and their kin. A checkpoint keeps the model's configuration, so it
    needs neither name nor folder again. Training alters nothing that the objective does not alter: random masks
    (mask_time_prob, mask_feature_prob) and layer drop of the configuration are off, dropout stays on. See
    `SpeechAdapter` for how recordings are padded.

    Args:
        name_or_folder: of the model.
        pretrained: load its weights; false: only its architecture, with fresh weights.
        pooling: one vector a recording.
        config: in place of the folder's config.json.
        sample_rate: samples a second of the recordings it was trained on.
        normalise: give each recording mean 0 and variance 1; None: as the model's preprocessor_config.json says, and
            if there is none, do not.

    Raises:
        ValueError: no such model, weights are missing from its files, or it is no encoder of waveforms.
    """

    eps = 1e-7  # as in Wav2Vec2FeatureExtractor

    def __init__(
        self,
        name_or_folder: str,
        pretrained: bool = True,
        pooling: Pooling = Mean(),
        config: dict[str, Any] | None = None,
        sample_rate: int = 16000,
        normalise: bool | None = None,
    ):
        super().__init__(pooling, sample_rate)
        if pretrained:
            self.model = automodel.load(name_or_folder, optional=("masked_spec_embed",))
        else:
            self.model = automodel.fresh(name_or_folder, config)
        _check(name_or_folder, self.model)
        asked = self.model.config
        self.dim, self.num_layers = asked.hidden_size, asked.num_hidden_layers
        if normalise is None:
            normalise = _do_normalize(name_or_folder) if pretrained or config is None else False
        self.normalise, self.maskable = normalise, hasattr(self.model, "masked_spec_embed")
        layer_norm = getattr(asked, "feat_extract_norm", None) == "layer"
        batch_norm = getattr(asked, "conv_pos_batch_norm", False)
        self.paddable = asked.model_type in PADDABLE and layer_norm and not batch_norm
        # A rebuilt encoder gets its weights from the checkpoint, so only the architecture is recorded.
        self._init_args |= {"pretrained": False, "config": automodel.config_of(self.model), "normalise": normalise}
        asked.mask_time_prob = asked.mask_feature_prob = asked.layerdrop = 0.0
        asked.apply_spec_augment = True  # without it, the mask that is passed in is ignored

    @property
    def blocks(self) -> nn.ModuleList:
        # Not an attribute: the weights would stand twice in the state, and not only under transformers' names.
        return _find_blocks(self.model)

    def _counts(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.model._get_feat_extract_output_lengths(torch.tensor(lengths)).tolist())

    def _states(self, waveforms: Tensor, lengths: Tensor | None, mask: Tensor | None, layers: bool) -> list[Tensor]:
        valid = None
        if lengths is not None:
            valid = (torch.arange(waveforms.shape[1], device=waveforms.device) < lengths[:, None]).long()  # (B, S)
        call = {} if mask is None else {"mask_time_indices": mask}
        out = self.model(waveforms, attention_mask=valid, output_hidden_states=layers, **call)
        return [*(out.hidden_states if layers else ()), out.last_hidden_state]


def _check(name: str, model: nn.Module) -> None:
    """Raises ValueError if the model does not fit."""
    kind, wanted = type(model).__name__, "_get_feat_extract_output_lengths"
    if model.config.is_encoder_decoder or model.main_input_name != "input_values" or not hasattr(model, wanted):
        raise ValueError(f"{name}: {kind} is no encoder of waveforms such as Wav2Vec2Model, HubertModel or WavLMModel")
    if getattr(model.config, "add_adapter", False):
        raise ValueError(f"{name}: its config.json says add_adapter=true, and the adapter after the blocks gives fewer"
                         " units than they do; set it to false")  # fmt: skip
    if _find_blocks(model) is None:
        raise ValueError(f"{name}: {kind} has no list of {model.config.num_hidden_layers} blocks that a strategy could"
                         " shard one by one")  # fmt: skip


def _find_blocks(model: nn.Module) -> nn.ModuleList | None:
    """The last list of that length, since convolutional positions may be one too."""
    count = model.config.num_hidden_layers
    lists = [m for m in model.encoder.modules() if isinstance(m, nn.ModuleList) and len(m) == count]
    return lists[-1] if lists else None


def _do_normalize(name: str) -> bool:
    try:
        said, _ = FeatureExtractionMixin.get_feature_extractor_dict(name)
    except OSError:  # there is no such file
        return False
    return bool(said.get("do_normalize", False))
