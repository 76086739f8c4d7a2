-- Carriers name the shippers of their parcels: who did, and whether the registrations have followed by now.
alter table parcel_shippers
  add column carrier text references carriers,
  add column applied boolean not null default true;
create index parcel_shippers_to_apply on parcel_shippers (named_at) where not applied;
