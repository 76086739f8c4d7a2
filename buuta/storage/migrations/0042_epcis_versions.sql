-- What is known of a carrier's bags has a version: who worked something out by one writes nothing by another
-- (docs/decisions/0054).
create table epcis_versions (
  carrier text primary key references carriers,
  version bigint not null default 0
);

-- What the sender should know of a document that was captured.
alter table epcis_captures
  add column warnings jsonb not null default '[]',
  add column finished_at timestamptz not null default now();
