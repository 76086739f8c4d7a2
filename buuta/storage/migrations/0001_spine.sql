-- The spine. Times in *_at columns of type bigint are UTC milliseconds since 1970 (hot tables: no
-- conversion on the way in); timestamptz elsewhere. The views at the end are for people.

create table carriers (
  code         text primary key,
  name         text not null,
  format       text not null,
  key_hash     bytea not null unique,
  webhook_hash bytea not null unique,
  created_at   timestamptz not null default now()
);

create table shippers (
  code       text primary key,
  name       text not null,
  key_hash   bytea not null unique,
  created_at timestamptz not null default now()
);

-- A report whose code or identity we do not know. The payload may hold personal data: encrypted.
create table quarantine (
  id          bigint generated always as identity primary key,
  carrier     text not null,
  door        text not null,
  reason      text not null,
  raw_code    text not null,
  payload     bytea not null,
  received_at timestamptz not null default now()
);
create index quarantine_by_code on quarantine (carrier, raw_code);

-- Position, fence and pending records of a partition: docs/decisions/0002.
create table progress (
  consumer       text not null,
  topic          text not null,
  partition      integer not null,
  position       bigint not null,
  fence          bigint not null,
  last_checksum  bigint,
  pending        bytea not null default '',
  moved_at       timestamptz not null default now(),
  primary key (consumer, topic, partition)
) with (fillfactor = 50);
-- Written anew with every chunk: compressing it would cost more than it spares.
alter table progress alter column pending set storage external;

-- History: every accepted scan once. Column order is that of buuta.model.scan.Scan.
create table scans (
  parcel_key        text collate "C" not null,
  event_id          bytea not null,
  status            text not null,
  reason            text,
  delivery_mode     text,
  provisional       boolean not null,
  corrects_event_id bytea,
  correction_kind   text,
  occurred_at       bigint not null,
  offset_minutes    smallint not null,
  offset_source     text not null,
  received_at       bigint not null,
  facility          text,
  province          text,
  commune           text,
  attempt           integer,
  distance_bucket   text,
  proof_present     boolean,
  raw_code          text not null,
  door              text not null,
  mapping_version   text not null,
  primary key (parcel_key, event_id)
);

-- State: what the fold says of each parcel. `slot` is the partition that owns the row.
-- Half of a page stays free, so that a parcel's next state lies beside its last (HOT update).
create table parcels (
  parcel_key           text collate "C" primary key,
  slot                 integer not null,
  status               text,
  reason               text,
  reported_status      text,
  attempts             integer not null,
  delivery_mode        text,
  outcome              text,
  accepted_at          bigint,
  moved_at             bigint,
  last_at              bigint,
  greatest_at          bigint,
  next_expected_at     bigint,
  live                 text not null,
  sequence             integer not null,
  registration_id      text,
  registration_version integer,
  dest_province        text,
  dest_commune         text,
  promised_at          bigint
) with (fillfactor = 50);

-- Counts by outcome; a cell's rows are per slot, so that no two owners wait for one another.
create table rate_cells (
  slot                   integer not null,
  carrier                text not null,
  province               text not null,
  commune                text not null,
  day                    date not null,
  accepted               bigint not null default 0,
  delivered_to_address   bigint not null default 0,
  delivered_at_point     bigint not null default 0,
  delivered_as_asked     bigint not null default 0,
  delivered_unknown_mode bigint not null default 0,
  returned               bigint not null default 0,
  lost                   bigint not null default 0,
  primary key (carrier, province, commune, day, slot)
) with (fillfactor = 70);

-- One key per person and shipper, wrapped by the master key; its destruction erases the person.
create table persons (
  person_hash bytea primary key,
  shipper     text not null references shippers,
  wrapped_key bytea not null
);

create table registrations (
  registration_id uuid primary key,
  shipper         text not null references shippers,
  carrier         text not null,
  number          text not null,
  version         integer not null,
  person_hash     bytea references persons,
  contacts        bytea,
  language        text not null,
  province        text,
  commune         text,
  promised_at     bigint,
  withdrawn       boolean not null default false,
  created_at      timestamptz not null default now(),
  unique (shipper, carrier, number)
);
create index registrations_by_person on registrations (person_hash);

-- What is to reach Kafka, written in the transaction that decided it.
create table outbox (
  id         bigint generated always as identity primary key,
  topic      text not null,
  key        bytea not null,
  value      bytea not null,
  created_at timestamptz not null default now()
);

create table idempotency (
  shipper      text not null,
  key          text not null,
  request_hash bytea not null,
  status       integer not null,
  answer       text not null,
  created_at   timestamptz not null default now(),
  primary key (shipper, key)
);

-- One message per parcel, meaning (kind and ordinal), recipient and channel.
create table messages (
  message_id      uuid primary key,
  parcel_key      text not null,
  kind            text not null,
  ordinal         integer not null,
  channel         text not null,
  recipient_hash  bytea not null,
  registration_id uuid not null,
  milestone       jsonb not null,
  state           text not null,
  attempts        integer not null default 0,
  due_at          timestamptz not null default now(),
  lease_owner     text,
  lease_until     timestamptz,
  provider_code   text,
  created_at      timestamptz not null default now(),
  decided_at      timestamptz,
  unique (parcel_key, kind, ordinal, channel, recipient_hash)
) with (fillfactor = 70);
create index messages_due on messages (due_at) where state = 'queued';
create index messages_held on messages (lease_until) where state in ('claimed', 'submitting');

create table switches (
  name  text primary key,
  value boolean not null
);
insert into switches values ('outgoing_messages', true);

create view scan_history as
select parcel_key, encode(event_id, 'hex') as event_id, status, reason, delivery_mode, provisional,
  to_timestamp(occurred_at / 1000.0) as occurred_at, offset_minutes,
  to_timestamp(received_at / 1000.0) as received_at, facility, province, commune, raw_code, door
from scans;

create view rates as
select carrier, province, commune, day,
  sum(accepted) as accepted,
  sum(delivered_to_address) as delivered_to_address,
  sum(delivered_at_point) as delivered_at_point,
  sum(delivered_as_asked) as delivered_as_asked,
  sum(delivered_unknown_mode) as delivered_unknown_mode,
  sum(returned) as returned,
  sum(lost) as lost
from rate_cells group by carrier, province, commune, day;
