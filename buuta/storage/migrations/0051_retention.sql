-- Up to when a log lies in an archive: what was appended before is Parquet. Parcels are only forgotten that are.
create table archives (
  topic      text not null,
  partition  integer not null,
  reached_at bigint not null,
  primary key (topic, partition)
);
-- One process looks once a day for what is too old: buuta/storage/retention.py.
create table retention_rounds (
  what     text primary key,
  begun_at timestamptz not null
);
