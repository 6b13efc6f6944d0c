"""What a user did wrong, in one line that names the nearest right thing."""

from collections.abc import Iterable
from difflib import get_close_matches


class Mistake(Exception):
    """Ends the command with this one line and exit code 2. No ValueError: parsers swallow those and try on."""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """'; nearest: a, b, c', or '' where nothing comes close."""
    by_lower = {str(c).lower(): str(c) for c in candidates}
    matches = get_close_matches(str(name).lower(), by_lower, n=3, cutoff=0.5)
    return f"; nearest: {', '.join(by_lower[m] for m in matches)}" if matches else ""


def one_line(message: str, limit: int = 400) -> str:
    """A message of many lines as one of at most `limit` characters."""
    text = " ".join(str(message).split())
    return text if len(text) <= limit else text[: limit - 4] + " ..."
