-- not transactional
-- What is too old lies together: a few bytes a megabyte lead to it.
create index concurrently if not exists registrations_by_age on registrations using brin (created_at) with (pages_per_range = 32);
