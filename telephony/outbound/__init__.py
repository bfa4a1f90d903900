"""Calls that we place: one at a time, and by campaigns from a list; numbers that are never dialled."""
