-- not transactional
create index concurrently if not exists messages_claimed on messages (channel, lease_until) where state = 'claimed';
