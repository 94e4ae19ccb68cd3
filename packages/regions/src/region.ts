// The region that a deployment serves: its profile, its own addresses, and the directory of all regions.
import { regionId } from '@meridian/contracts/common.ts';
import { regionAddresses } from '@meridian/contracts/identity.ts';
import { z } from 'zod';
import { defineProfile, type Profile, profileSchema } from './profile.ts';
import { cn } from './profiles/cn.ts';
import { global } from './profiles/global.ts';

/** Profiles that come with Meridian. A deployment may bring its own in REGION_PROFILE. */
export const profiles: Readonly<Record<string, Profile>> = { cn, global };

const directoryEntry = z.strictObject({ name: z.string().min(1).max(60), addresses: regionAddresses });
export type RegionDirectory = Readonly<Record<string, z.infer<typeof directoryEntry>>>;

const jsonText = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

/** The variables by which every service learns its region; spread into a service's config schema. */
export const regionVariables = {
  /** Id of the one region this deployment serves. */
  REGION: regionId,
  /** JSON of a whole profile, for a region that does not come with Meridian, or to replace one that does. */
  REGION_PROFILE: jsonText(profileSchema).optional(),
  /** JSON { id: { name, addresses } } of all regions. Without it: the production addresses of the profiles. */
  REGION_DIRECTORY: jsonText(z.record(regionId, directoryEntry)).optional(),
};

export type Region = {
  readonly id: string;
  readonly profile: Profile;
  /** All regions by id, this one included: for naming the home of what belongs elsewhere. */
  readonly directory: RegionDirectory;
};

/** A mistake of the configuration, told as kit's ConfigError is, which this package cannot import: by its code. */
const refuse = (...mistakes: string[]): never => {
  throw Object.assign(new Error(mistakes.join('; ')), { code: 'invalid_configuration', mistakes });
};

/** The profile with the addresses of the directory; rules between its members are checked here alone. */
const withAddresses = (profile: Profile, addresses: Profile['addresses']): Profile => {
  try {
    return defineProfile({ ...profile, addresses });
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return refuse(...error.issues.map(({ path, message }) => `REGION_PROFILE: ${path.join('.')}: ${message}`));
  }
};

/** Resolves the region of a deployment. Throws when the region has no profile or the profile is of another region. */
export const resolveRegion = (variables: {
  REGION: string;
  REGION_PROFILE?: Profile | undefined;
  REGION_DIRECTORY?: RegionDirectory | undefined;
}): Region => {
  const base =
    variables.REGION_PROFILE ??
    profiles[variables.REGION] ??
    refuse(`REGION: there is no profile for region "${variables.REGION}"; give one in REGION_PROFILE`);
  if (base.id !== variables.REGION)
    refuse(`REGION_PROFILE: is the profile of "${base.id}", not of "${variables.REGION}"`);
  const known = Object.fromEntries(
    Object.values(profiles).map((p) => [p.id, { name: p.name, addresses: p.addresses }]),
  );
  const directory = variables.REGION_DIRECTORY ?? {
    ...known,
    [base.id]: { name: base.name, addresses: base.addresses },
  };
  const own = directory[base.id] ?? refuse(`REGION_DIRECTORY: does not name this region, "${base.id}"`);
  return { id: base.id, profile: withAddresses(base, own.addresses), directory };
};
