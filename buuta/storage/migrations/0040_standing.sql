-- Which registration of a parcel steers: docs/decisions/0048. `owner` is whose name the parcel is kept under;
-- `registered_at` is when it was first registered for the parcel that the number has now (UTC milliseconds);
-- another's registration goes before one that is `behind`.
alter table registrations
  add column owner         text not null default '',
  add column confirmed     boolean not null default false,
  add column behind        boolean not null default false,
  add column registered_at bigint not null default (extract(epoch from now()) * 1000);
update registrations r set registered_at = (extract(epoch from created_at) * 1000)::bigint,
  owner = case when number ~ '^[A-Z]{2}[0-9]{9}[A-Z]{2}$' and exists (
    select from carriers c where c.code = r.carrier and c.is_post) then 's10' else carrier end;
update registrations r set behind = true from (
  select registration_id, row_number() over (partition by owner, number order by registered_at, registration_id) as place
  from registrations
) as ranked where ranked.registration_id = r.registration_id and place > 1;

-- Shippers whose registrations at a carrier are confirmed, and parcels whose shipper is named.
create table shipper_carriers (
  shipper   text not null references shippers,
  carrier   text not null references carriers,
  linked_at timestamptz not null default now(),
  primary key (shipper, carrier)
);
create table parcel_shippers (
  owner    text not null,
  number   text not null,
  shipper  text not null references shippers,
  named_at bigint not null,
  primary key (owner, number)
);

-- What was done in fixed windows of time, by whom or for whom: docs/decisions/0049. Windows that have ended are deleted.
create table window_counts (
  what     text not null,
  subject  bytea not null,
  ends_at  bigint not null,
  count    integer not null,
  primary key (what, subject, ends_at)
) with (fillfactor = 70);
create index window_counts_ended on window_counts (ends_at);
