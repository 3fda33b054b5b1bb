-- How much, by the keys that were asked? `/*…*/` are filled from closed lists in sums.py; values are bound.
select
    /*keys*/ as keys,
    currency,
    sum(amount) as amount_,
    sum(quantity) as quantity_,
    sum(lines) as lines_,
    sum(baseline_amount) as baseline_amount_,
    sumIf(amount, isNotNull(baseline_amount)) as amount_with_baseline,
    sumIf(lines, isNotNull(baseline_amount)) as lines_with_baseline,
    sum(first_price_lines) as first_price_lines_,
    sum(jump_lines) as jump_lines_
from ledger
where measure = {measure:String} /*conditions*/
group by currency, keys
-- Otherwise the engine turns a month of the roll-ups into days, which only one of them has, and reads every row.
settings optimize_time_filter_with_preimage = 0
