-- Which request caused an event? The head of an event's JSON is always the same, and what it says begins there.
create or replace view traces sql security definer as
select
    extract(
        raw,
        '^\\{"event_id":"[^"]*","recorded_at":"[^"]*","actor":"(?:[^"\\\\]|\\\\.)*","trace_id":"([0-9a-f]{32})"'
    ) as trace_id,
    app, lane, pos, stream_id, version, event_id, type, recorded_at
from raw_log
where trace_id != ''
