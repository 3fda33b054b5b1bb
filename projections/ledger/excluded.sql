-- Which rows were looked at and left out, each for one reason? Of an unreadable event only the establishment is asked:
-- the rest of it may be what cannot be read.
select
    app, lane, pos, line, event_id, type, recorded_at, business_date, measure, currency, establishment_id,
    agreement_id, lot_id, supplier_id, category, item, label, order_id, document, line_id, quantity, amount,
    baseline_amount,
    multiIf(
        kind = 'poison', concat('unreadable: ', reason),
        kind = 'excluded', reason,
        /*late*/, 'recorded after the instant asked for',
        {is_savings:Bool} and isNull(baseline_amount), 'no baseline: nothing to measure a saving against',
        concat('the supplier has no rating that counts on ', {day:String})) as why,
    count() over (partition by why) as rows_of_reason,
    sum(amount) over (partition by why) as amount_of_reason,
    row_number() over (partition by why order by pos, line) as nth
from ledger
where ((kind = 'poison' /*establishments*/) or (
    (
        (measure = {measure:String} and (/*late*/ or ({is_savings:Bool} and isNull(baseline_amount))
            or ({is_csr:Bool} and supplier_id not in {rated:Array(UUID)})))
        or (kind = 'excluded' and {measure:String} = 'ordered')
    ) /*conditions*/))
qualify nth <= {limit:UInt32}
order by why, pos, line
