-- not transactional
create index concurrently if not exists messages_held_back on messages (created_at) where state = 'held';
