// Preloaded by run.mjs into the script it starts. When run.mjs dies without a word (kill -9), its end of the pipe closes,
// and the script is asked to end as if by a signal: nothing keeps running unseen.
import { Socket } from 'node:net';

const lifeline = new Socket({ fd: 3, readable: true, writable: false });
lifeline.on('error', () => {}); // A broken pipe is followed by 'close'.
lifeline.once('close', () => process.kill(process.pid, 'SIGTERM'));
lifeline.resume();
lifeline.unref();
