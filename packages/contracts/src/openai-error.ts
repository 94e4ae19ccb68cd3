// The error form of OpenAI's API, in which doors to models refuse, so that unmodified clients raise their own typed errors.
import { z } from 'zod';

export const openAiError = z.strictObject({
  error: z.looseObject({
    message: z.string(),
    type: z.string(),
    code: z.string(),
    param: z.string().nullable(),
    requestId: z.string(),
    region: z.string().optional(),
    baseUrl: z.string().optional(),
    caseId: z.string().optional(),
    until: z.string().optional(),
    appealUrl: z.string().optional(),
  }),
});
export type OpenAiError = z.infer<typeof openAiError>;

/** OpenAI's `type` by status: https://platform.openai.com/docs/guides/error-codes */
export const openAiErrorType = (status: number): string => {
  if (status === 401) return 'authentication_error';
  if (status === 402) return 'insufficient_quota';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
};
