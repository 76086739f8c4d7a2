-- Files that are being taken in, by their content: where to go on after a kill. `report_bytes` is how much
-- of the report of refused lines belongs to the lines that are done.
create table files (
  carrier      text not null,
  content_hash bytea not null,
  name         text not null,
  lines_done   bigint not null default 0,
  report_bytes bigint not null default 0,
  counts       jsonb not null default '{}',
  begun_at     timestamptz not null default now(),
  finished_at  timestamptz,
  primary key (carrier, content_hash)
);
