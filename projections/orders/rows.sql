-- What do the events of ordering, from one position of each lane to another, add to the orders?
-- Events that the ledger found to be poison are left out here: the ledger says so, and a rebuild takes them in.
insert into orders_gN
with
    parsed as
    (
        select
            lane, pos, type, type like 'ordering.PastOrder%' as is_past,
            JSONExtract(raw, 'Tuple(
                order_id String, establishment_id String, agreement_id String, supplier_id String, number String,
                source String, business_date String, currency String, excess String,
                lines Array(Tuple(
                    line_id String, agreement_id String, supplier_id String, quantity String, amount String,
                    received_on Nullable(String), invoiced_on Nullable(String))),
                reversed_lines Array(Tuple(
                    line_id String, agreement_id String, supplier_id String, quantity String, amount String,
                    received_on Nullable(String), invoiced_on Nullable(String))))') as e,
            if(type = 'ordering.OrderSubmitted.v1' and toDecimal64OrZero(e.excess, 2) != 0, 'waiting', transform(type,
                ['ordering.OrderSubmitted.v1', 'ordering.OrderApproved.v1', 'ordering.OrderRejected.v1',
                 'ordering.OrderWithdrawn.v1', 'ordering.OrderCancelled.v1', 'ordering.PastOrderRecorded.v1',
                 'ordering.PastOrderCorrected.v1'],
                ['ordered', 'ordered', 'rejected', 'withdrawn', 'cancelled', 'recorded', 'recorded'], '')) as state,
            multiIf(state in ('ordered', 'recorded'), 1, state = 'cancelled', -1, 0)::Int8 as ordered_sign,
            multiIf(is_past or type = 'ordering.OrderLineReceived.v1', 1, type = 'ordering.OrderLineReturned.v1', -1, 0)::Int8
                as received_sign,
            multiIf(is_past or type = 'ordering.InvoiceReceived.v1', 1, type = 'ordering.CreditNoteReceived.v1', -1, 0)::Int8
                as invoiced_sign,
            -- sign, line, amount, quantity
            arrayMap(s -> (s.1, s.2, s.1 * toDecimal64OrZero(s.2.amount, 2), s.1 * toDecimal128OrZero(s.2.quantity, 6)),
                arrayConcat(
                    arrayMap(l -> (toInt8(1), l), e.lines),
                    arrayMap(l -> (toInt8(-1), l), e.reversed_lines))) as lines,
            arrayFilter(s -> not is_past or isNotNull(s.2.received_on), lines) as arrived,
            arrayFilter(s -> not is_past or isNotNull(s.2.invoiced_on), lines) as billed
        from raw_log
        where app = {app:String} and pos > {from:UInt64} and pos <= {upto:UInt64}
            and pos > {starts:Array(UInt64)}[lane + 1] and pos <= {ends:Array(UInt64)}[lane + 1]
            and type in (
                'ordering.OrderSubmitted.v1', 'ordering.OrderApproved.v1', 'ordering.OrderRejected.v1',
                'ordering.OrderWithdrawn.v1', 'ordering.OrderCancelled.v1', 'ordering.OrderLineReceived.v1',
                'ordering.OrderLineReturned.v1', 'ordering.InvoiceReceived.v1', 'ordering.CreditNoteReceived.v1',
                'ordering.PastOrderRecorded.v1', 'ordering.PastOrderCorrected.v1')
            and pos not in (
                select pos from ledger
                where kind = 'poison' and app = {app:String} and pos > {from:UInt64} and pos <= {upto:UInt64})
    )
select {app:String}, *
from
(
    select
        lane,
        pos,
        toUUIDOrZero(e.establishment_id) as establishment_id,
        toUUIDOrZero(e.order_id) as order_id,
        toUUIDOrZero(if(is_past, e.lines[1].agreement_id, e.agreement_id)) as agreement_id,
        toUUIDOrZero(if(is_past, e.lines[1].supplier_id, e.supplier_id)) as supplier_id,
        e.number as number,
        e.source as source,
        if(type = 'ordering.OrderSubmitted.v1' or is_past, toDateOrZero(e.business_date), toDate(0)) as ordered_on,
        e.currency as currency,
        state,
        toDecimal64OrZero(e.excess, 2) as excess,
        ordered_sign * arraySum(s -> s.3, lines) as ordered,
        received_sign * arraySum(s -> s.3, arrived) as received,
        invoiced_sign * arraySum(s -> s.3, billed) as invoiced,
        mapFromArrays(arrayMap(s -> s.2.line_id, lines), arrayMap(s -> ordered_sign * s.4, lines)) as ordered_quantity,
        mapFromArrays(arrayMap(s -> s.2.line_id, arrived), arrayMap(s -> received_sign * s.4, arrived)) as received_quantity,
        mapFromArrays(arrayMap(s -> s.2.line_id, billed), arrayMap(s -> invoiced_sign * s.4, billed)) as invoiced_quantity
    from parsed
    union all
    select lane, max(pos), toUUIDOrZero(''), toUUIDOrZero(''), toUUIDOrZero(''), toUUIDOrZero(''), '', '', toDate(0), '',
        '', 0, 0, 0, 0, map(), map(), map()
    from raw_log
    where app = {app:String} and pos > {from:UInt64} and pos <= {upto:UInt64}
        and pos > {starts:Array(UInt64)}[lane + 1] and pos <= {ends:Array(UInt64)}[lane + 1]
    group by lane
)
where (select sum(pos) from (select max(pos) as pos from orders_gN where app = {app:String} group by lane))
    = {start:UInt64}
order by establishment_id, order_id, pos
