"""Views are the doors of readers who have no right to what lies behind them."""

from __future__ import annotations

from services.embedded import Platform


def test_every_view_is_answered_with_the_rights_of_who_made_it(platform: Platform) -> None:
    """Finance reads views on a server, and may not read the raw log (infra/clickhouse-users.xml)."""
    views = platform.analytics.rows(
        "select name, position(create_table_query, 'SQL SECURITY DEFINER') > 0 as is_open from system.tables "
        "where database = currentDatabase() and engine = 'View' order by name"
    )
    assert len(views) > 7
    assert [view["name"] for view in views if not view["is_open"]] == []
