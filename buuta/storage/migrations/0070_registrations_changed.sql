-- When a registration got its latest version; null for those of before, which are as old as they were made.
alter table registrations add column changed_at timestamptz;
alter table registrations alter column changed_at set default now();
