-- Of what was delivered to the address, how much of it the carrier said: the evidence beside a rate. What was counted
-- before says 0 here until `buuta rebuild`.
alter table rate_cells
  add column delivered_to_address_declared bigint not null default 0;
alter table rate_days
  add column delivered_to_address_declared bigint not null default 0;
alter table rate_months
  add column delivered_to_address_declared bigint not null default 0;
alter table published_figures
  add column delivered_to_address_declared bigint not null default 0;

-- The triggers of a schema's cells; `buuta rebuild` makes cells in a schema of its own.
create or replace function attach_sums(place text) returns void language plpgsql as $$
declare
  kept record;
  event record;
begin
  for kept in select * from (values
    ('rate_cells', 'rate_days', 'day, carrier, service, province, slot', 'day, carrier, service, province, slot',
     'accepted, delivered_to_address, delivered_at_point, delivered_as_asked, delivered_unknown_mode, returned, lost, '
     'delivered_first_attempt, promised, on_time, delivered_to_locker, delivered_to_address_declared'),
    ('rate_cells', 'rate_months', 'day, carrier, service, province, slot',
     'date_trunc(''month'', day)::date, carrier, service, province, slot',
     'accepted, delivered_to_address, delivered_at_point, delivered_as_asked, delivered_unknown_mode, returned, lost, '
     'delivered_first_attempt, promised, on_time, delivered_to_locker, delivered_to_address_declared'),
    ('rate_cells', 'carrier_days', 'day, carrier, slot', 'day, carrier, slot', 'accepted'),
    ('transit_cells', 'transit_months', 'day, carrier, service, province, hours, slot',
     'date_trunc(''month'', day)::date, carrier, service, province, hours, slot', 'parcels')
  ) as sums (cells, target, columns, of_cell, counts) loop
    for event in select * from (values
      ('insert', 'referencing new table as new_cells'), ('delete', 'referencing old table as old_cells'),
      ('update', 'referencing old table as old_cells new table as new_cells'), ('truncate', '')
    ) as events (name, tables) loop
      execute format(
        'create trigger %I after %s on %I.%I %s for each statement execute function public.keep_sums(%L, %L, %L, %L)',
        kept.target || '_' || event.name, event.name, place, kept.cells, event.tables, kept.target, kept.columns,
        kept.of_cell, kept.counts);
    end loop;
  end loop;
end
$$;
do $$
declare
  kept record;
begin
  for kept in select tgname, tgrelid::regclass as cells from pg_trigger
    where tgfoid = 'keep_sums'::regproc and tgrelid in ('public.rate_cells'::regclass, 'public.transit_cells'::regclass)
  loop
    execute format('drop trigger %I on %s', kept.tgname, kept.cells);
  end loop;
end
$$;
select attach_sums('public');

create or replace view rates as
select carrier, service, province, commune, day,
  sum(accepted) as accepted,
  sum(delivered_to_address) as delivered_to_address,
  sum(delivered_at_point) as delivered_at_point,
  sum(delivered_as_asked) as delivered_as_asked,
  sum(delivered_unknown_mode) as delivered_unknown_mode,
  sum(returned) as returned,
  sum(lost) as lost,
  sum(delivered_first_attempt) as delivered_first_attempt,
  sum(promised) as promised,
  sum(on_time) as on_time,
  sum(delivered_to_locker) as delivered_to_locker,
  sum(delivered_to_address_declared) as delivered_to_address_declared
from rate_cells group by carrier, service, province, commune, day;
