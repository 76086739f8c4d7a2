-- The delivery-to-address rate from the log alone, by another way than the tracker's: sets instead of
-- parcels, rounds instead of steps. Round n takes the n-th scan of every parcel at once (DuckDB).
-- Given: first_copies, first_received (first_copies.sql), registrations (of the archive, up to the positions), voided
-- (scans that a correction takes back), local_days (days at places that are not Vietnam's), gaps (of carriers that have
-- another), and the tracker's tables: ranks, barred, moving, ended_as, delivered_as, opening, ended, stopping,
-- late_bounds, last_mile, turning, backward, reopening.

create table lateness as
select coalesce(reporter, carrier) as carrier,
  (date '1970-01-01' + least(greatest((received_at + 25200000) // 86400000, 0), $last_day)::integer)::date as day,
  (select min(minutes) from late_bounds where received_at - occurred_at <= minutes * 60000 or minutes = $later)
    as minutes
from first_copies where not coalesce(day_only, false);

create table steering as
with timed as (
  select *, case when occurred_at > received_at + $future_ms then received_at else occurred_at end as moment
  from first_received
  where not provisional
    and correction_kind is distinct from 'did_not_occur'
    and occurred_at >= received_at - $oldest_ms
    and (parcel_key, event_id) not in (select parcel_key, event_id from voided)
)
select parcel_key, event_id, timed.status, reason, delivery_mode, distance_bucket, proof_present, moment as occurred_at,
  reporter, case when attempt > 0 then attempt end as said, day_only, direction as flag, partial_return,
  coalesce(d.day, (moment + 25200000) // 86400000) as day,
  coalesce(d.begins, ((moment + 25200000) // 86400000) * 86400000 - 25200000) as day_begins,
  coalesce(g.gap_ms, $gap_ms) as gap_ms,
  row_number() over (partition by parcel_key order by moment, rank, event_id) as n
from timed join ranks using (status) left join local_days d using (zone, moment)
  left join gaps g on g.carrier = split_part(parcel_key, ':', 1);

create table registered as
select distinct carrier || ':' || number as parcel_key, registered_at from registrations;

create table walked as
with recursive walk as (
  select parcel_key, 0::bigint as n, null::varchar as status, false as went_out, null::varchar as mode, false as declared,
    null::varchar as outcome, null::bigint as accepted_at, null::bigint as moved_at, 0 as attempts,
    null::bigint as delivered_at, 1 as epoch, null::bigint as last_at,
    null::bigint as stopped_at, 0::bigint as stopped_ms, null::varchar as credited, false as near,
    null::varchar as direction, false as partial, false as by_day, ',' as tried, null::bigint as tried_day,
    false as tried_number, null::bigint as free_at, 0::bigint as gap_ms
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
    now_accepted,
    now_moved,
    case when taken = 'attempt_failed' then greatest(attempts + tries::integer, coalesce(said, 0)) else attempts end,
    now_delivered,
    epoch,
    case when taken is null or (taken = before and taken in (select status from ended)) then last_at else occurred_at end,
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
    near or coalesce(taken in (select l.status from last_mile l), false),
    case when earlier then direction else way end,
    partial,
    by_day or notes or (day_only and taken is not null and (
      now_accepted is distinct from accepted_at or now_moved is distinct from moved_at
      or now_delivered is distinct from delivered_before)),
    case when tries and said is not null then tried || said || ',' else tried end,
    case when tries then day else tried_day end,
    case when tries then said is not null else tried_number end,
    free_at, gap_ms
  from (
    select *, coalesce(moved_at, case when taken in (select status from moving) then occurred_at end) as now_moved,
      coalesce(accepted_at, case when taken = 'accepted' then occurred_at when notes then last_at end) as now_accepted,
      case when taken = 'delivered' and before is distinct from 'delivered' then occurred_at else delivered_at end
        as now_delivered,
      coalesce(taken = 'delivered' and (found <> 'unknown' or before is distinct from 'delivered'), false) as tells,
      coalesce(delivery_mode, 'unknown') <> 'unknown' as said_mode,
      case when taken = 'delivered' and (found <> 'unknown' or before is distinct from 'delivered') then found else mode end as now_mode,
      coalesce(taken = 'attempt_failed' and case
        when said is not null and contains(tried, ',' || said || ',') then false
        when before is distinct from 'attempt_failed' or tried_day is distinct from day then true
        else said is not null and (tried_number or said > attempts) end, false) as tries
    from (
      select * exclude (mode, declared, delivered_at), delivered_at as delivered_before,
        case when not reopens then mode end as mode, not reopens and declared as declared,
        case when not reopens then delivered_at end as delivered_at,
        case
          when coalesce(delivery_mode, 'unknown') <> 'unknown' then
            case when delivery_mode = 'address' and distance_bucket is not distinct from 'beyond_1_km'
              then 'unknown' else delivery_mode end
          when before = 'ready_at_point' then
            case when distance_bucket in ('within_50_m', 'within_200_m') then 'unknown' else 'point' end
          when distance_bucket in ('within_50_m', 'within_200_m') then 'address'
          when proof_present and went_out and distance_bucket is distinct from 'beyond_1_km' then 'address'
          else 'unknown'
        end as found
      from (
        select *, coalesce(taken is not null and before = 'delivered' and taken in (select status from reopening), false)
          as reopens
        from (
          select s.*,
            s.earlier and s.status = 'accepted' and s.direction is null and s.accepted_at is null as notes,
            case when b.before is null and not s.earlier and not s.of_the_part and (
                s.before is distinct from 'delivered' or r.after_ms is null or s.occurred_at - s.last_at >= r.after_ms
              ) then s.means end as taken
          from (
            -- A day without a clock is sorted by its end: what it says came before what a clock of that day says.
            select w.*, coalesce(w.day_only and w.last_at >= w.day_begins and own.rank < known.rank, false) as earlier
            from (
              select * exclude (means), coalesce(means, status) as means,
                coalesce(partial and before = 'delivered' and status in (select status from turning), false) as of_the_part
              from (
                select v.*, case when v.way = 'return' then k.means end as means
                from (
                  select *, case when partial then direction when status in (select status from turning) then 'return'
                    else coalesce(flag, direction) end as way
                  from (
                    -- A scan that begins the next epoch finds nothing before it.
                    select parcel_key, n, reporter, said, said_why, occurred_at, delivery_mode, distance_bucket,
                      proof_present, status, day_only, flag, day, day_begins, gap_ms,
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
                      case when not begins then credited end as credited, not begins and near as near,
                      case when not begins then direction end as direction,
                      (not begins and partial) or partial_return as partial,
                      not begins and by_day as by_day,
                      case when begins then ',' else tried end as tried,
                      case when not begins then tried_day end as tried_day,
                      not begins and tried_number as tried_number,
                      case when begins then begins_free_at else free_at end as free_at
                    from (
                      select *, begins_free_at is not null as begins from (
                        select w.* exclude (n, status, gap_ms), w.status as before, s.n, s.said,
                          s.reason as said_why, s.occurred_at, s.reporter, s.delivery_mode, s.distance_bucket,
                          s.proof_present, s.status, s.day_only, s.flag, s.partial_return, s.day, s.day_begins, s.gap_ms,
                          case
                            when w.status is null or w.status not in (select status from ended) or s.flag is not distinct from 'return'
                              or s.status not in (select status from opening) then null
                            when s.occurred_at - w.last_at >= s.gap_ms then w.last_at + s.gap_ms - $ahead_ms
                            when s.status = 'accepted' and exists (
                              select 1 from registered r where r.parcel_key = s.parcel_key
                                and r.registered_at between greatest(w.last_at + 1, s.occurred_at - $ahead_ms)
                                and s.occurred_at + $ahead_ms
                            ) then greatest(w.last_at + 1, s.occurred_at - $ahead_ms)
                          end as begins_free_at
                        from walk w join steering s on s.parcel_key = w.parcel_key and s.n = w.n + 1
                      )
                    )
                  )
                ) as v left join backward k on k.status = v.status
              )
            ) as w join ranks own on own.status = w.means left join ranks known on known.status = w.before
          ) as s
          left join barred b on b.before = s.before and b.after = s.means
          left join reopening r on r.status = s.means
        )
      )
    )
  )
)
select * from walk where n > 0
qualify row_number() over (partition by parcel_key, epoch order by n desc) = 1;

create table recomputed as
with endings as (
  -- From when on registrations are of the next parcel: as that began, or as it can begin.
  select * from (
    select parcel_key, coalesce(
      lead(free_at) over (partition by parcel_key order by epoch),
      case when status in (select status from ended) then last_at + gap_ms - $ahead_ms end
    ) as next_from from walked
  ) where next_from is not null
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
  outcome, case when outcome like 'delivered%' and not by_day
    then (delivered_at - coalesce(accepted_at, moved_at) - stopped_ms + 3599999) // 3600000 end as transit_hours,
  concat_ws(' ', 'accepted', coalesce(outcome, 'under_way'),
    case when outcome = 'delivered_at_point' and mode = 'locker' then 'delivered_to_locker' end,
    case when outcome = 'delivered_to_address' and declared then 'delivered_to_address_declared' end,
    case when outcome like 'delivered%' and attempts = 0 then 'delivered_first_attempt' end,
    case when outcome like 'delivered%' and promised_at is not null then 'promised' end,
    case when outcome like 'delivered%' and (delivered_at <= promised_at or (by_day
      and (delivered_at + 25200000) // 86400000 <= (promised_at - 1 + 25200000) // 86400000)) then 'on_time' end) as counts
from walked left join destinations using (parcel_key, epoch)
where coalesce(accepted_at, moved_at) is not null;
