"""Any image encoder of `timm`, unchanged.

Legend: B images, C channels, S side of an image, N tokens of an image, U units of all images end to end, D width, h x w
grid of the last map.
"""

import difflib
import inspect
import re
from typing import Any

import timm
import torch
from timm.models import resolve_model_input_args
from timm.models.convnext import ConvNeXt
from timm.models.cspnet import CspNet
from timm.models.densenet import DenseNet
from timm.models.efficientnet import EfficientNet
from timm.models.regnet import RegNet
from timm.models.resnet import ResNet
from timm.models.resnetv2 import ResNetV2
from torch import Tensor, nn

from lit_pretrain.nn.sparse.convert import make_sparse
from lit_pretrain.nn.sparse.visible import Visible
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout

CONVNETS = (ResNet, ResNetV2, ConvNeXt, RegNet, DenseNet, CspNet, EfficientNet)  # that have been checked with `keep`
HEAD = ("head", "head_drop", "global_pool", "fc", "classifier")  # names of what stands above the last map


class TimmEncoder(Encoder):
    """What `timm.create_model` gives for a name, without its classifier, under the weight names of timm (after `model.`).

    Units are the positions of the last map, row by row, or the tokens, with class and register tokens first. Blocks are
    the stages of a hierarchical model and the blocks of a plain one; "embedding" is what stem or patch embedding give.
    A model with a hidden layer in its head (MobileNetV3, PP-LCNet) has pooled vectors of another width (`dim`) than its
    units. `keep` is for networks of convolutions and norms: hidden units stay empty through every layer (`nn.sparse`),
    and the named layers are whole maps with zeros there. A checkpoint needs no file of timm's.

    Args:
        model_name: see `timm.list_models()`; also "local-dir:FOLDER" and "hf-hub:NAME".
        pretrained: load timm's weights; false: fresh ones.
        image_size: S, of models that are made for one size (ViT, Swin); others take any.
        channels: C.
        options: further arguments of the model, such as `drop_path_rate`.

    Attributes:
        stride: S / h.
        scales: by stride, the name and the width of the last layer of that resolution.

    Raises:
        ValueError: no such model or option, or its weights cannot be had.
    """

    def __init__(
        self,
        model_name: str,
        *,
        pretrained: bool = False,
        image_size: int | None = None,
        channels: int = 3,
        options: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.channels = channels
        self.model = _create(model_name, pretrained, image_size, channels, dict(options or {}))
        self.dim = self.model.head_hidden_size
        # A rebuilt encoder gets its weights from the checkpoint, so only the architecture is recorded.
        self._init_args |= {"pretrained": False}
        if ":" in model_name:
            ours = ("num_classes", "in_chans")
            saved = {k: v for k, v in self.model._model_args.items() if k not in ours}
            self._init_args |= {"model_name": self.model.pretrained_cfg["architecture"], "options": saved}

        self._paths, names, stages = _find_blocks(self.model)
        self.num_layers, self.stride = len(self._paths), stages[-1]["reduction"]
        self.scales = {info["reduction"]: (name, info["num_chs"]) for name, info in zip(names, stages, strict=True)}
        # The input of the first block is kept by itself, so that copies and compiled blocks do it too.
        self.blocks[0].register_forward_pre_hook(_keep_input)
        self._visible = Visible()
        self._obstacle = make_sparse(self.model, HEAD, self._visible) if type(self.model) in CONVNETS else (
            f"it is none of {', '.join(c.__name__ for c in CONVNETS)}")  # fmt: skip

    @property
    def blocks(self) -> nn.ModuleList:
        # Not an attribute: the weights would stand twice in the state, and not only under timm's names.
        return nn.ModuleList(self.model.get_submodule(path) for path in self._paths)

    @property
    def pooling(self) -> nn.ModuleList:
        """What stands above the last block, which tunings take for its norm and pooling."""
        children = dict(self.model.named_children())
        last = list(children).index(self._paths[-1].split(".")[0])
        return nn.ModuleList(list(children.values())[last + 1 :])

    def forward(
        self, inputs: ImageBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if mask is not None:
            raise ValueError(f"{type(self.model).__name__} has no vector for masked units; use an encoder built with"
                             " maskable=true, such as lit_pretrain.encoders.vit.ViT")  # fmt: skip
        images = inputs.images
        cells = None if keep is None else self._cells(inputs, keep)
        with self._visible.only(cells):
            images = self._visible.hide(images)
            if layers:
                last, maps = self.model.forward_intermediates(images, **_request(self.model))
            else:
                last, maps = self.model.forward_features(images), []
            pooled = self.model.forward_head(last, pre_logits=True)
        first = self.blocks[0].__dict__.pop("input", None)
        units, layout = self._flat(last), self._layout_of(last, inputs)
        if keep is not None:
            units, layout = units[keep], layout.keep(keep)
        named = {"embedding": self._flat(first)} if layers else {}
        for i, x in enumerate(maps[len(maps) - self.num_layers :] if layers else ()):
            prefix_first = torch.cat([x[1], x[0]], 1) if isinstance(x, tuple) else x
            named[f"block{i:02d}"] = self._flat(prefix_first, channels_last=False)
        return Encoded(pooled, units, layout, named)

    def layout(self, inputs: ImageBatch) -> Layout:
        count, channels, *sides = inputs.images.shape
        if channels != self.channels or any(side % self.stride for side in sides):
            raise ValueError(f"images of shape {tuple(inputs.images.shape[1:])}: the sides of the {self.channels}-channel"
                             f" images of {type(self.model).__name__} must be multiples of its stride {self.stride}, for"
                             " its units to be known beforehand")  # fmt: skip
        rows, columns = (side // self.stride for side in sides)
        leading = getattr(self.model, "num_prefix_tokens", 0)
        return Layout((leading + rows * columns,) * count, inputs.images.device, grid=(rows, columns), leading=leading)

    def _cells(self, inputs: ImageBatch, keep: Tensor) -> Tensor:
        """(B, h, w) bool."""
        if self._obstacle:
            raise ValueError(f"{type(self.model).__name__} cannot leave units out (keep): {self._obstacle}")
        if any(isinstance(layer, nn.SyncBatchNorm) for layer in self.model.modules()):
            raise ValueError("sync_batchnorm=true replaces norms that leave units out (keep); train without it")
        return keep.unflatten(0, (-1, *self.layout(inputs).grid))

    def _layout_of(self, last: Tensor, inputs: ImageBatch) -> Layout:
        """Of the computed units."""
        count, device = len(last), last.device
        if last.ndim == 4:
            rows, columns = last.shape[1:3] if self._channels_last else last.shape[2:]
            return Layout((rows * columns,) * count, device, grid=(rows, columns))
        length, leading = last.shape[1], getattr(self.model, "num_prefix_tokens", 0)
        rows, columns = (side // self.stride for side in inputs.images.shape[2:])
        grid = (rows, columns) if leading + rows * columns == length else None
        return Layout((length,) * count, device, grid=grid, leading=leading)

    def _flat(self, x: Tensor, channels_last: bool | None = None) -> Tensor:
        """Tokens (B, N, D) or maps (B, D, h, w) -> (U, D)."""
        if not isinstance(x, Tensor) or x.ndim not in (3, 4):
            raise ValueError(f"{type(self.model).__name__} gives neither maps nor tokens at every place that is asked for;"
                             " TimmEncoder cannot name its layers")  # fmt: skip
        if x.ndim == 4 and not (self._channels_last if channels_last is None else channels_last):
            x = x.movedim(1, -1)
        return x.flatten(0, -2)

    @property
    def _channels_last(self) -> bool:
        return getattr(self.model, "output_fmt", "NCHW") == "NHWC"


def _create(name: str, pretrained: bool, image_size: int | None, channels: int, options: dict[str, Any]) -> nn.Module:
    if ":" not in name and not timm.is_model(name.split(".")[0]):
        near = difflib.get_close_matches(name, timm.list_models(), 5, 0.4)
        raise ValueError(f"model_name={name!r}: timm has no such model; near are {', '.join(near) or 'none'}")
    try:
        arguments = resolve_model_input_args(name, {"img_size": image_size}, **options)  # only where the model takes it
        given = {"pretrained": pretrained, "in_chans": channels, "num_classes": 0}
        return timm.create_model(**arguments | given)
    except TypeError as error:
        raise ValueError(f"options={options}: timm's {name} says: {error}") from error
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{name}: timm cannot give it (pretrained={pretrained}): {error}") from error


def _find_blocks(model: nn.Module) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """Paths of the blocks; of each resolution that timm lists, the layer and what timm says of it."""
    infos = [dict(info) for info in getattr(model.feature_info, "info", model.feature_info)]
    kinds = [re.sub(r"\d", "", info["module"]) for info in infos]
    stages = infos[1:] if kinds[0] != kinds[1] else infos  # the first is a stem where it is named otherwise
    paths = [info["module"] for info in stages]
    container = paths[0].rpartition(".")[0]
    modules = dict(model.named_modules())
    if strange := [path for path in (*paths, container) if path not in modules]:
        raise ValueError(f"{type(model).__name__} has no {strange[0]}, of which its feature_info speaks; TimmEncoder needs"
                         " models that say where their stages are")  # fmt: skip
    children = [f"{container}.{name}" for name, _ in modules[container].named_children()]
    # Stages that change no resolution are not listed; NFNet lists its last convolution for its last stage.
    blocks = children if container and ("extra_blocks" in _arguments(model) or len(children) == len(paths)) else paths
    places = [blocks.index(path) if path in blocks else i for i, path in enumerate(paths)]
    return blocks, [f"block{place:02d}" for place in places], stages


def _request(model: nn.Module) -> dict[str, Any]:
    """Ask `forward_intermediates` for all tokens of all blocks."""
    tokens = getattr(model, "num_prefix_tokens", 0) and "return_prefix_tokens" in _arguments(model)
    request = {"return_prefix_tokens": True, "output_fmt": "NLC"} if tokens else {}
    return request | ({"extra_blocks": True} if "extra_blocks" in _arguments(model) else {})


def _arguments(model: nn.Module) -> set[str]:
    return set(inspect.signature(model.forward_intermediates).parameters)


def _keep_input(block: nn.Module, args: tuple[Tensor, ...]) -> None:
    block.__dict__["input"] = args[0]
