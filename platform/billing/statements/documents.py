"""A statement or a credit note as a document to keep: PDF and CSV. What is printed is what was frozen at the close."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from billing import sheets
from billing.meters import METERS
from billing.models import Mode
from billing.money import MICROS, plain
from billing.statements import breakdown, gst
from billing.statements.models import CreditNote, Statement

DAYS_SHOWN: Final = 31


def grouped(micros: int, places: int = 2) -> str:
    """`1234567.5` rupees as `12,34,567.50`, rounded half to even at the end."""
    scale = MICROS // 10**places
    whole, rest = divmod(abs(micros), scale)
    whole += rest * 2 > scale or (rest * 2 == scale and whole % 2 == 1)
    units, part = divmod(whole, 10**places)
    head, tail = str(units)[:-3], str(units)[-3:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{'-' if micros < 0 and whole else ''}{tail}.{part:0{places}}"


class _Page(FPDF):
    """A4 with the built-in fonts: letters outside of Latin-1 lose their marks, or become a question mark."""

    def __init__(self, title: str, foot: str) -> None:
        super().__init__(format="A4")
        self.foot = foot
        self.set_title(title)
        self.set_auto_page_break(True, margin=18)
        self.set_margin(16)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("Helvetica", size=8)
        self.set_text_color(90)
        self.cell(0, 5, latin(self.foot))
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R", new_x=XPos.LMARGIN)
        self.set_text_color(0)

    def words(self, text: str, size: float = 9, *, bold: bool = False, gap: float = 0) -> None:
        self.set_font("Helvetica", "B" if bold else "", size)
        self.multi_cell(0, size * 0.5, latin(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(gap)

    def rows(self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], last: int = 1) -> None:
        """A table whose `last` columns are figures."""
        align = ["LEFT"] * (len(head) - last) + ["RIGHT"] * last
        self.set_font("Helvetica", size=8.5)
        with self.table(
            col_widths=tuple(widths),
            text_align=tuple(align),
            borders_layout="HORIZONTAL_LINES",
            line_height=5.2,
            headings_style=FontFace(emphasis="BOLD"),
        ) as table:
            table.row([latin(cell) for cell in head])
            for row in rows:
                table.row([latin(cell) for cell in row])
        self.ln(4)


def latin(text: str) -> str:
    """What the built-in fonts can show."""
    known = text.replace("₹", "Rs ").replace("\N{MINUS SIGN}", "-").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    try:
        known.encode("latin-1")
    except UnicodeEncodeError:
        known = "".join(mark for mark in unicodedata.normalize("NFKD", known) if not unicodedata.combining(mark))
        return known.encode("latin-1", "replace").decode("latin-1")
    return known


def statement_pdf(statement: Statement) -> bytes:
    """Of a statement of the tenant in scope."""
    seller, customer = statement.issuer, statement.customer
    name = _title(statement)
    page = _Page(f"{name} {statement}", f"{seller['legal_name']} · {name.lower()} {statement}".replace("·", "-"))
    page.set_creation_date(statement.created_at)
    page.words(name, 16, bold=True, gap=2)
    facts = [f"Number {statement.number}"] if statement.number else []
    facts += [f"Date {statement.issued_on:%d %B %Y}", f"For {statement.period:%B %Y}"]
    page.words("   ".join(facts), gap=4)
    _parties(page, seller, customer)
    meters = [
        (row.title, " ".join(filter(None, (row.provider, row.model))), row.amount_used, grouped(row.micros, 4))
        for row in breakdown.by_meter(statement)
    ]
    if meters:
        page.words("By meter", 11, bold=True, gap=1)
        page.rows(("Service", "Provider", "Quantity", "Rs"), meters, (55, 55, 38, 30), last=2)
    changed = breakdown.corrections(statement)
    if changed:
        page.words("Corrections", 11, bold=True, gap=1)
        lines = [(f"{one.booked_at:%d %b}", one.memo or one.cause, grouped(one.micros, 4)) for one in changed]
        page.rows(("Booked", "Why", "Rs"), lines, (25, 120, 33))
    page.rows((f"SAC {seller['sac']}", "Rs"), _sums(statement), (140, 38))
    page.words("Your account", 11, bold=True, gap=1)
    page.rows(("", "Rs"), _account(statement), (140, 38))
    days = breakdown.by_day(statement)
    if days:
        page.words("By day", 11, bold=True, gap=1)
        page.rows(
            ("Day", "Activities", "Rs"),
            [(f"{day:%a %d %b}", f"{count:,}", grouped(micros, 4)) for day, count, micros in days],
            (90, 50, 38),
            last=2,
        )
    page.words("Every call is in the CSV of this statement. Amounts of lines are exact; the sum is rounded once.", 8)
    for line in _remarks(seller, customer):
        page.words(line, 8)
    return bytes(page.output())


def note_pdf(note: CreditNote) -> bytes:
    """Of a credit note of the tenant in scope."""
    statement = note.statement
    seller, customer = statement.issuer, statement.customer
    page = _Page(f"Credit note {note.number}", f"{seller['legal_name']} - credit note {note.number}")
    page.set_creation_date(note.created_at)
    page.words("Credit note", 16, bold=True, gap=2)
    page.words(
        f"Number {note.number}   Date {note.issued_on:%d %B %Y}   "
        f"For invoice {statement.number} of {statement.issued_on:%d %B %Y}",
        gap=4,
    )
    _parties(page, seller, customer)
    page.words(f"Reason: {note.reason}", gap=3)
    lines = [("Taxable amount taken back", grouped(note.taxable_micros)), *_taxes(note, customer["place"], seller)]
    page.rows((f"SAC {seller['sac']}", "Rs"), [*lines, ("In all", grouped(note.total_micros))], (140, 38))
    return bytes(page.output())


def statement_csv(statement: Statement) -> str:
    """A row per call and other activity, then the corrections; the last column adds up to what was charged."""
    rows: list[tuple[object, ...]] = [
        (
            row.began_at.isoformat(timespec="seconds"),
            row.kind,
            row.source,
            row.agent,
            row.number,
            _yes(row.test),
            plain(row.micros),
        )
        for row in breakdown.by_call(statement)
    ]
    rows += [
        (one.booked_at.isoformat(timespec="seconds"), "correction", one.cause, "", "", one.memo, plain(one.micros))
        for one in breakdown.corrections(statement)
    ]
    return sheets.written(("began", "kind", "source", "agent", "number", "test", "rupees"), rows)


def meters_csv(statement: Statement) -> str:
    """A row per meter, provider and model."""
    rows = [
        (row.meter, row.provider, row.model, row.quantity, _unit(row.meter), plain(row.micros))
        for row in breakdown.by_meter(statement)
    ]
    return sheets.written(("meter", "provider", "model", "quantity", "unit", "rupees"), rows)


def _title(statement: Statement) -> str:
    if not statement.number:
        return "Statement"
    return "Tax invoice" if statement.issuer["gstin"] else "Invoice"


def _parties(page: _Page, seller: dict[str, Any], customer: dict[str, Any]) -> None:
    for title, party in (("From", seller), ("To", customer)):
        page.words(title, 8, bold=True)
        place = gst.PLACES.get(party["place"], "")
        lines = [party["legal_name"], party["address"], f"{place} ({party['place']})" if place else ""]
        lines += [f"GSTIN {party['gstin']}"] if party["gstin"] else []
        page.words("\n".join(filter(None, lines)), gap=3)


def _sums(statement: Statement) -> list[tuple[str, str]]:
    rows = [("Charged", grouped(statement.exact_micros, 4))]
    if statement.discount_micros:
        rows.append(("Less credit that you were given", grouped(-statement.discount_micros, 4)))
    rows.append(("Rounding to the paisa", grouped(-statement.rounding_micros, 4)))
    rows.append(("Taxable amount", grouped(statement.taxable_micros)))
    rows += _taxes(statement, statement.customer["place"], statement.issuer)
    return [*rows, ("Total", grouped(statement.total_micros))]


def _taxes(document: Statement | CreditNote, place: str, seller: dict[str, Any]) -> list[tuple[str, str]]:
    rate = seller["rate_bp"]
    if document.igst_micros:
        return [(f"IGST {percent(rate)}", grouped(document.igst_micros))]
    if document.cgst_micros or document.sgst_micros:
        return [
            (f"CGST {percent(rate / 2)}", grouped(document.cgst_micros)),
            (f"{gst.state_tax_name(place)} {percent(rate / 2)}", grouped(document.sgst_micros)),
        ]
    return []


def percent(basis_points: float) -> str:
    """1800 → `18 %`."""
    return f"{basis_points / 100:g} %"


def _account(statement: Statement) -> list[tuple[str, str]]:
    paid = "Payments and settlements" if statement.mode == Mode.POSTPAID else "Paid in, less refunds and tax"
    return [
        ("At the beginning", grouped(statement.opening_micros)),
        (paid, grouped(statement.paid_in_micros)),
        ("Credit that you were given", grouped(statement.credited_micros)),
        ("Charged", grouped(-statement.exact_micros)),
        ("At the end", grouped(statement.closing_micros)),
    ]


def _remarks(seller: dict[str, Any], customer: dict[str, Any]) -> list[str]:
    place = gst.PLACES.get(customer["place"])
    lines = (
        [f"Place of supply: {place} ({customer['place']}). Reverse charge: no."] if place and seller["gstin"] else []
    )
    if customer["place"] == gst.ABROAD and seller["gstin"]:
        lut = f" {seller['lut']}" if seller["lut"] else ""
        lines.append(f"Supply meant for export under letter of undertaking{lut} without payment of integrated tax.")
    return lines


def _unit(meter: str) -> str:
    known = METERS.get(meter)
    return known.unit if known else ""


def _yes(flag: bool) -> str:
    return "yes" if flag else ""
