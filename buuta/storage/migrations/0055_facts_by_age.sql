-- not transactional
-- What is too old lies together: a few bytes a megabyte lead to it.
create index concurrently if not exists facts_by_age on facts using brin (received_at) with (pages_per_range = 32);
