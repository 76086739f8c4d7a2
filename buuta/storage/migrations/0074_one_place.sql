-- Since when (UTC milliseconds of what happened) another spelling of a place makes no other event: for carriers that
-- there are, since now, so that what is stored keeps its id; for others always. docs/decisions/0093.
alter table carriers add column one_place_from bigint not null default (extract(epoch from now()) * 1000)::bigint;
alter table carriers alter column one_place_from set default 0;
