-- not transactional
create index concurrently if not exists messages_queued on messages (channel, due_at) where state = 'queued';
