-- Keys of carriers: API keys, webhook tokens and signing secrets, several valid at once.
create table carrier_keys (
  id              bigint generated always as identity primary key,
  carrier         text not null references carriers,
  kind            text not null check (kind in ('api', 'webhook', 'signing')),
  hash            bytea not null unique,
  sealed          bytea,
  scopes          text[] not null,
  addresses       text[] not null default '{}',
  sandbox         boolean not null default false,
  scans_per_second integer not null,
  scans_per_day   bigint not null,
  created_at      timestamptz not null default now(),
  expires_at      timestamptz
);
create index carrier_keys_by_carrier on carrier_keys (carrier);

insert into carrier_keys (carrier, kind, hash, scopes, scans_per_second, scans_per_day)
select code, kind, hash, '{report,withdraw,read}', 50000, 1000000000
from carriers, lateral (values ('api', key_hash), ('webhook', webhook_hash)) as own (kind, hash);
alter table carriers drop column key_hash, drop column webhook_hash;

-- What was done with keys: by day what they were used for, and every change of one.
create table key_usage (
  key_id   bigint not null references carrier_keys,
  day      date not null,
  requests bigint not null,
  scans    bigint not null,
  refused  bigint not null,
  last_at  timestamptz not null,
  primary key (key_id, day)
);
create table key_changes (
  id         bigint generated always as identity primary key,
  key_id     bigint not null references carrier_keys,
  what       text not null,
  changed_by text not null,
  changed_at timestamptz not null default now()
);
