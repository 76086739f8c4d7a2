-- What a capture job says beside what is wrong: what was skipped and why, and what waits in quarantine.
alter table epcis_captures
  add column outcome jsonb not null default '{}';

-- What was said under an eventID, as keyed marks of its fields: the same id with other content is a conflict
-- (docs/decisions/0108). The id is a mark as well, since it may be anything.
create table epcis_said (
  carrier     text not null references carriers,
  event_mark  bytea not null,
  fields      text[] not null,
  received_at timestamptz not null default now(),
  primary key (carrier, event_mark)
);
create index on epcis_said (received_at);
