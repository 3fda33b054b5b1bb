-- Who sells to the group, and who receives no orders?
create or replace view suppliers sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'supplier_id')) as supplier_id,
    argMaxIf(JSONExtractString(raw, 'name'), pos, type = 'suppliers.SupplierRegistered.v1') as label,
    argMaxIf(JSONExtractString(raw, 'siren'), pos, type = 'suppliers.SupplierRegistered.v1') as siren,
    argMaxIf(JSONExtractString(raw, 'vat_number'), pos, type = 'suppliers.SupplierRegistered.v1') as vat_number,
    argMaxIf(JSONExtractString(raw, 'country'), pos, type = 'suppliers.SupplierRegistered.v1') as country,
    argMaxIf(JSONExtractString(raw, 'suspended_on'), pos, type = 'suppliers.SupplierSuspended.v1') as suspended_on,
    maxIf(pos, type = 'suppliers.SupplierSuspended.v1') > maxIf(pos, type = 'suppliers.SupplierReinstated.v1')
        as is_suspended
from raw_log
where app = 'suppliers' and type in (
    'suppliers.SupplierRegistered.v1', 'suppliers.SupplierSuspended.v1', 'suppliers.SupplierReinstated.v1')
    and (lane, pos) not in (select lane, pos from ledger where app = 'suppliers' and kind = 'poison')
group by supplier_id
having label != '';

-- Which ratings were declared, and what became of them? Only verified ones count in figures.
create or replace view ratings sql security definer as
select
    toUUIDOrZero(JSONExtractString(raw, 'supplier_id')) as supplier_id,
    toUUIDOrZero(JSONExtractString(raw, 'rating_id')) as rating_id,
    anyIf(JSONExtractRaw(raw, 'scores'), type = 'suppliers.CsrRatingDeclared.v1') as scores,
    anyIf(JSONExtractString(raw, 'published_on'), type = 'suppliers.CsrRatingDeclared.v1') as published_on,
    anyIf(JSONExtractString(raw, 'expires_on'), type = 'suppliers.CsrRatingDeclared.v1') as expires_on,
    minIf(pos, type = 'suppliers.CsrRatingDeclared.v1') as declared_at,
    countIf(type = 'suppliers.CsrRatingVerified.v1') > 0 as is_verified,
    minIf(recorded_at, type = 'suppliers.CsrRatingVerified.v1') as verified_at,
    countIf(type = 'suppliers.CsrRatingRejected.v1') > 0 as is_rejected
from raw_log
where app = 'suppliers' and type in (
    'suppliers.CsrRatingDeclared.v1', 'suppliers.CsrRatingVerified.v1', 'suppliers.CsrRatingRejected.v1')
    and (lane, pos) not in (select lane, pos from ledger where app = 'suppliers' and kind = 'poison')
group by supplier_id, rating_id
