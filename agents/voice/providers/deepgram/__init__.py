"""Deepgram: Nova-3 and Flux listen, Aura-2 speaks, each on a raw socket; the SDK serves the account's questions alone.

`segments` and `turns` read what the two recognisers send, without I/O; `nova`, `flux` and `aura` are the adapters.
"""
