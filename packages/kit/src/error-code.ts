// Reading anything thrown without instanceof: errors may come from another realm (jest) or another copy of a class.

const member = (error: unknown, name: 'code' | 'message' | 'cause' | 'name' | 'stack'): unknown =>
  typeof error === 'object' && error !== null && name in error ? (error as Record<string, unknown>)[name] : undefined;
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The `code` of anything thrown; branch on this. */
export const errorCode = (error: unknown): string | undefined => text(member(error, 'code'));
export const errorMessage = (error: unknown): string => text(member(error, 'message')) ?? String(error);
export const errorName = (error: unknown): string => text(member(error, 'name')) ?? typeof error;
export const errorStack = (error: unknown): string => text(member(error, 'stack')) ?? '';
export const errorCause = (error: unknown): unknown => member(error, 'cause');
