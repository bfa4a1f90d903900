"""How values look on a page."""

from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.template.loader import render_to_string
from django.utils import timezone

from switchboard.templatetags import ui


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0, "0 s"), (8.4, "8 s"), (98, "1 m 38 s"), (3599.6, "1 h 0 m"), (3725, "1 h 2 m"), (-1, "0 s")],
)
def test_durations(seconds, shown):
    assert ui.duration(seconds) == shown


@pytest.mark.parametrize(
    ("title", "shown"), [("MCP servers", "MCP servers"), ("Silence and limits", "silence and limits"), ("", "")]
)
def test_titles_inside_a_sentence(title, shown):
    assert ui.within(title) == shown


def test_durations_of_other_kinds():
    assert ui.duration(timedelta(seconds=61)) == "1 m 1 s"
    assert ui.duration_ms(98_000) == "1 m 38 s"
    assert ui.duration_ms(None) == "–"


@pytest.mark.parametrize(("ms", "shown"), [(0, "0:00"), (7_999, "0:07"), (760_000, "12:40"), (3_723_000, "1:02:03")])
def test_places_in_a_recording(ms, shown):
    assert ui.clock_ms(ms) == shown


@pytest.mark.parametrize(("ms", "shown"), [(None, "–"), (640, "640 ms"), (1240, "1.24 s")])
def test_gaps(ms, shown):
    assert ui.gap_ms(ms) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+918047181901", "+91 80 4718 1901"),
        ("+919876543210", "+91 98765 43210"),
        ("+14155552671", "+1 415-555-2671"),
        ("anonymous", "anonymous"),
        ("+", "+"),
        ("", "–"),
        (None, "–"),
    ],
)
def test_phone_numbers(number, shown):
    assert ui.phone(number) == shown


@pytest.mark.parametrize(
    ("micros", "places", "shown"),
    [
        (0, 2, "₹0.00"),
        (18_420_500_000, 2, "₹18,420.50"),
        (212_400_000_000, 0, "₹2,12,400"),
        (12_345_678_900_000, 2, "₹1,23,45,678.90"),
        (12_345, 4, "₹0.0123"),
        (-1_500_000, 2, "\u2212₹1.50"),
        (None, 2, "–"),
    ],
)
def test_money_in_indian_groups(micros, places, shown):
    assert ui.rupees(micros, places) == shown


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-11-18 06:00:20", "just now"),
        ("2026-11-18 05:48:00", "12 min ago"),
        ("2026-11-18 02:50:00", "08:20"),
        ("2026-11-17 17:00:00", "yesterday 22:30"),
        ("2026-11-03 05:00:00", "Tue 3 Nov"),
        ("2025-11-03 05:00:00", "3 Nov 2025"),
    ],
)
def test_times_in_relation_to_now_in_the_tenants_zone(time_machine, moment, text):
    time_machine.move_to(datetime(2026, 11, 18, 6, 0, 30, tzinfo=UTC), tick=False)

    with timezone.override("Asia/Kolkata"):
        shown = ui.ago(datetime.fromisoformat(f"{moment}+00:00"))

    assert f">{text}</time>" in shown
    assert "+05:30" in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Lakshmi Narayan", "LN"), ("Meera", "M"), ("Dr A. B. Rao", "DR"), ("owner@clinic.example", "OE"), ("", "?")],
)
def test_initials(name, shown):
    assert ui.initials(name) == shown


def test_an_icon_with_a_word_is_decoration_and_one_without_has_a_name():
    assert 'aria-hidden="true"' in ui.icon("phone")
    assert 'aria-label="&lt;yes&gt;"' in ui.icon("check", "<yes>")


class Form(forms.Form):
    name = forms.CharField(help_text="As on the door.")
    agree = forms.BooleanField()
    size = forms.ChoiceField(choices=[("s", "Small"), ("l", "Large")], widget=forms.RadioSelect)


def test_a_field_with_an_error_is_tied_to_its_words():
    form = Form({"name": ""})
    form.is_valid()

    html = render_to_string("components/field.html", {"field": form["name"]})

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'class="input"' in html


def test_choices_are_a_fieldset_with_a_legend():
    html = render_to_string("components/field.html", {"field": Form()["size"]})

    assert "<legend>Size</legend>" in html
    assert html.count('type="radio"') == 2


def test_the_error_summary_links_to_the_fields():
    form = Form({})
    form.is_valid()

    html = render_to_string("components/error_summary.html", {"form": form})

    assert 'href="#id_name"' in html
    assert 'href="#id_agree"' in html
