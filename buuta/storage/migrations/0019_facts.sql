-- Money that carriers report beside movements: amounts to collect, fees, settlements. No part of a parcel's history.
create table facts (
  fact_id     bytea primary key,
  carrier     text not null,
  number      text not null,
  kind        text not null,
  amount      bigint,
  occurred_at bigint not null,
  received_at bigint not null
);
create index facts_by_parcel on facts (carrier, number);
