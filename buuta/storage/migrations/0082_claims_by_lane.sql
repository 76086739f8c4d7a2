-- Whose turn it is, the lanes say.
drop index messages_queued;
drop index messages_claimed;
