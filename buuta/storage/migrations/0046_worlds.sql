-- A capture of a sandbox key is its own world's: no production key sees it, and the other way round.
alter table epcis_captures
  add column sandbox boolean not null default false;

-- What was signed is taken once: the ids of signed requests while their signatures hold.
create table signed_requests (
  key_id   bigint not null,
  id_hash  bytea not null,
  taken_at timestamptz not null default now(),
  primary key (key_id, id_hash)
);
create index signed_requests_by_age on signed_requests (taken_at);
