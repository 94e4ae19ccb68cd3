// Which versions of pepper are in use is asked at every start.
import { statements } from '@meridian/kit/db/statements.ts';

export const pepperIndex = statements(['create index api_key_secret_of_pepper on api_key_secret (pepper_version)']);
