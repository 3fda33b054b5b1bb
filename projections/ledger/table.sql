-- What was ordered, received, invoiced and reserved, by whom, of whom, when, and since when is it known?
-- One row per fact and line, a function of one event; every event leaves at least one row, so that the position moves.
-- Sums are asked by (currency, measure, month of knowledge, …): the month of knowledge lets a figure be asked as it
-- was known at any instant from whole months plus the rows of one month, which the minmax index finds.
-- Roll-ups are narrow, one per question: a wide one over all dimensions was five times slower (docs/adr).
create table if not exists ledger_gN
(
    app LowCardinality(String),
    lane UInt16,
    pos UInt64,
    line UInt32,
    kind Enum8('fact' = 1, 'excluded' = 2, 'nothing' = 3, 'poison' = 4),
    measure LowCardinality(String),
    type LowCardinality(String),
    event_id UUID,
    recorded_at DateTime64(6, 'UTC'),
    business_date Date,
    currency LowCardinality(String),
    establishment_id UUID,
    agreement_id UUID,
    lot_id UUID,
    supplier_id UUID,
    category LowCardinality(String),
    item String,
    label String,
    order_id UUID,
    document String,
    line_id String,
    quantity Decimal(18, 6),
    amount Decimal(18, 2),
    baseline_amount Nullable(Decimal(18, 2)),
    lines Int8,
    first_price_lines Int8,
    jump_lines Int8,
    reason String,
    index known recorded_at type minmax granularity 1,
    projection positions (select app, lane, max(pos), count(), countIf(kind = 'poison') group by app, lane),
    projection by_establishment_day (
        select currency, measure, toStartOfMonth(recorded_at), business_date, establishment_id,
            sum(amount), sum(quantity), sum(lines), sum(baseline_amount), sumIf(amount, isNotNull(baseline_amount)),
            sumIf(lines, isNotNull(baseline_amount)), sum(first_price_lines), sum(jump_lines)
        group by currency, measure, toStartOfMonth(recorded_at), business_date, establishment_id),
    projection by_establishment_month (
        select currency, measure, toStartOfMonth(recorded_at), toStartOfMonth(business_date), establishment_id,
            sum(amount), sum(quantity), sum(lines), sum(baseline_amount), sumIf(amount, isNotNull(baseline_amount)),
            sumIf(lines, isNotNull(baseline_amount)), sum(first_price_lines), sum(jump_lines)
        group by currency, measure, toStartOfMonth(recorded_at), toStartOfMonth(business_date), establishment_id),
    projection by_agreement_month (
        select currency, measure, toStartOfMonth(recorded_at), toStartOfMonth(business_date), agreement_id, lot_id,
            sum(amount), sum(quantity), sum(lines), sum(baseline_amount), sumIf(amount, isNotNull(baseline_amount)),
            sumIf(lines, isNotNull(baseline_amount)), sum(first_price_lines), sum(jump_lines)
        group by currency, measure, toStartOfMonth(recorded_at), toStartOfMonth(business_date), agreement_id, lot_id),
    projection by_supplier_month (
        select currency, measure, toStartOfMonth(recorded_at), toStartOfMonth(business_date), supplier_id, category,
            sum(amount), sum(quantity), sum(lines), sum(baseline_amount), sumIf(amount, isNotNull(baseline_amount)),
            sumIf(lines, isNotNull(baseline_amount)), sum(first_price_lines), sum(jump_lines)
        group by currency, measure, toStartOfMonth(recorded_at), toStartOfMonth(business_date), supplier_id, category)
)
engine = MergeTree
order by (app, lane, pos, line)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
