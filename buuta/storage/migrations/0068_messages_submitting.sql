-- not transactional
create index concurrently if not exists messages_submitting on messages (lease_until) where state = 'submitting';
