"""A list of people as a file: CSV → lines with numbers in E.164, and what is wrong with each. Pure; loses no line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import phonenumbers

from agents.voice.variables import FACTS, MOST_VARIABLES, NAME, plain
from telephony.outbound import zones

NUMBER: Final = "number"
ZONE: Final = "zone"
MOST_BYTES: Final = 5 * 1024 * 1024
MOST_LINES: Final = 50_000
MOST_COLUMNS: Final = MOST_VARIABLES
VARIABLE: Final = "var:"

_NUMBERS: Final = ("phone", "mobile", "number", "telephone", "tel", "contact", "cell", "msisdn", "whatsapp")
_ZONES: Final = ("time zone", "timezone", "time_zone", "zone", "tz")
_SCIENTIFIC: Final = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+")
_WORDS: Final = re.compile(r"[^A-Za-z0-9]+")


class UnreadableFileError(ValueError):
    """Not a list. The message is for who sent it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's cells. `first` is the line of the first row: 2 under a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    has_header: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `problem` says why it cannot be dialled, `twin` which line has the same number already."""

    line: int
    phone: str
    typed: str
    zone: str
    variables: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    twin: int | None = None

    @property
    def where(self) -> str:
        """The zone for people."""
        return zones.title(self.zone)

    @property
    def is_good(self) -> bool:
        return not self.problem and self.twin is None


