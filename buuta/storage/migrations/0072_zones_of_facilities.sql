-- A facility may lie in another time zone than its carrier, and abroad, where there is no commune.
alter table facilities
  add column time_zone text,
  alter column province drop not null,
  alter column commune drop not null;
