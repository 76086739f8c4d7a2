-- Who works at the quarantine over HTTP: keys by name, kept as hashes, and who mapped what.
create table operators (
  name     text primary key,
  key_hash bytea not null unique,
  added_at timestamptz not null default now(),
  ended_at timestamptz
);
alter table code_mappings
  add column mapped_by text;
