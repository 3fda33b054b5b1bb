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

-- Under which agreements may an establishment order, and on which days?
create or replace view adhesions sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'establishment_id')) as establishment_id,
    toUUIDOrZero(JSONExtractString(raw, 'agreement_id')) as agreement_id,
    argMaxIf(JSONExtractString(raw, 'valid_from'), pos, type = 'membership.AdhesionGranted.v1') as valid_from,
    argMaxIf(JSONExtractString(raw, 'valid_to'), pos, type = 'membership.AdhesionGranted.v1') as granted_to,
    maxIf(pos, type = 'membership.AdhesionGranted.v1') as granted_at,
    argMaxIf(JSONExtractString(raw, 'ended_on'), pos, type = 'membership.AdhesionEnded.v1') as ended_on,
    maxIf(pos, type = 'membership.AdhesionEnded.v1') as ended_at,
    if(ended_at > granted_at, ended_on, granted_to) as valid_to
from raw_log
where app = 'membership' and type in ('membership.AdhesionGranted.v1', 'membership.AdhesionEnded.v1')
    and (lane, pos) not in (select lane, pos from ledger where app = 'membership' and kind = 'poison')
group by establishment_id, agreement_id
