-- Whether a parcel's acceptance, first movement or handover is known by the day alone: docs/decisions/0094.
alter table parcels
  add column by_day boolean not null default false;
alter table past_parcels
  add column by_day boolean not null default false;
