-- How many orders and establishments stand behind the sums? Lines that a correction took away count for nothing.
-- Few orders were ever corrected: only theirs are added up line by line, the others are counted as they are.
with corrected as (select order_id from ledger where lines < 0 group by order_id)
select keys, currency, uniqExactMerge(orders_) as orders, uniqExactMerge(establishments_) as establishments
from
(
    select
        /*keys*/ as keys, currency,
        uniqExactState(order_id) as orders_, uniqExactState(establishment_id) as establishments_
    from ledger
    where measure = {measure:String} and order_id not in corrected /*conditions*/
    group by currency, keys
    union all
    select keys, currency, uniqExactState(order_id), uniqExactState(establishment_id)
    from
    (
        select /*keys*/ as keys, currency, order_id, establishment_id
        from ledger
        where measure = {measure:String} and order_id in corrected /*conditions*/
        group by currency, keys, order_id, establishment_id
        having sum(lines) != 0
    )
    group by currency, keys
)
group by currency, keys
