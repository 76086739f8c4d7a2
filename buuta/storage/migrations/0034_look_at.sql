-- When the sweep must look at a parcel, at the latest: no deadline of it that is not told yet passes before. It is
-- moved forward by the sweep alone and brought back by a chunk that needs it, so that nearly every scan leaves it
-- as it is and updates stay heap-only. 0: not looked at yet. Null: nothing runs.
alter table parcels
  add column look_at bigint default 0;
-- Never looked at; both tables have the same columns, and are read as one.
alter table past_parcels
  add column look_at bigint;
