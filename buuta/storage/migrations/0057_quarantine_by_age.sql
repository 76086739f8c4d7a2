-- not transactional
-- What is too old lies together: a few bytes a megabyte lead to it.
create index concurrently if not exists quarantine_by_age on quarantine using brin (received_at) with (pages_per_range = 32);
