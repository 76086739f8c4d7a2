-- not transactional
-- What is too old lies together: a few bytes a megabyte lead to it.
create index concurrently if not exists parcel_secrets_by_age on parcel_secrets using brin (created_at) with (pages_per_range = 32);
