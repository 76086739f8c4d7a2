-- Scans that were answered while Kafka was away, encoded as they will lie in the log. The edge commits here
-- before it answers, and one of the ingest processes sends them on in the order of their ids.
create table spool (
  id         bigint generated always as identity primary key,
  key        bytea not null,
  value      bytea not null,
  spooled_at timestamptz not null default now()
);
