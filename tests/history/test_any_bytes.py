"""Whatever the bytes are, an import refuses them or reads rows: it never breaks."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.history.mapping import Mapping, load_mapping
from services.history.reading import open_table
from services.history.refusals import BadMapping, ImportRefused
from services.history.rows import Row, RowReader
from tests.history.desk import MAPPING, ROW

HEADER = ",".join(ROW)
GOOD = ",".join(cell.replace(",", "") for cell in ROW.values())
FILE = f"{HEADER}\n{GOOD}\n{GOOD}\n".encode()
CELLS = st.text(max_size=20) | st.sampled_from(
    ["-1", "1e9", "NaN", "31/12/9999", "00/00/0000", "=1", "\x00", '"', "'", "٣"]
)


def mapping_of(text: str = MAPPING) -> Mapping:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mapping.toml"
        path.write_text(text, encoding="utf-8")
        return load_mapping(path)


PARTS = mapping_of()


def read(content: bytes) -> None:
    """Reads the rows of a file. What is refused is refused with a rule and what to do."""
    if (refusal := _refusal_of(content)) is not None:
        assert refusal.detail
        assert refusal.rule
        assert refusal.remedy


def _refusal_of(content: bytes) -> ImportRefused | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "any.csv"
        file.write_bytes(content)
        try:
            with open_table(file, PARTS.columns()) as table:
                reader = RowReader(PARTS, file, table.header)
                for raw in table.rows:
                    found = reader.read(raw)
                    assert isinstance(found, Row) or all(problem.detail and problem.rule for problem in found)
        except ImportRefused as refusal:
            return refusal
    return None


@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    read(content)


@given(at=st.integers(0, len(FILE)), cut=st.integers(0, 40), put=st.binary(max_size=8) | CELLS.map(str.encode))
def test_a_damaged_file_is_refused_or_read(at: int, cut: int, put: bytes) -> None:
    read(FILE[:at] + put + FILE[at + cut :])


@settings(max_examples=300)
@given(cells=st.lists(CELLS, min_size=len(ROW), max_size=len(ROW)))
def test_any_cells_are_refused_or_read(cells: list[str]) -> None:
    read(f"{HEADER}\n{','.join(cells)}\n".encode(errors="surrogatepass"))


@given(at=st.integers(0, len(MAPPING)), cut=st.integers(0, 60), put=st.text(max_size=8))
def test_a_damaged_mapping_is_refused_or_read(at: int, cut: int, put: str) -> None:
    text = (MAPPING[:at] + put + MAPPING[at + cut :]).encode(errors="replace").decode()
    with contextlib.suppress(BadMapping):
        assert mapping_of(text).columns()
