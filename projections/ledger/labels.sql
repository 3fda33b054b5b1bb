-- What are these items called? The newest name counts.
select item, argMax(label, pos) as label
from ledger
where kind = 'fact' and item in {items:Array(String)}
group by item
