"""Takes away what is written for the eye: markdown, tags, pictures. A text without them comes back as it is."""

from __future__ import annotations

import re
from typing import Final

_RULES: Final = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^[ \t]*(?:```|~~~).*\n?", ""),
        (r"^[ \t]*(?:[-*_][ \t]*){3,}$\n?", ""),
        (r"^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+(?:[ \t]*:?-{3,}:?)?[ \t]*$\n?", ""),
        (r"^[ \t]*(?:#{1,6}|>+|[-*+•‣▪])[ \t]+", ""),
        (r"!?\[([^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)", r"\1"),
        (r"[ \t]?\[(?:laugh|sigh|pause|breath|cough|music|silence|chuckle|giggle)\w*\]", ""),
        (r"(?<=\S)<(?:br|p|/p)[ \t]*/?>(?=\S)", " "),
        (r"</?[A-Za-z][\w:-]*(?:[ \t\n][^<>]{0,200})?/?>", ""),
        (r"<!--.*?-->", ""),
        (r"(\*\*\*|\*\*|~~|__)(?=\S)(.+?)(?<=\S)\1", r"\2"),
        (r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])", r"\1"),
        (r"(?<![\w_])_(?=[^\s_])([^_\n]+?)(?<=[^\s_])_(?![\w_])", r"\1"),
        (r"`+([^`\n]*)`+", r"\1"),
        (r"^[ \t]*\|[ \t]*|[ \t]*\|[ \t]*$", ""),
        (r"[ \t]\|[ \t]", ", "),
    )
)
_PICTURES: Final = re.compile(
    "[ \t]?(?:[\U0001f000-\U0001faff☀-➿⬀-⯿⌚-⏿]|[\U0001f1e6-\U0001f1ff]{2})"
    "[\ufe0f\u20e3\u200d\U0001f3fb-\U0001f3ff]*(?:\u200d[\U0001f000-\U0001faff☀-➿]\ufe0f?)*"
)


def bare(text: str) -> str:
    """`**Yes** 👍` is `Yes`."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _PICTURES.sub("", text)
