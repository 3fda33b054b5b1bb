-- Which signed facts do the events of a lane hold, from one position to another?
-- Amounts in events are never negative: the event's kind gives the sign. A value that breaks the published form makes
-- its whole event one poison row that says why; nothing of it counts until the projection can read it.
insert into ledger_gN
with
    '00000000-0000-0000-0000-000000000000' as none,
    '^\\d{1,12}(\\.\\d{1,2})?$' as money,
    '^\\d{1,12}(\\.\\d{1,6})?$' as number,
    parsed as
    (
        select
            app, lane, pos, type, event_id, recorded_at, raw,
            toString(toDate(recorded_at, 'Europe/Paris')) as recorded_on,
            JSONExtract(raw, 'Tuple(
                order_id String, establishment_id String, business_date String, currency String, agreement_id String,
                number String, excess String,
                lines Array(Tuple(
                    line_id String, agreement_id String, lot_id Nullable(String), supplier_id String, category String,
                    item String, label String, base_quantity String, amount String, baseline_amount Nullable(String),
                    counted_on Nullable(String), received_on Nullable(String), invoiced_on Nullable(String),
                    invoice_number Nullable(String))),
                reversed_lines Array(Tuple(
                    line_id String, agreement_id String, lot_id Nullable(String), supplier_id String, category String,
                    item String, label String, base_quantity String, amount String, baseline_amount Nullable(String),
                    counted_on Nullable(String), received_on Nullable(String), invoiced_on Nullable(String),
                    invoice_number Nullable(String))),
                lots Array(Tuple(lot_id String, amount String)))') as e,
            transform(type,
                ['ordering.OrderSubmitted.v1', 'ordering.OrderApproved.v1', 'ordering.OrderCancelled.v1',
                 'ordering.OrderLineReceived.v1', 'ordering.OrderLineReturned.v1',
                 'ordering.InvoiceReceived.v1', 'ordering.CreditNoteReceived.v1'],
                ['ordered', 'ordered', 'ordered', 'received', 'received', 'invoiced', 'invoiced'], '') as measure,
            transform(type,
                ['ordering.OrderCancelled.v1', 'ordering.OrderLineReturned.v1', 'ordering.CreditNoteReceived.v1',
                 'ordering.CeilingReleased.v1'],
                [-1, -1, -1, -1], 1)::Int8 as sign,
            type = 'ordering.OrderSubmitted.v1' and e.excess != '0.00' as is_waiting,
            type in ('ordering.PastOrderRecorded.v1', 'ordering.PastOrderCorrected.v1') as is_past,
            type in ('ordering.CeilingReserved.v1', 'ordering.CeilingReleased.v1') as is_ceiling,
            transform(type,
                ['ordering.OrderRejected.v1', 'ordering.OrderWithdrawn.v1', 'ordering.CeilingApproached.v1'],
                ['rejected: the order never counted', 'withdrawn: the order never counted',
                 'a warning about a ceiling moves no figure'], '') as no_fact
        from raw_log
        where app = {app:String} and lane = {lane:UInt16} and pos > {start:UInt64} and pos <= {upto:UInt64}
            and (select max(pos) from ledger_gN where app = {app:String} and lane = {lane:UInt16}) = {start:UInt64}
    ),
    listed as
    (
        select
            *,
            arrayConcat(
                arrayMap(l -> (toInt8(-1), l), if(is_past, e.reversed_lines, [])),
                arrayMap(l -> (toInt8(1), l), if(is_past, e.lines, []))) as past,
            arrayConcat(
                arrayMap(l -> (measure, sign, e.business_date, e.number, toInt8(1), l), if(measure != '', e.lines, [])),
                arrayMap(p -> ('ordered', p.1, ifNull(p.2.counted_on, ''), e.number, p.1, p.2), past),
                arrayMap(p -> ('received', p.1, ifNull(p.2.received_on, ''), e.number, p.1, p.2),
                    arrayFilter(p -> isNotNull(p.2.received_on), past)),
                arrayMap(p -> ('invoiced', p.1, ifNull(p.2.invoiced_on, ''), ifNull(p.2.invoice_number, ''), p.1, p.2),
                    arrayFilter(p -> isNotNull(p.2.invoiced_on), past)),
                arrayMap(c -> ('reserved', sign, recorded_on, '', toInt8(1),
                    ('', e.agreement_id, c.lot_id, none, '', '', '', '0', c.amount, null, null, null, null, null)),
                    if(is_ceiling, e.lots, []))
            )::Array(Tuple(measure String, sign Int8, day String, document String, lines Int8, line Tuple(
                line_id String, agreement_id String, lot_id Nullable(String), supplier_id String, category String,
                item String, label String, base_quantity String, amount String, baseline_amount Nullable(String),
                counted_on Nullable(String), received_on Nullable(String), invoiced_on Nullable(String),
                invoice_number Nullable(String)))) as facts
        from parsed
    ),
    checked as
    (
        select
            *,
            multiIf(
                not isValidJSON(raw), 'the bytes are not JSON',
                event_id = toUUID(none), 'the event has no event_id',
                app = 'ordering' and measure = '' and not is_past and not is_ceiling and no_fact = '',
                    concat('this projection does not know ', type),
                app != 'ordering', '',
                no_fact = '' and empty(facts), 'the event has no lines',
                not is_ceiling and toUUIDOrZero(e.establishment_id) = toUUID(none), 'establishment_id is not an id',
                toUUIDOrZero(e.order_id) = toUUID(none), 'order_id is not an id',
                not is_ceiling and not match(e.currency, '^[A-Z]{3}$'), 'currency is not an ISO 4217 code',
                arrayFirst(problem -> problem != '', arrayMap(f -> multiIf(
                    not match(f.line.amount, money), concat('amount "', f.line.amount, '" is not money in two decimals'),
                    isNotNull(f.line.baseline_amount) and not match(assumeNotNull(f.line.baseline_amount), money),
                        'baseline_amount is not money in two decimals',
                    not match(f.line.base_quantity, number), 'base_quantity is not a number of six decimals at most',
                    toString(toDateOrZero(f.day)) != f.day or f.day < '1990-01-01' or f.day > '2100-12-31',
                        concat('"', f.day, '" is not a day from 1990 to 2100'),
                    toUUIDOrZero(f.line.agreement_id) = toUUID(none), 'agreement_id is not an id',
                    f.measure != 'reserved' and toUUIDOrZero(f.line.supplier_id) = toUUID(none), 'supplier_id is not an id',
                    isNotNull(f.line.lot_id) and toUUIDOrZero(assumeNotNull(f.line.lot_id)) = toUUID(none),
                        'lot_id is not an id',
                    ''), facts))
            ) as error,
            if(error = '' and notEmpty(facts), facts,
                [('', 1, '', e.number, 0, ('', '', null, '', '', '', '', '0', '0', null, null, null, null, null))]
                    ::Array(Tuple(measure String, sign Int8, day String, document String, lines Int8, line Tuple(
                    line_id String, agreement_id String, lot_id Nullable(String), supplier_id String, category String,
                    item String, label String, base_quantity String, amount String, baseline_amount Nullable(String),
                    counted_on Nullable(String), received_on Nullable(String), invoiced_on Nullable(String),
                    invoice_number Nullable(String))))) as rows
        from listed
    )
