-- not transactional
create index concurrently if not exists registrations_by_parcel on registrations (owner, number);
