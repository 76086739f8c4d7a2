-- not transactional
-- What is too old lies together: a few bytes a megabyte lead to it.
create index concurrently if not exists event_details_by_age on event_details using brin (received_at) with (pages_per_range = 32);
