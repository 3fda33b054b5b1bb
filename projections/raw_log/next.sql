-- Up to where does the next step of a projection go: 100,000 events and 32 MB of JSON at most, one event at least?
-- Lanes stand in different places; what follows is taken in the order of the store's log.
select max(pos) as upto, count() as events
from
(
    select pos, sum(bytes) over (order by pos rows unbounded preceding) - bytes as before
    from
    (
        select pos, bytes
        from raw_log
        where app = {app:String} and pos > {from:UInt64} and pos <= {to:UInt64}
            and pos > {starts:Array(UInt64)}[lane + 1] and pos <= {ends:Array(UInt64)}[lane + 1]
        order by pos
        limit {events:UInt32}
    )
)
where before < {bytes:UInt32}
