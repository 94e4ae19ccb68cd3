import type { ModelConfig } from './config.ts';

/** A catalogue for development: one large, one small model, one whose context is soon full. */
export const exampleModels: ModelConfig[] = [
  { id: 'meridian-large', ownedBy: 'sandbox', contextTokens: 262_144, maxOutputTokens: 65_536 },
  { id: 'meridian-small', ownedBy: 'sandbox', contextTokens: 131_072, maxOutputTokens: 16_384 },
  { id: 'meridian-tiny-context', ownedBy: 'sandbox', contextTokens: 256, maxOutputTokens: 128 },
];
