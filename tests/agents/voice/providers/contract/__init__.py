"""What every vendor's adapter promises, held against a fake that speaks the vendor's own protocol.

A vendor registers its rows in `rows/<vendor>.py` as `STT`, `LLM` and `TTS`; the tests here run over all of them.
"""
