-- not transactional
create index concurrently if not exists parcels_look_at on parcels (slot, look_at) where look_at is not null;
