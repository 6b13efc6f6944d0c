"""The encoder of MAE (ViTMAEModel), under the names of the published files. Its positions are fixed, yet in the files."""

from torch import Tensor

from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.families import vit
from lit_pretrain.io.family import Arguments, Family, class_of
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.types import Encoder, Layout


def positions(encoder: Encoder) -> dict[str, Tensor]:
    embedding = encoder.embedding
    layout = Layout((embedding.num_units,), grid=embedding.grid, leading=1)
    nothing = embedding.patch.weight.new_zeros(embedding.num_units, embedding.dim).cpu()
    return {"embeddings.position_embeddings": encoder.position.embed(nothing, layout)[None]}


def fits(arguments: Arguments) -> bool:
    return class_of(arguments["position"]) is SinCos2D and vit.pools(arguments) and not arguments["maskable"]


family = Family(
    kind=ViT,
    architecture="ViTMAEModel",
    prefix="vit",
    arguments=vit.family.arguments,
    constants={"qkv_bias": True},
    names=vit.family.names,
    read=lambda config: {"position": SinCos2D(config["hidden_size"])} | vit.read_pooling(config),
    write=vit.write_pooling,
    also=lambda arguments: {"mask_ratio": 0.0},  # the model itself would hide three quarters of what it is given
    fits=fits,
    computed=positions,
    changes=vit.family.changes,
    left=(r"(decoder|mask_token).*",),
)
