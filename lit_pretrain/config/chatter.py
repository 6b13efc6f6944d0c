"""What libraries say of themselves when they are imported or first used, which is not the user's business."""

import warnings

CHATTER = ("torch.jit.script", "Sparse invariant checks", "LeafSpec")


def hush() -> None:
    """Leave these warnings out from now on, in this process."""
    for message in CHATTER:
        warnings.filterwarnings("ignore", f".*{message}")
