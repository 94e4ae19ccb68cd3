/** Name of the official image, under which `npm run images` also builds its stand-in. */
export const postgresImage = 'postgres:18';
