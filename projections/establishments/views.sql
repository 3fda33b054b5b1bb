-- Who is a member of the group, and since when?
create or replace view establishments sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'establishment_id')) as establishment_id,
    argMaxIf(JSONExtractString(raw, 'name'), pos, type = 'membership.EstablishmentJoined.v1') as label,
    argMaxIf(JSONExtractString(raw, 'kind'), pos, type = 'membership.EstablishmentJoined.v1') as kind,
    argMaxIf(JSONExtractString(raw, 'siret'), pos, type = 'membership.EstablishmentJoined.v1') as siret,
    argMaxIf(JSONExtractString(raw, 'finess'), pos, type = 'membership.EstablishmentJoined.v1') as finess,
    argMaxIf(JSONExtractString(raw, 'joined_on'), pos, type = 'membership.EstablishmentJoined.v1') as joined_on,
    argMaxIf(JSONExtractString(raw, 'left_on'), pos, type = 'membership.EstablishmentLeft.v1') as left_on,
    uniqExactIf(JSONExtractString(raw, 'site_id'), type = 'membership.SiteOpened.v1') as sites
from raw_log
where app = 'membership' and type in (
    'membership.EstablishmentJoined.v1', 'membership.EstablishmentLeft.v1', 'membership.SiteOpened.v1')
    and (lane, pos) not in (select lane, pos from ledger where app = 'membership' and kind = 'poison')
group by establishment_id
having label != '';

-- Under which agreements may an establishment order, and on which days? A period for each grant, cut by what ended it.
create or replace view adhesions sql security definer as
select
    establishment_id, agreement_id, granted.2 as valid_from,
    -- The first of the days on which it was ended after the grant, if any.
    arraySort(arrayMap(e -> e.2, arrayFilter(e -> e.1 > granted.1, ends)))[1] as ended_on,
    if(ended_on != '' and (granted.3 = '' or ended_on < granted.3), ended_on, granted.3) as valid_to
from
(
    select
        toUUIDOrZero(JSONExtractString(raw, 'establishment_id')) as establishment_id,
        toUUIDOrZero(JSONExtractString(raw, 'agreement_id')) as agreement_id,
        groupArrayIf((pos, JSONExtractString(raw, 'valid_from'), JSONExtractString(raw, 'valid_to')),
            type = 'membership.AdhesionGranted.v1') as grants,
        groupArrayIf((pos, JSONExtractString(raw, 'ended_on')), type = 'membership.AdhesionEnded.v1') as ends
    from raw_log
    where app = 'membership' and type in ('membership.AdhesionGranted.v1', 'membership.AdhesionEnded.v1')
        and (lane, pos) not in (select lane, pos from ledger where app = 'membership' and kind = 'poison')
    group by establishment_id, agreement_id
)
array join grants as granted
where valid_to = '' or valid_from <= valid_to
