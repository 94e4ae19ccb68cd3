// The one list of names whose values never reach a log, an event or a URL, and the patterns of personal data in free text.

/** Credentials: redacted in logs. */
export const credentialNames = [
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'secret',
  'token',
  'accessToken',
  'refreshToken',
  'idToken',
  'apiKey',
  'key',
  'code',
  'otp',
  'privateKey',
  'pepper',
  'signature',
  'clientSecret',
  'accessKeySecret',
  'captcha',
  'captchaToken',
  'receiptToken',
  'recoveryToken',
  'ticketToken',
  'bindingToken',
  'auth_code',
] as const;

/**
 * Personal data: redacted in logs, refused in events. Compared without case, `_` and `-`. Every member of a request that takes what a person types
 * is here, a credential, or listed as harmless: a test walks the contracts.
 */
export const personalNames = [
  'phone',
  'phoneNumber',
  'mobile',
  'email',
  'mail',
  'contact',
  'account',
  'name',
  'realName',
  'fullName',
  'firstName',
  'lastName',
  'displayName',
  'legalName',
  'surname',
  'givenName',
  'identifier',
  'number',
  'companyName',
  'idNumber',
  'idCard',
  'identityNumber',
  'passport',
  'documentNumber',
  'licenseNumber',
  'address',
  'street',
  'ip',
  'ipAddress',
  'remoteAddress',
  'userAgent',
  'nickname',
  'username',
  'avatar',
  'picture',
  'birth',
  'birthday',
  'birthDate',
  'dateOfBirth',
  'gender',
  'text',
  'texts',
  'excerpt',
  'prompt',
  'completion',
  'content',
  'message',
  'comment',
  'remark',
  'note',
  'memo',
  'project',
  'networks',
  'openid',
  'unionid',
  'bankAccount',
  'cardNumber',
  'taxNumber',
  'location',
  'device',
] as const;

const plain = (name: string) => name.toLowerCase().replaceAll(/[_-]/g, '');
const personal = new Set(personalNames.map(plain));

/** Whether a field of this name is known to carry personal data; also by its beginning (`birth...`) or end (`...Email`). */
export const isPersonalName = (name: string): boolean => {
  const word = plain(name);
  return (
    personal.has(word) ||
    /^(birth|realname|idnumber|email|phone|mobile)|(email|phone|mobile|realname|surname|nickname|useragent|ipaddress|idnumber|documentnumber)$/.test(
      word,
    )
  );
};

// E-mail address (simplified RFC 5322 addr-spec); mainland mobile number (11 digits from 13 to 19); resident id number (GB 11643: region,
// date of birth, order, check character). Digits must stand alone, so that ids and times do not match.
// Every repetition is bounded: long texts of strangers pass through here.
const email = /[\p{L}0-9._%+-]{1,64}@[\p{L}0-9-]{1,63}(?:\.[\p{L}0-9-]{1,63})+/u;
const mobile = /(?<![\p{L}0-9_])(?:(?:\+|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![\p{L}0-9_])/u;
const prefixedMobile = /(?<![\p{L}0-9_])(?:\+|00)86[ -]?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![\p{L}0-9_])/u;
const residentId =
  /(?<![\p{L}0-9_])[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![\p{L}0-9_])/u;
const everything = new RegExp([email, mobile, residentId].map((pattern) => pattern.source).join('|'), 'gu');

/** The text with e-mail addresses, mobile numbers and resident id numbers replaced. Wide: a log may lose an amount. */
export const scrub = (text: string): string => text.replaceAll(everything, '[personal]');

// ISO 7064 MOD 11-2, the check character of GB 11643.
const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const checkCharacterHolds = (number: string): boolean =>
  '10X98765432'[weights.reduce((sum, weight, i) => sum + weight * Number(number[i]), 0) % 11] ===
  number[17]?.toUpperCase();

/** Whether a value contains an e-mail address, a +86 mobile number or a valid resident id number. Narrow: 13800000000 may be an amount. */
export const looksPersonal = (text: string): boolean => {
  const number = residentId.exec(text)?.[0];
  return email.test(text) || prefixedMobile.test(text) || (number !== undefined && checkCharacterHolds(number));
};
