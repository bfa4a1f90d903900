"""Cartesia: Sonic speaks over shared sockets, Ink listens on one of its own; the SDK serves the account's questions.

`turns` and `deltas` read what the two recognisers send, without I/O; `pool`, `sonic` and `ink` do the rest.
"""
