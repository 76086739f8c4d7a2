-- A message is for one recipient, whoever registered them: `further` are more registrations that name the same one.
alter table messages
  add column further uuid[] not null default '{}';