def decode(data: bytes) -> str:
    """A file's text: UTF-8, UTF-16 with its mark, else what old Excel writes. Raises `UnreadableFileError`."""
    if len(data) > MOST_BYTES:
        raise UnreadableFileError(f"The file has more than {MOST_BYTES // 1024 // 1024} MB. Split it.")
    try:
        text = data.decode("utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise UnreadableFileError("This is no CSV file. Save the sheet as CSV first.")
    return text


def read(text: str) -> Table:
    """Rows without the blank ones, padded to one width. Raises `UnreadableFileError`."""
    csv.field_size_limit(100_000)
    rows: list[tuple[int, tuple[str, ...]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((begins, tuple(cell.strip() for cell in row)))
            begins = reader.line_num + 1
            if len(rows) > MOST_LINES + 1:
                raise UnreadableFileError(f"The file has more than {MOST_LINES:,} lines. Split it.")
    except csv.Error as error:
        raise UnreadableFileError(f"Line {reader.line_num} cannot be read: {error}.") from error
    if not rows:
        raise UnreadableFileError("The file is empty.")
    width = len(rows[0][1])
    if max(len(cells) for _, cells in rows) > MOST_COLUMNS:
        raise UnreadableFileError(f"The file has more than {MOST_COLUMNS} columns.")
    has_header = not any(_may_be_number(cell) for cell in rows[0][1])
    if has_header:
        header, rows = rows[0][1], rows[1:]
    else:
        width = max(len(cells) for _, cells in rows)
        header = tuple(f"Column {index + 1}" for index in range(width))
    if not rows:
        raise UnreadableFileError("The file has a header and no line under it.")
    return Table(header, tuple((line, cells + ("",) * (width - len(cells))) for line, cells in rows), has_header)


def guess(table: Table) -> list[str]:
    """What each column seems to be: `number` (one at most), `zone`, `var:` and a name, or nothing."""
    columns = [_guess_one(title) for title in table.header]
    sample = table.rows[:20]
    if NUMBER not in columns:
        scores = [sum(_may_be_number(cells[index]) for _, cells in sample) for index in range(len(columns))]
        if scores and max(scores) > 0:
            columns[scores.index(max(scores))] = NUMBER
    seen: set[str] = set()
    for index, column in enumerate(columns):
        if column and column in seen:
            columns[index] = f"{VARIABLE}{variable(table.header[index])}" if column in (NUMBER, ZONE) else ""
        seen.add(column)
    return columns


def variable(title: str) -> str:
    """A header as a variable's name: `Due date` → `due_date`; empty when nothing is left of it."""
    name = _WORDS.sub("_", title).strip("_").lower()[:40]
    name = f"column_{name}"[:40] if name[:1].isdigit() else name
    return name if NAME.fullmatch(name) and name not in FACTS else ""


def wrong_columns(columns: Sequence[str], table: Table) -> str:
    """What is wrong with a choice of columns; empty: nothing."""
    if columns.count(NUMBER) != 1:
        return "Say which one column holds the number to call."
    if columns.count(ZONE) > 1:
        return "Only one column can be the time zone."
    names = [column.removeprefix(VARIABLE) for column in columns if column.startswith(VARIABLE)]
    bad = [name for name in names if not NAME.fullmatch(name) or name in FACTS]
    if bad:
        return f"“{bad[0]}” cannot be a variable’s name: letters, digits and _, and none of the call’s own facts."
    if len(set(names)) < len(names):
        return "Two columns have the same variable."
    return "" if len(columns) == len(table.header) else "The columns have changed. Look again."


def lines(table: Table, columns: Sequence[str], region: str) -> list[Line]:
    """Every row of the table as a line. Numbers without a country are of `region` (`IN`)."""
    first: dict[str, int] = {}
    found = []
    for number, cells in table.rows:
        line = _line(number, cells, columns, region, len(table.header))
        if line.is_good:
            if line.phone in first:
                line = Line(line.line, line.phone, line.typed, line.zone, line.variables, twin=first[line.phone])
            first.setdefault(line.phone, number)
        found.append(line)
    return found


def e164(text: str, region: str) -> str:
    """A number as people write it, in E.164. Raises `ValueError` with what is wrong, for people."""
    typed = text.strip().lstrip("'")
    if not typed:
        raise ValueError("There is no number.")
    if _SCIENTIFIC.fullmatch(typed):
        raise ValueError("The sheet has cut this number. Format the column as text and save again.")
    typed = typed.removesuffix(".0")
    for attempt in (typed, f"+{typed}"):
        try:
            number = phonenumbers.parse(attempt, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number) and not number.extension:
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if number.extension:
            raise ValueError("Numbers with an extension cannot be dialled.")
    if not any(char.isdigit() for char in typed):
        raise ValueError("This is no number.")
    raise ValueError("No number has so many digits.")


def region_of(number: str) -> str:
    """The country of one of our numbers, for those that are written without one."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or "IN"
    except phonenumbers.NumberParseException:
        return "IN"


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula. A plain number, such as one in E.164, is none."""
    text = str(value)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        return f"'{text}"
    return text


def written(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV, safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _line(number: int, cells: tuple[str, ...], columns: Sequence[str], region: str, width: int) -> Line:
    typed = zone = problem = phone = ""
    variables: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column == NUMBER:
            typed = cell[:80]
        elif column == ZONE:
            zone = cell
        elif column and cell:
            variables[column.removeprefix(VARIABLE)] = plain(cell)
    try:
        phone = e164(typed, region)
    except ValueError as error:
        problem = str(error)
    known = zones.named(zone) if zone else ""
    if zone and not known and not problem:
        problem = f"There is no time zone “{zone[:40]}”: write it such as Asia/Kolkata."
    if len(cells) > width and not problem:
        problem = "The line has more cells than the header."
    return Line(number, phone, typed, known or (zones.of_number(phone) if phone else ""), variables, problem)


def _delimiter(text: str) -> str:
    head = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t|", key=head.count)


def _guess_one(title: str) -> str:
    words = _WORDS.sub(" ", title).strip().casefold()
    if words in _ZONES:
        return ZONE
    if any(word in words.split() or words == word for word in _NUMBERS):
        return NUMBER
    name = variable(title)
    return f"{VARIABLE}{name}" if name else ""


def _may_be_number(cell: str) -> bool:
    digits = sum(char.isdigit() for char in cell)
    return 7 <= digits <= 15 and not re.search(r"[A-Za-z]", cell) and not re.fullmatch(r"\d{4}-\d\d-\d\d.*", cell)
