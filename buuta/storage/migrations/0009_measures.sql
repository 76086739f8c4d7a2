-- Transit time and event lateness; what the law leaves open is counted apart and decided at reading.
alter table parcels
  add column stopped_at bigint,
  add column stopped_ms bigint not null default 0;
alter table past_parcels
  add column stopped_at bigint,
  add column stopped_ms bigint not null default 0;
alter table rate_cells
  add column delivered_to_locker bigint not null default 0;
alter table published_figures
  add column delivered_to_locker bigint not null default 0;
alter table publications
  add column choices text[] not null default '{}';

-- Delivered parcels by hours of transit; not by commune, whose dozen parcels a day have no quantiles.
create table transit_cells (
  slot     integer not null,
  carrier  text not null,
  service  text not null,
  province text not null,
  day      date not null,
  hours    integer not null,
  parcels  bigint not null,
  primary key (carrier, day, service, province, hours, slot)
) with (fillfactor = 70);

-- Scans by day of receipt, and within how many minutes after their business time they were received.
create table lateness_cells (
  slot    integer not null,
  carrier text not null,
  day     date not null,
  minutes integer not null,
  scans   bigint not null,
  primary key (carrier, day, minutes, slot)
) with (fillfactor = 50);

drop view rates;
create view rates as
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
  sum(delivered_to_locker) as delivered_to_locker
from rate_cells group by carrier, service, province, commune, day;
