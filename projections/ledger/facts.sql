-- Which facts stand behind a figure? In the order in which they became known.
select
    app, lane, pos, line, event_id, type, recorded_at, business_date, measure, currency, establishment_id,
    agreement_id, lot_id, supplier_id, category, item, label, order_id, document, line_id, quantity, amount,
    baseline_amount
from ledger
where measure = {measure:String} /*conditions*/
order by pos, line
limit {limit:UInt32}
