-- How many events and lines stand behind a figure, and what do they add up to?
select uniqExact(pos, lane) as events, count() as rows, sum(amount) as amount_, sum(baseline_amount) as baseline_
from ledger
where measure = {measure:String} /*conditions*/
