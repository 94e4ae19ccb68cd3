// The process that platform.int.test.ts starts: it ends by itself only if stopping left nothing open.
import { createTiny } from './tiny-service.ts';

const { start } = await createTiny('billing', process.env);
const running = await start();
const { status } = await fetch(`${running.internalUrl}/readyz`);
await running.stop();
process.stdout.write(`ready ${status}, stopped`);
