-- Sums of the cells, so that figures over years are read in milliseconds: docs/decisions/0068. The database keeps
-- them itself, in the transaction and by the slot that changed the cells: nobody who writes cells can forget them.
create table rate_days (
  day                     date not null,
  carrier                 text not null,
  service                 text not null,
  province                text not null,
  slot                    integer not null,
  accepted                bigint not null,
  delivered_to_address    bigint not null,
  delivered_at_point      bigint not null,
  delivered_as_asked      bigint not null,
  delivered_unknown_mode  bigint not null,
  returned                bigint not null,
  lost                    bigint not null,
  delivered_first_attempt bigint not null,
  promised                bigint not null,
  on_time                 bigint not null,
  delivered_to_locker     bigint not null,
  primary key (day, carrier, service, province, slot)
) with (fillfactor = 70);
create table rate_months (like rate_days including all) with (fillfactor = 70);
create table transit_months (
  day      date not null,
  carrier  text not null,
  service  text not null,
  province text not null,
  hours    integer not null,
  slot     integer not null,
  parcels  bigint not null,
  primary key (day, carrier, service, province, hours, slot)
) with (fillfactor = 70);
-- On which days a carrier reported anything: what is missing in the figures.
create table carrier_days (
  day      date not null,
  carrier  text not null,
  slot     integer not null,
  accepted bigint not null,
  primary key (day, carrier, slot)
) with (fillfactor = 70);

-- Arguments: the table of sums, its columns but the summed ones, what these are of a cell, and the summed ones.
create function keep_sums() returns trigger language plpgsql as $$
declare
  counts text[] := string_to_array(tg_argv[3], ', ');
  changed text := case tg_op
    when 'INSERT' then 'select 1 as sign, * from new_cells'
    when 'DELETE' then 'select -1 as sign, * from old_cells'
    else 'select 1 as sign, * from new_cells union all select -1, * from old_cells' end;
begin
  if tg_op = 'TRUNCATE' then
    execute format('truncate %I.%I', tg_table_schema, tg_argv[0]);
    return null;
  end if;
  execute format(
    'insert into %I.%I as kept (%s, %s) select * from (select %s, %s from (%s) as changed group by %s) as added '
    'where (%s) <> (%s) order by %s on conflict (%s) do update set %s',
    tg_table_schema, tg_argv[0], tg_argv[1], tg_argv[3], tg_argv[2],
    (select string_agg(format('sum(sign * %I)::bigint as %I', name, name), ', ') from unnest(counts) as name),
    changed, tg_argv[2], tg_argv[3], array_to_string(array_fill('0'::text, array[cardinality(counts)]), ', '), 
    (select string_agg(place::text, ', ') from generate_series(1, cardinality(string_to_array(tg_argv[1], ', '))) as place),
    tg_argv[1],
    (select string_agg(format('%I = kept.%I + excluded.%I', name, name, name), ', ') from unnest(counts) as name));
  return null;
end
$$;

-- The triggers of a schema's cells; `buuta rebuild` makes cells in a schema of its own.
create function attach_sums(place text) returns void language plpgsql as $$
declare
  kept record;
  event record;
begin
  for kept in select * from (values
    ('rate_cells', 'rate_days', 'day, carrier, service, province, slot', 'day, carrier, service, province, slot',
     'accepted, delivered_to_address, delivered_at_point, delivered_as_asked, delivered_unknown_mode, returned, lost, '
     'delivered_first_attempt, promised, on_time, delivered_to_locker'),
    ('rate_cells', 'rate_months', 'day, carrier, service, province, slot',
     'date_trunc(''month'', day)::date, carrier, service, province, slot',
     'accepted, delivered_to_address, delivered_at_point, delivered_as_asked, delivered_unknown_mode, returned, lost, '
     'delivered_first_attempt, promised, on_time, delivered_to_locker'),
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
select attach_sums('public');

-- The triggers keep writers out until this is committed, so nothing is counted twice or not at all.
insert into rate_days
select day, carrier, service, province, slot, sum(accepted), sum(delivered_to_address), sum(delivered_at_point),
  sum(delivered_as_asked), sum(delivered_unknown_mode), sum(returned), sum(lost), sum(delivered_first_attempt),
  sum(promised), sum(on_time), sum(delivered_to_locker)
from rate_cells group by 1, 2, 3, 4, 5;
insert into rate_months
select date_trunc('month', day)::date, carrier, service, province, slot, sum(accepted), sum(delivered_to_address),
  sum(delivered_at_point), sum(delivered_as_asked), sum(delivered_unknown_mode), sum(returned), sum(lost),
  sum(delivered_first_attempt), sum(promised), sum(on_time), sum(delivered_to_locker)
from rate_days group by 1, 2, 3, 4, 5;
insert into carrier_days select day, carrier, slot, sum(accepted) from rate_days group by 1, 2, 3;
insert into transit_months
select date_trunc('month', day)::date, carrier, service, province, hours, slot, sum(parcels)
from transit_cells group by 1, 2, 3, 4, 5, 6;
