-- Which events of the other contexts are there, from one position of each lane to another? They move no amount: one row each.
-- One whose identifiers, dates or money cannot be read is poison, and no view reads it.
insert into ledger_gN (app, lane, pos, line, kind, type, event_id, recorded_at, reason)
with
    toUUID('00000000-0000-0000-0000-000000000000') as none
select
    app, lane, pos, 0 as line, if(error != '', 'poison', 'nothing') as kind, type, event_id, recorded_at,
    if(error != '', error, 'moves no amount') as reason
from
(
    select
        *,
        -- Quotes within a JSON string are escaped: these find keys, wherever they stand.
        multiIf(
            not isValidJSON(raw), 'the bytes are not JSON',
            event_id = none, 'the event has no event_id',
            type not like '%.v1', concat('this projection does not know ', type),
            arrayExists(id -> id != 'null' and toUUIDOrZero(trim(both '"' from id)) = none,
                extractAll(raw, '"(?:establishment|site|supplier|rating|agreement|lot)_id":\\s*("[^"]*"|[^,}\\]]*)')),
                'an identifier is not an id',
            arrayExists(day -> day != 'null' and day != concat('"', toString(toDateOrZero(substring(day, 2, 10))), '"'),
                extractAll(raw, '"(?:[a-z]+_on|valid_from|valid_to)":\\s*("[^"]*"|[^,}\\]]*)')),
                'a date is not a day',
            arrayExists(amount -> amount != 'null' and not match(amount, '^"\\d{1,12}(\\.\\d{1,2})?"$'),
                extractAll(raw, '"maximum":\\s*("[^"]*"|[^,}\\]]*)')),
                'a maximum is not money in two decimals',
            JSONHas(raw, 'scores') and not match(JSONExtractRaw(raw, 'scores', 'overall'), '^(\\d{1,2}|100)$'),
                'the overall score is not a number from 0 to 100',
            '') as error
    from raw_log
    where app = {app:String} and pos > {from:UInt64} and pos <= {upto:UInt64}
        and pos > {starts:Array(UInt64)}[lane + 1] and pos <= {ends:Array(UInt64)}[lane + 1]
        and (select sum(pos) from (select max(pos) as pos from ledger_gN where app = {app:String} group by lane))
            = {start:UInt64}
)
order by lane, pos
