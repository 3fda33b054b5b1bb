-- How many orders and establishments stand behind the sums? Lines that a correction took away count for nothing.
select keys, currency, uniqExact(order_id) as orders, uniqExact(establishment_id) as establishments
from
(
    select /*keys*/ as keys, currency, order_id, establishment_id
    from ledger
    where measure = {measure:String} /*conditions*/
    group by currency, keys, order_id, establishment_id
    having sum(lines) != 0
)
group by currency, keys
