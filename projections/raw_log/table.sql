-- What was published, byte for byte, and how far has each lane come?
-- No PARTITION BY and no materialized view: a block must be one part, so that a crash keeps all of it or nothing.
-- The projection answers max(pos) without reading rows; it lives inside the part and commits with it.
create table if not exists raw_log
(
    app LowCardinality(String),
    lane UInt16,
    pos UInt64,
    prev UInt64,
    stream_id UUID,
    version UInt32,
    event_id UUID,
    type LowCardinality(String),
    recorded_at DateTime64(6, 'UTC'),
    bytes UInt32,
    raw String codec(ZSTD(3)),
    projection positions (select app, lane, max(pos), max(recorded_at), count() group by app, lane)
)
engine = MergeTree
order by (app, lane, pos)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
