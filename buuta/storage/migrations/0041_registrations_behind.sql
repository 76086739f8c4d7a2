-- not transactional
create index concurrently if not exists registrations_behind on registrations (registered_at)
where behind and not withdrawn;
