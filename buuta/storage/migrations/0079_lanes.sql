-- A lane is all that one recipient is told of one parcel by one channel; it has a row while something of it waits.
-- Who claims the row may send one message; `lease` is whose it is until `due_at`, `calls` grows when something is called
-- for: services/notifier/lanes.py.
create table message_lanes (
  parcel_key     text not null,
  channel        text not null,
  recipient_hash bytea not null,
  due_at         timestamptz not null default now(),
  lease          uuid,
  calls          integer not null default 0,
  primary key (parcel_key, channel, recipient_hash)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index message_lanes_due on message_lanes (channel, due_at);

-- When what a message tells happened (UTC milliseconds; null: called for by an older notifier, which knew no lanes);
-- whether it was taken back while a provider had it; and which pieces of an SMS the SMSC has taken.
alter table messages
  add column happened_at bigint,
  add column taken_back boolean not null default false,
  add column pieces jsonb;
