-- Which events did one request cause, and how many rows of the ledger come from each?
with caused as (select * from traces where trace_id = {trace:String})
select
    c.app as context, c.lane as lane, c.pos as position, c.stream_id as stream_id, c.version as version,
    c.event_id as event_id, c.type as type, c.recorded_at as recorded_at, l.found as ledger_rows
from caused as c
left join
(
    select app, lane, pos, count() as found
    from ledger
    where (app, lane, pos) in (select app, lane, pos from caused)
    group by app, lane, pos
) as l on l.app = c.app and l.lane = c.lane and l.pos = c.pos
order by recorded_at, context, lane, position
