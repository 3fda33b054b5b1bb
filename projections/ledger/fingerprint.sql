-- What does a generation of the ledger hold, up to the cent and up to the byte?
select
    currency, measure, sum(amount) as amount_, sum(baseline_amount) as baseline_, sum(quantity) as quantity_,
    count() as rows, sum(cityHash64(app, lane, pos, line, toString(kind), measure, type, event_id, recorded_at,
        business_date, currency, establishment_id, agreement_id, lot_id, supplier_id, category, item, label, order_id,
        document, line_id, quantity, amount, ifNull(toString(baseline_amount), ''), lines, first_price_lines,
        jump_lines, reason)) as hash
from ledger_gN
group by currency, measure
order by currency, measure
