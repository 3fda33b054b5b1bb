-- Which establishments are members, with how many sites, and under how many agreements may they order?
select
    e.establishment_id as establishment_id, e.label as label, e.kind as kind, e.siret as siret, e.finess as finess,
    e.joined_on as joined_on, e.left_on as left_on, e.sites as sites, a.adhesions as adhesions
from establishments as e
left join
(
    select establishment_id, uniqExact(agreement_id) as adhesions from adhesions group by establishment_id
) as a on a.establishment_id = e.establishment_id
order by label, establishment_id
