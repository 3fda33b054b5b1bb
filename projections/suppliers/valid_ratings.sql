-- Which score counts for each supplier on a day? Verified, published, not expired (the anniversary is excluded), known.
-- Of two that are valid the one published last counts, of the same day the one verified last.
select supplier_id, argMax(JSONExtractInt(scores, 'overall'), (published_on, verified_at)) as score
from ratings
where is_verified
    and verified_at <= {as_of:DateTime64(6, 'UTC')}
    and published_on <= {day:String}
    and expires_on > {day:String}
group by supplier_id
