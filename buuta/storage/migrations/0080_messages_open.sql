-- not transactional
create index concurrently if not exists messages_open
  on messages (parcel_key, channel, recipient_hash, happened_at) where state = 'queued';
