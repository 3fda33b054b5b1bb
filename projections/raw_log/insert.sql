-- A batch of one lane, in one block, on the position that was read: a compare-and-set.
-- event_id stands first in every event's JSON; bytes that are no event have none.
insert into raw_log
select
    app, lane, pos, prev, stream_id, version,
    toUUIDOrZero(substring(raw, 14, 36)),
    type, recorded_at,
    length(raw),
    raw
from {source}
where (select max(pos) from raw_log where app = {app:String} and lane = {lane:UInt16}) = {start:UInt64}
order by pos
