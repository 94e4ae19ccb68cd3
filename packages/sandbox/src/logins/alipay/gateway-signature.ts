// How Alipay's gateway signs: https://opendocs.alipay.com/common/02kf5q. Requests over the sorted parameters, replies over the text of one member.
import { signRsaSha256, verifyRsaSha256 } from '../../crypto/rsa-sha256.ts';

/** All parameters but `sign`, without empty ones, sorted by name, joined as they are (not URL-encoded). */
export const contentOf = (parameters: Record<string, string>) =>
  Object.entries(parameters)
    .filter(([name, value]) => name !== 'sign' && value !== '')
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');

export const signedRightly = (publicKey: string, parameters: Record<string, string>) =>
  verifyRsaSha256(publicKey, contentOf(parameters), parameters.sign ?? '');

export type AnswerSignature = 'right' | 'wrong' | 'absent';
/** The reply's text: the member, then `sign` over exactly the member's text. */
export const sealAnswer = (member: string, content: object, privateKey: string, signature: AnswerSignature) => {
  const text = JSON.stringify(content);
  if (signature === 'absent') return `{"${member}":${text}}`;
  const sign = signRsaSha256(privateKey, signature === 'wrong' ? `${text} ` : text);
  return `{"${member}":${text},"sign":${JSON.stringify(sign)}}`;
};
