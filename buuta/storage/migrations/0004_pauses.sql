-- A partition can be stopped, by hand or because too much of it cannot be read.
alter table progress
  add column paused       text,
  add column dead_run     integer not null default 0,
  add column dead_allowed integer not null default 0;
