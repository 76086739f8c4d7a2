-- What became of a report that was set aside, and the codes that people mapped since.
alter table quarantine
  add column state text not null default 'waiting' check (state in ('waiting', 'replayed', 'dropped')),
  add column settled_at timestamptz,
  add column why text;
create index quarantine_waiting on quarantine (carrier, raw_code) where state = 'waiting';

-- A mapping without a status says that the code is known and is no movement.
create table code_mappings (
  id          bigint generated always as identity primary key,
  format      text not null,
  raw_code    text not null,
  status      text,
  reason      text,
  mode        text,
  provisional boolean not null,
  mapped_at   timestamptz not null default now(),
  unique (format, raw_code)
);
