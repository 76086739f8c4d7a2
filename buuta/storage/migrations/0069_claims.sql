-- Whose turn it is lies first in an index, whatever waits behind it; these two are read no more.
drop index messages_due;
drop index messages_held;
-- Every claim leaves a dead entry at the front of an index, and a fifth of a long table is many.
alter table messages set (autovacuum_vacuum_scale_factor = 0.02);
