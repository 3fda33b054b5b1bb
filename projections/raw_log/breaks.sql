-- Where did a message not follow the one before it? A break counts while its lane still stands there.
create table if not exists chain_breaks
(
    app LowCardinality(String),
    lane UInt16,
    stood_at UInt64,
    expected UInt64,
    found UInt64,
    seen_at DateTime64(6, 'UTC')
)
engine = MergeTree
order by (app, lane, stood_at)
settings non_replicated_deduplication_window = 100, fsync_after_insert = 1
