-- Which agreements are there, until when, and up to which maximum? Amendments and terminations are applied.
create or replace view agreements sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'agreement_id')) as agreement_id,
    anyIf(JSONExtractString(raw, 'reference'), is_start) as reference,
    anyIf(JSONExtractString(raw, 'title'), is_start) as label,
    anyIf(JSONExtractString(raw, 'currency'), is_start) as currency,
    countIf(type = 'tendering.AgreementRecorded.v1') > 0 as is_recorded,
    anyIf(JSONExtractString(raw, 'signed_on'), is_start) as signed_on,
    anyIf(JSONExtractString(raw, 'valid_from'), is_start) as valid_from,
    argMaxIf(coalesce(nullIf(JSONExtractString(raw, 'terminated_on'), ''), JSONExtractString(raw, 'valid_to')), pos,
        is_start or type = 'tendering.AgreementTerminated.v1' or JSONExtractString(raw, 'valid_to') != '') as valid_to,
    argMaxIf(JSONExtractString(raw, 'maximum'), pos,
        is_start or (JSONExtractString(raw, 'maximum') != '' and JSONExtractString(raw, 'lot_id') = '')) as maximum,
    anyIf(JSONExtractRaw(raw, 'lots'), type = 'tendering.AgreementSigned.v1') as lots,
    max(pos) as newest
from
(
    select pos, type, raw, type in ('tendering.AgreementSigned.v1', 'tendering.AgreementRecorded.v1') as is_start
    from raw_log
    where app = 'tendering' and type in (
        'tendering.AgreementSigned.v1', 'tendering.AgreementRecorded.v1', 'tendering.AgreementAmended.v1',
        'tendering.AgreementTerminated.v1')
        and (lane, pos) not in (select lane, pos from ledger where app = 'tendering' and kind = 'poison')
)
group by agreement_id
having reference != '';

-- Which lots does an agreement have, and who won them?
create or replace view lots sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'agreement_id')) as agreement_id,
    toUUIDOrZero(lot.lot_id) as lot_id,
    lot.number as number,
    lot.title as label,
    toUUIDOrZero(lot.supplier_id) as supplier_id,
    lot.category as category,
    lot.maximum as maximum_at_signature
from raw_log
array join JSONExtract(raw, 'lots', 'Array(Tuple(lot_id String, number String, title String, supplier_id String,
    category String, maximum Nullable(String)))') as lot
where app = 'tendering' and type = 'tendering.AgreementSigned.v1'
    and (lane, pos) not in (select lane, pos from ledger where app = 'tendering' and kind = 'poison');

-- What is the newest maximum of a lot that an amendment set?
create or replace view lot_maximums sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'lot_id')) as lot_id,
    argMax(JSONExtractString(raw, 'maximum'), pos) as lot_maximum
from raw_log
where app = 'tendering' and type = 'tendering.AgreementAmended.v1'
    and JSONExtractString(raw, 'lot_id') != '' and JSONExtractString(raw, 'maximum') != ''
    and (lane, pos) not in (select lane, pos from ledger where app = 'tendering' and kind = 'poison')
group by lot_id
