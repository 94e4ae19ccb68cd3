// One registry per provider of the profile's enum: a provider without an entry here does not compile.
import type { RealNameProvider } from '@meridian/regions/profile.ts';
import type { RealNameSettings } from '../config.ts';
import { aliyunId2 } from './aliyun-id2.ts';
import type { Registry } from './registry.ts';

const registries: Readonly<Record<RealNameProvider, (settings: RealNameSettings, now: () => Date) => Registry>> = {
  aliyun_id2: (settings, now) =>
    aliyunId2({
      endpoint: settings.endpoint,
      accessKeyId: settings.accessKeyId,
      accessKeySecret: settings.accessKeySecret,
      now,
    }),
};

export const createRegistry = (settings: RealNameSettings, now: () => Date): Registry =>
  registries[settings.rules.provider](settings, now);
