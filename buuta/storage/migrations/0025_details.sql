-- Where a scan was made and what the courier wrote, under a key a parcel: whose key is destroyed is forgotten.
create table parcel_secrets (
  key_hash    bytea primary key,
  wrapped_key bytea not null,
  created_at  timestamptz not null default now()
);
create table event_details (
  event_id    bytea primary key,
  key_hash    bytea not null references parcel_secrets on delete cascade,
  sealed      bytea not null,
  received_at timestamptz not null default now()
);
create index on event_details (key_hash);

-- Where a parcel goes to, under the same key; the edge compares it with where a scan was made.
alter table registrations
  add column destination bytea;
create index on registrations (number) where destination is not null;

-- Details that waited for PostgreSQL are looked for every few seconds.
create index on quarantine (id) where state = 'waiting' and reason = 'details';
