-- What a scan says of its time and its way: docs/decisions/0090, 0093. The defaults of before hold for what is stored.
alter table scans
  add column day_only       boolean not null default false,
  add column zone           text,
  add column direction      text,
  add column partial_return boolean not null default false,
  add column linked_number  text;
alter table parcels
  add column direction      text,
  add column partial_return boolean not null default false,
  add column linked_number  text;
alter table past_parcels
  add column direction      text,
  add column partial_return boolean not null default false,
  add column linked_number  text;
