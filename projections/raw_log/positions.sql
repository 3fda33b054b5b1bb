-- How far has each lane come, and when was its newest event recorded?
select app, lane, max(pos) as pos, max(recorded_at) as recorded_at, count() as events
from raw_log
group by app, lane
order by app, lane
