-- What does a generation of the orders hold? Rows of positions apart: they depend on how the log was cut into steps.
select
    currency, '' as measure, sum(ordered) as amount_, sum(invoiced) as baseline_, sum(received) as quantity_,
    count() as rows, sum(cityHash64(app, lane, pos, establishment_id, order_id, agreement_id, supplier_id, number, source,
        ordered_on, currency, state, excess, ordered, received, invoiced, toString(ordered_quantity),
        toString(received_quantity), toString(invoiced_quantity))) as hash
from orders_gN
where order_id != toUUIDOrZero('')
group by currency
order by currency
