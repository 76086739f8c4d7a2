-- A carrier's number that is used again is another parcel: services/tracker/domain/epochs.py.
alter table parcels
  add column epoch      integer not null default 1,
  add column epoch_from bigint,
  add column registered_at bigint;

-- The parcels that a number had before; never read by a plain scan.
create table past_parcels (like parcels including defaults, primary key (parcel_key, epoch));

-- What was declared of a key, version by version: which of its epochs a registration is of can change.
create table declarations (
  parcel_key      text collate "C" not null,
  version         integer not null,
  registered_at   bigint not null,
  registration_id text not null,
  withdrawn       boolean not null,
  province        text,
  commune         text,
  promised_at     bigint,
  service         text,
  primary key (parcel_key, registration_id, version)
);
insert into declarations
select parcel_key, registration_version, 0, coalesce(registration_id, ''), registration_id is null,
  dest_province, dest_commune, promised_at, service
from parcels where registration_version is not null;

alter table messages add column epoch integer not null default 1;
alter table messages drop constraint messages_parcel_key_kind_ordinal_channel_recipient_hash_key;
alter table messages add unique (parcel_key, epoch, kind, ordinal, channel, recipient_hash);
