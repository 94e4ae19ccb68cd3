// npm run events: parked and published events of one service, from a machine that reaches its database. The commands are kit's, so that
// containers have them too.
import { eventsHelp, runEvents } from '@meridian/kit/run/events-command.ts';

export const help = eventsHelp;

if (import.meta.main)
  process.exitCode = await runEvents(process.argv.slice(2), process.env, (line) => console.log(line));