select
    app, lane, pos, n as line,
    multiIf(error != '', 'poison', is_waiting or no_fact like '%never counted', 'excluded', f.measure = '', 'nothing',
        'fact') as kind,
    if(kind = 'fact', f.measure, '') as measure,
    type, event_id, recorded_at,
    toDateOrZero(if(f.day != '', f.day, e.business_date)) as business_date,
    e.currency as currency,
    toUUIDOrZero(e.establishment_id) as establishment_id,
    toUUIDOrZero(if(f.line.agreement_id != '', f.line.agreement_id, e.agreement_id)) as agreement_id,
    toUUIDOrZero(ifNull(f.line.lot_id, '')) as lot_id,
    toUUIDOrZero(f.line.supplier_id) as supplier_id,
    f.line.category as category,
    f.line.item as item,
    f.line.label as label,
    toUUIDOrZero(e.order_id) as order_id,
    f.document as document,
    f.line.line_id as line_id,
    f.sign * toDecimal64OrZero(f.line.base_quantity, 6) as quantity,
    f.sign * toDecimal64OrZero(f.line.amount, 2) as amount,
    f.sign * toDecimal64OrNull(f.line.baseline_amount, 2) as baseline_amount,
    f.lines as lines,
    if(is_past and isNotNull(baseline_amount), f.lines, 0) as first_price_lines,
    if(isNotNull(baseline_amount) and (abs(amount) > abs(baseline_amount) * 10 or abs(amount) * 10 < abs(baseline_amount)),
        f.lines, 0) as jump_lines,
    multiIf(error != '', error, is_waiting, 'needs an approval: counts from its approval on', no_fact != '', no_fact,
        kind = 'nothing', 'moves no amount', '') as reason
from checked
array join rows as f, arrayEnumerate(rows) as n
order by pos, n
