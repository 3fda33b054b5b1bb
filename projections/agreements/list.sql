-- Which agreements are there, and how much of their maximum do orders reserve?
select
    a.agreement_id as agreement_id, a.reference as reference, a.label as label, a.currency as currency,
    a.is_recorded as is_recorded, a.signed_on as signed_on, a.valid_from as valid_from, a.valid_to as valid_to,
    a.maximum as maximum, r.reserved as reserved
from agreements as a
left join
(
    select agreement_id, sum(amount) as reserved from ledger where measure = 'reserved' group by agreement_id
) as r on r.agreement_id = a.agreement_id
order by reference, agreement_id
