-- How far the topic was read into which reports go while PostgreSQL is away.
create table sheltered (
  topic    text primary key,
  position bigint not null
);
