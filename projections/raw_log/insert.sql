-- A batch of any lanes of a context, in one block, on the positions that were read: a compare-and-set. Positions only
-- grow, so that their sum names them all.
-- event_id stands first in every event's JSON; bytes that are no event have none.
insert into raw_log
select
    app, lane, pos, prev, stream_id, version,
    toUUIDOrZero(substring(raw, 14, 36)),
    type, recorded_at,
    length(raw),
    raw
from {source}
where (select sum(pos) from (select max(pos) as pos from raw_log where app = {app:String} group by lane)) = {start:UInt64}
order by lane, pos
