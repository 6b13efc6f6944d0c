"""Parts as default arguments, made known to jsonargparse, which otherwise writes `<object at 0x...>` into config.yaml."""

from typing import Any

from jsonargparse._typehints import ActionTypeHint

from lit_pretrain.part import Recorded, spec


def know_parts() -> None:
    """From now on a default such as `DynamicMasking(0.15)` is its class path and arguments."""
    if getattr(ActionTypeHint.normalize_default, "knows_parts", False):
        return
    plain = ActionTypeHint.normalize_default

    def normalize_default(self: ActionTypeHint, default: Any) -> Any:
        return plain(self, spec(default) if isinstance(default, Recorded) else default)

    normalize_default.knows_parts = True
    ActionTypeHint.normalize_default = normalize_default
