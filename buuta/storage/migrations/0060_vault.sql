-- The key for finding, wrapped by a master key: who has another master key cannot start.
create table vault_keys (
  purpose text primary key,
  wrapped bytea not null
);

-- What is sealed is bound to its row by a name that no other row has; a raw code may be anything that somebody typed,
-- so it is sealed, too, and found again by a keyed hash.
alter table quarantine
  add column sealed_as uuid not null default gen_random_uuid(),
  add column code_hash bytea not null default '',
  add column code bytea;
drop index quarantine_by_code;
drop index quarantine_waiting;
alter table quarantine drop column raw_code;
create unique index quarantine_sealed_as on quarantine (sealed_as);
create index quarantine_waiting on quarantine (carrier, code_hash) where state = 'waiting';
