-- Which signed facts do the events of ordering hold, from one position of each lane to another?
-- Amounts in events are never negative: the event's kind gives the sign. A value that breaks the published form makes
-- its whole event one poison row that says why; nothing of it counts until the projection can read it.
insert into ledger_gN
with
    toUUID('00000000-0000-0000-0000-000000000000') as none,
    '^\\d{1,12}(\\.\\d{1,2})?$' as money,
    parsed as
    (
        select
            app, lane, pos, type, event_id, recorded_at, raw,
            -- A lot of a ceiling is read as a line that has only lot and amount.
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
                lots Array(Tuple(
                    line_id String, agreement_id String, lot_id Nullable(String), supplier_id String, category String,
                    item String, label String, base_quantity String, amount String, baseline_amount Nullable(String),
                    counted_on Nullable(String), received_on Nullable(String), invoiced_on Nullable(String),
                    invoice_number Nullable(String))))') as e,
            transform(type,
                ['ordering.OrderSubmitted.v1', 'ordering.OrderApproved.v1', 'ordering.OrderCancelled.v1',
                 'ordering.OrderLineReceived.v1', 'ordering.OrderLineReturned.v1',
                 'ordering.InvoiceReceived.v1', 'ordering.CreditNoteReceived.v1',
                 'ordering.CeilingReserved.v1', 'ordering.CeilingReleased.v1',
                 'ordering.PastOrderRecorded.v1', 'ordering.PastOrderCorrected.v1',
                 'ordering.OrderRejected.v1', 'ordering.OrderWithdrawn.v1', 'ordering.CeilingApproached.v1'],
                ['ordered', 'ordered', 'ordered', 'received', 'received', 'invoiced', 'invoiced', 'reserved', 'reserved',
                 'past', 'past', 'rejected', 'withdrawn', 'warning'], '') as what,
            if(type in ('ordering.OrderCancelled.v1', 'ordering.OrderLineReturned.v1', 'ordering.CreditNoteReceived.v1',
                'ordering.CeilingReleased.v1'), -1, 1)::Int8 as sign,
            type = 'ordering.OrderSubmitted.v1' and toDecimal64OrZero(e.excess, 2) != 0 as is_waiting
        from raw_log
        where app = {app:String} and pos > {from:UInt64} and pos <= {upto:UInt64}
            and pos > {starts:Array(UInt64)}[lane + 1] and pos <= {ends:Array(UInt64)}[lane + 1]
            and (select sum(pos) from (select max(pos) as pos from ledger_gN where app = {app:String} group by lane))
                = {start:UInt64}
    ),
    checked as
    (
        select
            * except raw,
            arrayConcat(e.reversed_lines, e.lines, e.lots) as its_lines,
            arrayResize(arrayResize(emptyArrayInt8(), length(e.reversed_lines), -1), length(its_lines), sign) as signs,
            multiIf(
                not isValidJSON(raw), 'the bytes are not JSON',
                event_id = none, 'the event has no event_id',
                what = '', concat('this projection does not know ', type),
                what = 'warning', '',
                toUUIDOrZero(e.order_id) = none, 'order_id is not an id',
                what != 'reserved' and toUUIDOrZero(e.establishment_id) = none, 'establishment_id is not an id',
                not match(e.currency, '^[A-Z]{3}$'), 'currency is not an ISO 4217 code',
                what in ('rejected', 'withdrawn'), '',
                empty(its_lines), 'the event has no lines',
                -- Text is asked for here, where JSONExtract would take a number as well. Quotes within a JSON string
                -- are escaped: this finds a key, wherever it stands.
                match(raw, '"(?:amount|baseline_amount|base_quantity|excess)":\\s*[-+.\\d]'),
                    'money or a quantity is a JSON number, not text',
                type = 'ordering.OrderSubmitted.v1' and not match(e.excess, money), 'excess is not money in two decimals',
                arrayFirst(found -> found != '', arrayMap(l -> multiIf(
                    not match(l.amount, money),
                        concat('amount "', substring(l.amount, 1, 40), '" is not money in two decimals'),
                    what = 'reserved', if(toUUIDOrZero(e.agreement_id) = none or
                        toUUIDOrZero(ifNull(l.lot_id, '')) = none, 'agreement_id or lot_id is not an id', ''),
                    not match(ifNull(l.baseline_amount, '0'), money), 'baseline_amount is not money in two decimals',
                    not match(l.base_quantity, '^\\d{1,12}(\\.\\d{1,6})?$'),
                        'base_quantity is not a number of six decimals at most',
                    toUUIDOrZero(l.agreement_id) = none or toUUIDOrZero(l.supplier_id) = none
                        or (isNotNull(l.lot_id) and toUUIDOrZero(ifNull(l.lot_id, '')) = none),
                        'agreement_id, supplier_id or lot_id is not an id',
                    l.line_id = '' or l.category = '' or l.item = '', 'line_id, category or item is missing',
                    arrayExists(day -> toString(toDateOrZero(day)) != day or day < '1990-01-01' or day > '2100-12-31',
                        if(what = 'past', [ifNull(l.counted_on, ''), ifNull(l.received_on, '2000-01-01'),
                            ifNull(l.invoiced_on, '2000-01-01')], [e.business_date]) as days),
                        concat('"', substring(arrayStringConcat(days, '" or "'), 1, 80), '" is not a day from 1990 to 2100'),
                    ''), its_lines))
            ) as error
        from parsed
    )
