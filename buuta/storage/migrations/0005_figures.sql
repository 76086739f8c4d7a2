-- Figures by service, and measures beside the outcomes (services/tracker/domain/parcel.py says what they are).
alter table rate_cells
  add column service                 text not null default 'unknown',
  add column delivered_first_attempt bigint not null default 0,
  add column promised                bigint not null default 0,
  add column on_time                 bigint not null default 0;
alter table rate_cells drop constraint rate_cells_pkey;
alter table rate_cells add primary key (carrier, service, province, commune, day, slot);

drop view rates;
create view rates as
select carrier, service, province, commune, day,
  sum(accepted) as accepted,
  sum(delivered_to_address) as delivered_to_address,
  sum(delivered_at_point) as delivered_at_point,
  sum(delivered_as_asked) as delivered_as_asked,
  sum(delivered_unknown_mode) as delivered_unknown_mode,
  sum(returned) as returned,
  sum(lost) as lost,
  sum(delivered_first_attempt) as delivered_first_attempt,
  sum(promised) as promised,
  sum(on_time) as on_time
from rate_cells group by carrier, service, province, commune, day;
