-- Which stores do these projections belong to?
create table if not exists epochs (app LowCardinality(String), epoch UUID, lanes UInt16)
engine = MergeTree
order by app
settings fsync_after_insert = 1
