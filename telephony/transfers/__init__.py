"""Callers who are put through to people: blindly by a dial, or warmly, after the agent has told the colleague."""
