"""A program of its own: `espeak_child.py VOICE WORDS_PER_MINUTE FILE`, text on standard input → a WAV file.

It loads the GPL library espeak-ng and is therefore only ever run as a child process, never imported.
"""

import ctypes
import sys
import wave

import espeakng_loader

SYNCHRONOUS = 2
UTF8 = 1
RATE = 1
PHONEME_SAFE_EXIT = 0x8000


def main() -> int:
    """Speak standard input into the file."""
    voice, words_per_minute, path = sys.argv[1:4]
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), PHONEME_SAFE_EXIT)
    if rate <= 0:
        print("espeak-ng could not start", file=sys.stderr)  # noqa: T201
        return 1
    samples = bytearray()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)  # type: ignore[untyped-decorator]
    def keep(pcm: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
        if pcm and count > 0:
            samples.extend(ctypes.string_at(pcm, 2 * count))
        return 0

    library.espeak_SetSynthCallback(keep)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        print(f"espeak-ng has no voice {voice}", file=sys.stderr)  # noqa: T201
        return 1
    library.espeak_SetParameter(RATE, int(words_per_minute), 0)
    text = sys.stdin.buffer.read() + b"\0"
    library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
