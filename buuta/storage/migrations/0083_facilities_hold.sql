-- How many days a point keeps a parcel for its recipient; null: not said.
alter table facilities
  add column holds_days smallint;
