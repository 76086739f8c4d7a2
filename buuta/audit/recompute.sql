-- The delivery-to-address rate from the log alone, by another way than the tracker's: sets instead of
-- parcels, rounds instead of steps. Round n takes the n-th scan of every parcel at once (DuckDB).
-- Given: first_copies, first_received (first_copies.sql), registrations (of the archive, up to the positions), voided
-- (scans that a correction takes back), and the tracker's tables: ranks, barred, moving, ended_as,
-- delivered_as, opening, ended, stopping, late_bounds, last_mile.

create table lateness as
select coalesce(reporter, carrier) as carrier,
  (date '1970-01-01' + least(greatest((received_at + 25200000) // 86400000, 0), $last_day)::integer)::date as day,
  (select min(minutes) from late_bounds where received_at - occurred_at <= minutes * 60000 or minutes = $later)
    as minutes
from first_copies where not coalesce(day_only, false);

create table steering as
select parcel_key, event_id, status, reason, delivery_mode, distance_bucket, proof_present, attempt, occurred_at, reporter,
  row_number() over (partition by parcel_key order by occurred_at, rank, event_id) as n
from first_received join ranks using (status)
where not provisional
  and correction_kind is distinct from 'did_not_occur'
  and occurred_at between received_at - $oldest_ms and received_at + $future_ms
  and (parcel_key, event_id) not in (select parcel_key, event_id from voided);

create table walked as
with recursive walk as (
  select parcel_key, 0::bigint as n, null::varchar as status, false as went_out, null::varchar as mode, false as declared,
    null::varchar as outcome, null::bigint as accepted_at, null::bigint as moved_at, 0 as attempts,
    null::bigint as delivered_at, 1 as epoch, null::bigint as last_at,
    null::bigint as stopped_at, 0::bigint as stopped_ms, null::varchar as credited, false as near
  from (select distinct parcel_key from steering)
  union all
  select parcel_key, n, coalesce(taken, before), went_out or coalesce(taken = 'out_for_delivery', false),
    now_mode, case when tells then said_mode else declared end,
    case
      when taken is null then outcome
      when now_moved is null then null
      when taken = 'delivered' then (select d.outcome from delivered_as d where d.mode = now_mode)
      else (select e.outcome from ended_as e where e.status = taken)
    end,
    coalesce(accepted_at, case when taken = 'accepted' then occurred_at end),
    now_moved,
    case when taken = 'attempt_failed'
      then greatest(attempts + (before is distinct from 'attempt_failed')::integer, coalesce(said, 0))
      else attempts end,
    case when taken = 'delivered' and before is distinct from 'delivered' then occurred_at else delivered_at end,
    epoch, case when taken is null then last_at else occurred_at end,
    case when taken is null then stopped_at
      when delivered_at is null and exists (
        select 1 from stopping t where t.status = taken and coalesce(t.reason = said_why, t.reason is null)
      ) then occurred_at end,
    case when taken is null then stopped_ms
      when taken = 'accepted' and accepted_at is null then 0
      else stopped_ms + coalesce(occurred_at - stopped_at, 0) end,
    case when taken is not null and reporter is not null and (not near or (
        taken in (select l.status from last_mile l) and taken is distinct from before
      )) then reporter else credited end,
    near or coalesce(taken in (select l.status from last_mile l), false)
  from (
    select *, coalesce(moved_at, case when taken in (select status from moving) then occurred_at end) as now_moved,
      coalesce(taken = 'delivered' and (found <> 'unknown' or mode is null), false) as tells,
      coalesce(delivery_mode, 'unknown') <> 'unknown' as said_mode,
      case when taken = 'delivered' and (found <> 'unknown' or mode is null) then found else mode end as now_mode
    from (
      select s.* exclude (status, before), s.before, case when b.before is null then s.status end as taken,
        case
          when coalesce(s.delivery_mode, 'unknown') <> 'unknown' then
            case when s.delivery_mode = 'address' and s.distance_bucket is not distinct from 'beyond_1_km'
              then 'unknown' else s.delivery_mode end
          when s.before = 'ready_at_point' then
            case when s.distance_bucket in ('within_50_m', 'within_200_m') then 'unknown' else 'point' end
          when s.distance_bucket in ('within_50_m', 'within_200_m') then 'address'
          when s.proof_present and s.went_out and s.distance_bucket is distinct from 'beyond_1_km' then 'address'
          else 'unknown'
        end as found
      from (
        -- A scan that begins the next epoch finds nothing before it.
        select parcel_key, n, reporter, said, said_why, occurred_at, delivery_mode, distance_bucket, proof_present, status,
          epoch + begins::integer as epoch, case when not begins then before end as before,
          not begins and went_out as went_out, case when not begins then mode end as mode,
          not begins and declared as declared,
          case when not begins then outcome end as outcome,
          case when not begins then accepted_at end as accepted_at,
          case when not begins then moved_at end as moved_at,
          case when begins then 0 else attempts end as attempts,
          case when not begins then delivered_at end as delivered_at,
          case when not begins then last_at end as last_at,
          case when not begins then stopped_at end as stopped_at,
          case when begins then 0 else stopped_ms end as stopped_ms,
          case when not begins then credited end as credited, not begins and near as near
        from (
          select w.* exclude (n, status), w.status as before, s.n, s.attempt as said, s.reason as said_why, s.occurred_at, s.reporter,
            s.delivery_mode, s.distance_bucket, s.proof_present, s.status,
            coalesce(w.status in (select status from ended) and s.status in (select status from opening)
              and s.occurred_at - w.last_at >= $gap_ms, false) as begins
          from walk w join steering s on s.parcel_key = w.parcel_key and s.n = w.n + 1
        )
      ) as s
      left join barred b on b.before = s.before and b.after = s.status
    )
  )
)
select * from walk where n > 0
qualify row_number() over (partition by parcel_key, epoch order by n desc) = 1;

create table recomputed as
with endings as (
  select parcel_key, last_at + $gap_ms - $ahead_ms as next_from from walked
  where status in (select status from ended)
), placed as (
  select r.carrier || ':' || r.number as parcel_key, r.registration_id, any_value(r.version) as version,
    any_value(r.registered_at) as registered_at, coalesce(any_value(r.confirmed), false) as confirmed,
    any_value(r.province) as province,
    any_value(r.commune) as commune, any_value(r.service) as service,
    any_value(r.promised_at) as promised_at, 1 + count(next_from) as epoch
  from registrations r left join endings e
    on e.parcel_key = r.carrier || ':' || r.number and r.registered_at >= e.next_from
  group by r.carrier, r.number, r.registration_id, r.partition, r.position
), held as (
  -- Each registration stands alone: its newest version holds, and is compared with no other's.
  select *, min(registered_at) over (partition by parcel_key, epoch, registration_id) as first_at from placed
  qualify row_number() over (
    partition by parcel_key, epoch, registration_id order by version desc, registered_at desc
  ) = 1
), destinations as (
  select * from held qualify row_number() over (
    partition by parcel_key, epoch order by confirmed desc, first_at, registration_id
  ) = 1
)
select parcel_key, epoch, coalesce(credited, split_part(parcel_key, ':', 1)) as carrier,
  coalesce(nullif(service, ''), 'unknown') as service, coalesce(nullif(province, ''), 'unknown') as province, coalesce(nullif(commune, ''), 'unknown') as commune,
  (date '1970-01-01' + ((coalesce(accepted_at, moved_at) + 25200000) // 86400000)::integer)::date as day,
  outcome, case when outcome like 'delivered%'
    then (delivered_at - coalesce(accepted_at, moved_at) - stopped_ms + 3599999) // 3600000 end as transit_hours,
  concat_ws(' ', 'accepted', coalesce(outcome, 'under_way'),
    case when outcome = 'delivered_at_point' and mode = 'locker' then 'delivered_to_locker' end,
    case when outcome = 'delivered_to_address' and declared then 'delivered_to_address_declared' end,
    case when outcome like 'delivered%' and attempts = 0 then 'delivered_first_attempt' end,
    case when outcome like 'delivered%' and promised_at is not null then 'promised' end,
    case when outcome like 'delivered%' and delivered_at <= promised_at then 'on_time' end) as counts
from walked left join destinations using (parcel_key, epoch)
where coalesce(accepted_at, moved_at) is not null;
