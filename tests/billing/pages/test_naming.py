"""What sources are called."""

import pytest

from billing.pages.naming import address_of, title_of

ID = "8d0ff3a4-5b1e-4e8e-9a62-0d8e2f1a7c11"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        (f"call:{ID}", "Call"),
        (f"number:{ID}:2026-11", "Number 2026-11"),
        (f"preview:{ID}", "Preview"),
        ("number_rent:", "Number rent"),
        ("call:1", "Call 1"),
    ],
)
def test_ids_are_left_out(source, title):
    assert title_of(source) == title


def test_only_a_call_has_a_page():
    assert address_of("clinic", f"call:{ID}").endswith(f"/calls/{ID}/")
    assert address_of("clinic", f"preview:{ID}") == address_of("clinic", "call:1") == ""
