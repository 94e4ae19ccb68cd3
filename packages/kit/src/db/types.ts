// How PostgreSQL's types arrive in JavaScript. Given to each pool; pg's global parsers stay untouched.
import pg from 'pg';

const int8 = 20;
const date = 1082;
const int8Array = 1016;
const textArray = 1009;

// pg's array reader, for elements that stay text; its types list only scalar oids.
const textsOf = (pg.types.getTypeParser as (oid: number) => (text: string) => (string | null)[])(textArray);

/** int8 as bigint (also in arrays), `date` as 'YYYY-MM-DD' (pg would make it local midnight), all else as pg does. */
export const typesOfPool: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary');
    if (oid === int8) return (text: string) => BigInt(text);
    if (oid === date) return (text: string) => text;
    if (oid === int8Array) return (text: string) => textsOf(text).map((item) => (item === null ? null : BigInt(item)));
    return pg.types.getTypeParser(oid, 'text');
  }) as typeof pg.types.getTypeParser,
};