select
    app, lane, pos,
    multiIf(n = 0, 0, what = 'past', 3 * (n - 1) + k, n) as line,
    multiIf(error != '', 'poison', is_waiting or what in ('rejected', 'withdrawn'), 'excluded', what = 'warning', 'nothing',
        'fact') as kind,
    if(kind = 'fact', f.1, '') as measure,
    type, event_id, recorded_at,
    toDateOrZero(ifNull(f.2, e.business_date)) as business_date,
    e.currency as currency,
    toUUIDOrZero(e.establishment_id) as establishment_id,
    toUUIDOrZero(if(l.agreement_id != '', l.agreement_id, e.agreement_id)) as agreement_id,
    toUUIDOrZero(ifNull(l.lot_id, '')) as lot_id,
    toUUIDOrZero(l.supplier_id) as supplier_id,
    l.category as category,
    l.item as item,
    l.label as label,
    toUUIDOrZero(e.order_id) as order_id,
    if(what = 'past' and f.1 = 'invoiced', ifNull(l.invoice_number, ''), e.number) as document,
    l.line_id as line_id,
    its_sign * toDecimal64OrZero(l.base_quantity, 6) as quantity,
    its_sign * toDecimal64OrZero(l.amount, 2) as amount,
    its_sign * toDecimal64OrNull(l.baseline_amount, 2) as baseline_amount,
    multiIf(n = 0, 0, what = 'past', its_sign, 1) as lines,
    if(what = 'past' and isNotNull(baseline_amount), lines, 0) as first_price_lines,
    if(isNotNull(baseline_amount) and quantity != 0
        and (abs(amount) > abs(baseline_amount) * 10 or abs(amount) * 10 < abs(baseline_amount)), lines, 0) as jump_lines,
    multiIf(error != '', error, is_waiting, 'needs an approval: counts from its approval on',
        what in ('rejected', 'withdrawn'), concat(what, ': the order never counted'),
        what = 'warning', 'a warning about a ceiling moves no figure', '') as reason
from
(
    -- A line of the past was ordered, and perhaps received and invoiced; any other line states one fact.
    select
        * except (its_lines, signs), its_sign, l, n,
        multiIf(
            n = 0, [],
            what = 'past', arrayFilter(fact -> isNotNull(fact.2),
                [('ordered', l.counted_on), ('received', l.received_on), ('invoiced', l.invoiced_on)]),
            what = 'reserved', [('reserved', toNullable(toString(toDate(recorded_at, 'Europe/Paris'))))],
            [(what, toNullable(e.business_date))]) as facts
    from checked
    left array join
        arrayResize(its_lines, if(error = '', length(signs), 0)) as l,
        arrayResize(signs, if(error = '', length(signs), 0)) as its_sign,
        arrayEnumerate(arrayResize(signs, if(error = '', length(signs), 0))) as n
)
left array join facts as f, arrayEnumerate(facts) as k
order by pos, line
