"""Scale-invariant signal-to-distortion ratio (SDR - half-baked or well done?, arXiv 1811.02508). Legend: S samples."""

from torch import Tensor


def si_sdr(estimate: Tensor, reference: Tensor, eps: float = 1e-8) -> Tensor:
    """10 log10(|a s|^2 / |a s - e|^2) in dB, for e and s without their means and the scale a that fits s best to e.

    Args:
        estimate, reference: (..., S).
        eps: added to both energies, so that silence has a ratio.

    Returns:
        (...), in fp32.
    """
    e, s = (x.float() - x.float().mean(-1, keepdim=True) for x in (estimate, reference))
    scaled = ((e * s).sum(-1, keepdim=True) + eps) / (s.square().sum(-1, keepdim=True) + eps) * s
    return 10 * ((scaled.square().sum(-1) + eps) / ((scaled - e).square().sum(-1) + eps)).log10()
