-- Which suppliers are there, with the rating that counts on a day and the one declared last?
select
    s.supplier_id as supplier_id, s.label as label, s.siren as siren, s.vat_number as vat_number, s.country as country,
    s.is_suspended as is_suspended, s.suspended_on as suspended_on,
    r.rating_id as rating_id, r.scores as scores, r.published_on as published_on, r.expires_on as expires_on,
    multiIf(r.rating_id = toUUIDOrZero(''), 'none', r.is_rejected, 'rejected', not r.is_verified, 'declared',
        r.expires_on <= {day:String}, 'expired', 'verified') as rating_state
from suppliers as s
left join
(
    select * from ratings order by published_on desc, declared_at desc limit 1 by supplier_id
) as r on r.supplier_id = s.supplier_id
order by label, supplier_id
