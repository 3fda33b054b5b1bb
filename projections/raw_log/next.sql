-- Up to where does the next step of a projection go: 100,000 events and 32 MB of JSON at most, one event at least?
select max(pos) as upto, count() as events
from
(
    select pos, sum(bytes) over (order by pos rows unbounded preceding) - bytes as before
    from
    (
        select pos, bytes
        from raw_log
        where app = {app:String} and lane = {lane:UInt16} and pos > {start:UInt64} and pos <= {end:UInt64}
        order by pos
        limit {events:UInt32}
    )
)
where before < {bytes:UInt32}
