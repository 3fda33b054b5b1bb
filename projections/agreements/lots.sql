-- How much of each lot's maximum do orders reserve? The maximum is the newest one that an amendment set.
select
    l.agreement_id as agreement_id, l.lot_id as lot_id, l.number as number, l.label as label,
    l.supplier_id as supplier_id, l.category as category,
    if(m.lot_maximum != '', m.lot_maximum, l.maximum_at_signature) as maximum, r.reserved as reserved
from lots as l
left join
(
    select lot_id, sum(amount) as reserved from ledger where measure = 'reserved' group by lot_id
) as r on r.lot_id = l.lot_id
left join lot_maximums as m on m.lot_id = l.lot_id
order by agreement_id, number
