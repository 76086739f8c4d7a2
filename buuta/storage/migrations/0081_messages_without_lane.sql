-- not transactional
create index concurrently if not exists messages_without_lane
  on messages (message_id) where happened_at is null and state in ('queued', 'claimed');
