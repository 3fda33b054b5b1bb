"""The real delivery history: 10,324 lines, in ../shared/data beside the repository, never copied into it."""

from __future__ import annotations

from pathlib import Path

from tests.history.desk import Desk


def test_the_real_file_is_imported_whole_with_its_known_dirt(desk: Desk, real_file: Path, scms_mapping: Path) -> None:
    result = desk.run(file=real_file, mapping=scms_mapping)
    assert (result.exit_code, result.is_committed) == (0, True)
    document = result.document()
    assert document["rows"]["read"] == document["rows"]["new"] == 10_324
    assert document["orders"]["new"] == 6_233
    assert document["establishments"]["new"] == 43
    assert document["suppliers"]["new"] == 73
    assert document["agreements"]["new"] == 78
    assert document["baselines"]["new"] == 180
    assert result.warnings.counts["amount-differs"] == 719
    assert result.warnings.counts["received-before-ordered"] == 2_577
    assert result.warnings.counts["without-baseline"] == 18
    before = desk.positions()
    again = desk.run(file=real_file, mapping=scms_mapping)
    assert (again.events_written, again.rows.already_there) == (0, 10_324)
    assert desk.positions() == before
