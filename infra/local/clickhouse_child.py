"""A ClickHouse server out of the engine that chdb-core carries; ends when its input does (docs/adr/0006).

Runs as a script of its own: python clickhouse_child.py FOLDER_OF_CHDB FOLDER_OF_DATA, where config.xml lies.
`chdb` itself is never imported: that would open an embedded engine first, and there is one for each process.
"""

import sys

OPEN = (
    "CREATE DATABASE IF NOT EXISTS groupement; "
    "SYSTEM START LISTEN HTTP; "
    "SELECT count() FROM file('/dev/stdin', 'LineAsString', 'line String')"
)
"""Three queries: the quota of the user that opens the server allows no fourth one."""

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import _chdb  # type: ignore[import-not-found]

    answer = _chdb.query(OPEN, "TSV", path=sys.argv[2])
    if answer.has_error():
        sys.exit(answer.error_message())
