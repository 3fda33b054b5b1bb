-- Which orders are there, the newest first, from a place in that order on? Receipt and billing are full where each line is.
-- An order whose beginning cannot be read is left out: the figures say that something is missing.
select *
from
(
    select
        order_id, establishment_id,
        argMaxIf(agreement_id, pos, agreement_id != toUUIDOrZero('')) as agreement,
        argMaxIf(supplier_id, pos, supplier_id != toUUIDOrZero('')) as supplier,
        argMaxIf(number, pos, ordered_on > toDate(0)) as order_number,
        max(source) as order_source,
        minIf(ordered_on, ordered_on > toDate(0)) as day,
        any(currency) as order_currency,
        argMaxIf(state, pos, state != '') as commitment,
        if(commitment = 'waiting', max(excess), 0) as waiting_excess,
        sum(ordered) as ordered_amount, sum(received) as received_amount, sum(invoiced) as invoiced_amount,
        sumMap(ordered_quantity) as wanted, sumMap(received_quantity) as arrived, sumMap(invoiced_quantity) as billed,
        arrayFilter(l -> wanted[l] != 0 or arrived[l] != 0, mapKeys(mapAdd(wanted, arrived))) as to_arrive,
        arrayFilter(l -> wanted[l] != 0 or billed[l] != 0, mapKeys(mapAdd(wanted, billed))) as to_bill,
        multiIf(
            not arrayExists(l -> arrived[l] > 0, to_arrive), 'none',
            arrayExists(l -> arrived[l] < wanted[l], to_arrive), 'partial', 'full') as receipt,
        multiIf(
            not arrayExists(l -> billed[l] > 0, to_bill), 'none',
            arrayExists(l -> billed[l] < wanted[l], to_bill), 'partial', 'full') as billing
    from orders
    where order_id != toUUIDOrZero('')
        and (isNull({establishment:Nullable(UUID)}) or establishment_id = {establishment:Nullable(UUID)})
    group by establishment_id, order_id
)
where commitment != '' and day > toDate(0)
    and (isNull({supplier:Nullable(UUID)}) or supplier = {supplier:Nullable(UUID)})
    and (isNull({agreement:Nullable(UUID)}) or agreement = {agreement:Nullable(UUID)})
    and ({state:String} = '' or commitment = {state:String})
    and ({after_day:String} = '' or (day, order_id) < (toDateOrZero({after_day:String}), toUUIDOrZero({after_id:String})))
order by day desc, order_id desc
limit {limit:UInt32}
