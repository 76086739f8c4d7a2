-- Of the log's scans one copy of each event, the one whose time is believed best, that was received first (then by
-- content); and of these the first of each parcel (posts take turns), which are those that can steer, as corrections, too. Given: scans.

create table first_copies as
select *, carrier || ':' || number as parcel_key from scans
qualify row_number() over (
  partition by carrier, number, event_id order by case
    when occurred_at < received_at - $oldest_ms then 2
    when occurred_at > received_at + $future_ms + case when day_only then 86400000 else 0 end then 1
    else 0 end, received_at, $content
) = 1;

create table first_received as
with turns as (
  select *, row_number() over (partition by parcel_key, reporter order by received_at, event_id) as turn
  from first_copies
)
select * exclude (turn) from turns
qualify row_number() over (partition by parcel_key order by turn, received_at, event_id) <= $most_scans;
