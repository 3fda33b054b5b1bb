-- What do the events of a lane, from one position to another, add to the orders?
-- Events that the ledger found to be poison are left out here: the ledger says so, and a rebuild takes them in.
insert into orders_gN
with
    ['ordering.OrderSubmitted.v1', 'ordering.OrderApproved.v1', 'ordering.OrderRejected.v1',
     'ordering.OrderWithdrawn.v1', 'ordering.OrderCancelled.v1', 'ordering.OrderLineReceived.v1',
     'ordering.OrderLineReturned.v1', 'ordering.InvoiceReceived.v1', 'ordering.CreditNoteReceived.v1',
     'ordering.PastOrderRecorded.v1', 'ordering.PastOrderCorrected.v1'] as order_events,
    parsed as
    (
        select
            app, lane, pos, type,
            JSONExtract(raw, 'Tuple(
                order_id String, establishment_id String, agreement_id String, supplier_id String, number String,
                source String, business_date String, currency String, excess String,
                lines Array(Tuple(
                    agreement_id String, supplier_id String, quantity String, amount String, counted_on String,
                    received_on Nullable(String), invoiced_on Nullable(String))),
                reversed_lines Array(Tuple(
                    agreement_id String, supplier_id String, quantity String, amount String, counted_on String,
                    received_on Nullable(String), invoiced_on Nullable(String))))') as e,
            type like 'ordering.PastOrder%' as is_past,
            arrayConcat(
                arrayMap(l -> (1, l), e.lines),
                arrayMap(l -> (-1, l), e.reversed_lines)) as lines,
            arraySum(l -> l.1 * toDecimal64OrZero(l.2.amount, 2), lines)::Decimal(18, 2) as amount,
            arraySum(l -> l.1 * toDecimal128OrZero(l.2.quantity, 6), lines)::Decimal(38, 6) as quantity,
            arrayFilter(l -> isNotNull(l.2.received_on), lines) as arrived,
            arrayFilter(l -> isNotNull(l.2.invoiced_on), lines) as billed
        from raw_log
        where app = {app:String} and lane = {lane:UInt16} and pos > {start:UInt64} and pos <= {upto:UInt64}
            and app = 'ordering' and type in order_events
            and (app, lane, pos) not in (
                select app, lane, pos from ledger
                where kind = 'poison' and app = {app:String} and lane = {lane:UInt16}
                    and pos > {start:UInt64} and pos <= {upto:UInt64})
    ),
    facts as
    (
        select
            app, lane, pos,
            toUUIDOrZero(e.establishment_id) as establishment_id,
            toUUIDOrZero(e.order_id) as order_id,
            toUUIDOrZero(if(is_past, e.lines[1].agreement_id, e.agreement_id)) as agreement_id,
            toUUIDOrZero(if(is_past, e.lines[1].supplier_id, e.supplier_id)) as supplier_id,
            e.number as number,
            e.source as source,
            if(type = 'ordering.OrderSubmitted.v1' or is_past, toDateOrZero(e.business_date), toDate(0)) as ordered_on,
            e.currency as currency,
            if(type = 'ordering.OrderSubmitted.v1' and e.excess != '0.00', 'waiting', transform(type,
                ['ordering.OrderApproved.v1', 'ordering.OrderRejected.v1', 'ordering.OrderWithdrawn.v1',
                 'ordering.OrderCancelled.v1', 'ordering.PastOrderRecorded.v1', 'ordering.PastOrderCorrected.v1',
                 'ordering.OrderSubmitted.v1'],
                ['ordered', 'rejected', 'withdrawn', 'cancelled', 'recorded', 'recorded',
                 'ordered'], '')) as state,
            toDecimal64OrZero(e.excess, 2) as excess,
            multiIf(state in ('ordered', 'recorded'), 1, state = 'cancelled', -1, 0) as ordering_sign,
            multiIf(type = 'ordering.OrderLineReceived.v1', 1, type = 'ordering.OrderLineReturned.v1', -1, 0) as arrival,
            multiIf(type = 'ordering.InvoiceReceived.v1', 1, type = 'ordering.CreditNoteReceived.v1', -1, 0) as billing,
            ordering_sign * amount as ordered,
            if(is_past, arraySum(l -> l.1 * toDecimal64OrZero(l.2.amount, 2), arrived), arrival * amount) as received,
            if(is_past, arraySum(l -> l.1 * toDecimal64OrZero(l.2.amount, 2), billed), billing * amount) as invoiced,
            ordering_sign * quantity as ordered_quantity,
            if(is_past, arraySum(l -> l.1 * toDecimal128OrZero(l.2.quantity, 6), arrived), arrival * quantity)
                as received_quantity,
            if(is_past, arraySum(l -> l.1 * toDecimal128OrZero(l.2.quantity, 6), billed), billing * quantity)
                as invoiced_quantity
        from parsed
    )
select
    app, lane, pos, establishment_id, order_id, agreement_id, supplier_id, number, source, ordered_on, currency, state,
    excess, ordered, received, invoiced, ordered_quantity, received_quantity, invoiced_quantity
from
(
    select * except (ordering_sign, arrival, billing) from facts
    union all
    select
        {app:String}, {lane:UInt16}, {upto:UInt64}, toUUIDOrZero(''), toUUIDOrZero(''), toUUIDOrZero(''),
        toUUIDOrZero(''), '', '', toDate(0), '', '', 0, 0, 0, 0, 0, 0, 0
)
where (select max(pos) from orders_gN where app = {app:String} and lane = {lane:UInt16}) = {start:UInt64}
order by establishment_id, order_id, pos
