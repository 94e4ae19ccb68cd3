// A provider of the region's profile by the name in an address.
import { parse } from 'node:querystring';
import { notFound } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentityDeps } from '../deps.ts';
import type { LoginProvider } from '../providers/login-provider.ts';

export const findProvider = ({ loginProviders }: Pick<IdentityDeps, 'loginProviders'>, name: string): LoginProvider =>
  [...loginProviders.values()].find((provider) => provider.name === name) ??
  fail(notFound, { detail: 'This region signs nobody in by that' });

/** Members of a query or form that came once; a member that came twice is nobody's. */
export const singleTexts = (given: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** No provider sends more; of a form that has more, the rest is not read. */
const maxFields = 100;

/** The same of a form as it came. */
export const singleFields = (body: Buffer): Record<string, string> =>
  singleTexts(parse(body.toString('utf8'), undefined, undefined, { maxKeys: maxFields }));
