-- What does the ledger hold per establishment, agreement and month, up to a position of each lane?
select
    measure, currency, establishment_id, agreement_id, toStartOfMonth(business_date) as month,
    sum(quantity) as quantity_, sum(amount) as amount_, sum(baseline_amount) as baseline_, sum(lines) as lines_
from ledger
where kind = 'fact' and measure in ('ordered', 'received', 'invoiced') and app = 'ordering'
    and pos <= {upto:Array(UInt64)}[lane + 1]
group by measure, currency, establishment_id, agreement_id, month
