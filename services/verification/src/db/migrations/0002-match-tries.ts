// How often identity asked whether somebody is the person of an account. Without a foreign key: accounts nobody knows are counted as well.
import { type Kysely, sql } from 'kysely';

export const matchTries = {
  up: async (db: Kysely<unknown>) => {
    await sql
      .raw(
        `create table match_try (
           account_id text not null,
           day date not null,
           tries integer not null check (tries >= 1),
           primary key (account_id, day)
         )`,
      )
      .execute(db);
    await sql.raw('create index match_try_day on match_try (day)').execute(db);
  },
};
