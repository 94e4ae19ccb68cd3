// The place in a list of log rows, which are numbered.
import { instant } from '@meridian/kit/http/page.ts';
import { z } from 'zod';

/** Eighteen digits: what a bigint holds for certain. */
export const logPlace = z.strictObject({ at: instant, id: z.string().regex(/^[0-9]{1,18}$/) });
export type LogPlace = z.output<typeof logPlace>;
