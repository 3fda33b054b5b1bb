-- What has happened to each order? One row per event of an order, with what it adds; the state is the newest one said.
-- Quantities are by line: too much of one line makes up for no other.
-- Sorted by establishment, since an establishment asks for its own orders. Each step ends with a row of the position of each lane.
create table if not exists orders_gN
(
    app LowCardinality(String),
    lane UInt16,
    pos UInt64,
    establishment_id UUID,
    order_id UUID,
    agreement_id UUID,
    supplier_id UUID,
    number String,
    source String,
    ordered_on Date,
    currency LowCardinality(String),
    state LowCardinality(String),
    excess Decimal(18, 2),
    ordered Decimal(18, 2),
    received Decimal(18, 2),
    invoiced Decimal(18, 2),
    ordered_quantity Map(String, Decimal(38, 6)),
    received_quantity Map(String, Decimal(38, 6)),
    invoiced_quantity Map(String, Decimal(38, 6)),
    projection positions (select app, lane, max(pos), count() group by app, lane)
)
engine = MergeTree
order by (establishment_id, order_id, pos)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
