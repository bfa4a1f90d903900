"""IPA, as espeak-ng writes American English, to the ARPABET phones of pocketsphinx's acoustic model. Pure."""

from __future__ import annotations

from typing import Final

_PHONES: Final = {
    "aɪɚ": "AY ER", "aɪə": "AY AH", "aʊɚ": "AW ER", "oːɹ": "AO R", "ɔːɹ": "AO R", "ɑːɹ": "AA R", "ɛɹ": "EH R",
    "ɪɹ": "IH R", "ʊɹ": "UH R", "tʃ": "CH", "dʒ": "JH", "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW",
    "ɔɪ": "OY", "əl": "AH L", "ɜː": "ER", "ɑː": "AA", "ɔː": "AO", "iː": "IY", "uː": "UW", "oː": "AO", "aː": "AA",
    "eː": "EY", "ɐ": "AH", "ɚ": "ER", "ɝ": "ER", "ɜ": "ER", "ə": "AH", "ʌ": "AH", "æ": "AE", "a": "AE", "ɑ": "AA",
    "ɒ": "AA", "ɔ": "AO", "ɛ": "EH", "e": "EH", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "ʊ": "UH", "u": "UW", "o": "OW",
    "b": "B", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "j": "Y", "k": "K", "l": "L", "ɫ": "L",
    "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "ɾ": "T", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH",
    "v": "V", "w": "W", "z": "Z", "ʒ": "ZH", "x": "K", "ç": "HH", "ʔ": "T", "ɬ": "L", "ʲ": "Y",
}  # fmt: skip
_SILENT: Final = "ˈˌːˑ̩̯̃ ‿_-.\n\u200d͡"
_LONGEST: Final = max(map(len, _PHONES))


def arpabet(ipa: str) -> str | None:
    """Phones parted by spaces, such as `M EH T AH`; None when a sound has no likeness in English."""
    phones: list[str] = []
    text = ipa.replace("ˈ", "").replace("ˌ", "").replace("‿", "")
    at = 0
    while at < len(text):
        for length in range(_LONGEST, 0, -1):
            if (found := _PHONES.get(text[at : at + length])) is not None:
                phones += found.split()
                at += length
                break
        else:
            if text[at] not in _SILENT:
                return None
            at += 1
    return " ".join(phones) or None
