-- not transactional
-- What is too old lies together: a few bytes a megabyte lead to it.
create index concurrently if not exists messages_by_age on messages using brin (created_at) with (pages_per_range = 32);
