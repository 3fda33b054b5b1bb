-- Which orders are there, the newest first, from a place in that order on?
select *
from
(
    select
        order_id, establishment_id,
        argMaxIf(agreement_id, pos, state != '') as agreement,
        anyIf(supplier_id, supplier_id != toUUIDOrZero('')) as supplier,
        anyIf(number, ordered_on > toDate(0)) as order_number,
        max(source) as order_source,
        minIf(ordered_on, ordered_on > toDate(0)) as day,
        any(currency) as order_currency,
        argMaxIf(state, pos, state != '') as commitment,
        if(commitment = 'waiting', max(excess), 0) as waiting_excess,
        sum(ordered) as ordered_amount, sum(received) as received_amount, sum(invoiced) as invoiced_amount,
        sum(ordered_quantity) as q, sum(received_quantity) as rq, sum(invoiced_quantity) as iq,
        multiIf(rq <= 0, 'none', rq < q, 'partial', 'full') as receipt,
        multiIf(iq <= 0 and invoiced_amount <= 0, 'none', iq < q, 'partial', 'full') as billing
    from orders
    where order_id != toUUIDOrZero('')
        and (isNull({establishment:Nullable(UUID)}) or establishment_id = {establishment:Nullable(UUID)})
    group by establishment_id, order_id
)
where (isNull({supplier:Nullable(UUID)}) or supplier = {supplier:Nullable(UUID)})
    and (isNull({agreement:Nullable(UUID)}) or agreement = {agreement:Nullable(UUID)})
    and ({state:String} = '' or commitment = {state:String})
    and ({after_day:String} = '' or (day, order_id) < (toDateOrZero({after_day:String}), toUUIDOrZero({after_id:String})))
order by day desc, order_id desc
limit {limit:UInt32}
