-- A scan of which another copy came that says something else: what was received first stands, and the carrier can see it.
alter table scans
  add column copies_differ boolean not null default false;
