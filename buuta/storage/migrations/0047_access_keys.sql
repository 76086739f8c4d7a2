-- Keys of shippers and operators: several can be valid at once, with an end, and when they were used last.
create table access_keys (
  id           bigint generated always as identity primary key,
  kind         text not null check (kind in ('shipper', 'operator')),
  holder       text not null,
  hash         bytea not null unique,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz,
  last_used_at timestamptz
);
create index access_keys_by_holder on access_keys (kind, holder);

insert into access_keys (kind, holder, hash) select 'shipper', code, key_hash from shippers;
insert into access_keys (kind, holder, hash, created_at, expires_at)
select 'operator', name, key_hash, added_at, ended_at from operators;
alter table shippers drop column key_hash;
alter table operators drop column key_hash, drop column ended_at;

-- What was done with them, by whom; kept for longer than the keys.
create table access_key_changes (
  id         bigint generated always as identity primary key,
  key_id     bigint not null,
  kind       text not null,
  holder     text not null,
  what       text not null,
  changed_by text not null,
  changed_at timestamptz not null default now()
);
