-- Each registration of a parcel stands alone: docs/decisions/0048. Which of several the carrier confirms, lies in
-- the record; `also_registered` are the ids of those beside `registration_id` whose recipients are told.
alter table declarations
  add column confirmed boolean not null default false;
alter table parcels
  add column also_registered text not null default '';
alter table past_parcels
  add column also_registered text not null default '';
