// npm run journey: runs the main job step by step against a running copy and prints each step with its result.
import { parseArgs } from 'node:util';
import { profiles } from '@meridian/regions/region.ts';
import { portBaseOf, regionPorts, sandboxPorts } from '@meridian/testkit/embedded/ports.ts';
import { runMainJob } from '../tests/journeys/main-job.ts';
import { reachStack } from '../tests/support/reach-stack.ts';

const regions = Object.keys(profiles);
const help = `Usage: npm run journey -- --region ${regions.join('|')} [--base URL --sandbox URL [--ca FILE]]

Runs the main job, from registration to the erased account, and stops at the first step that fails (exit code 1).

  --region ID      region of the copy that npm start runs here (follows MERIDIAN_PORT_BASE)
  --base URL       public origin of a region elsewhere, instead of --region
  --sandbox URL    the sandbox that region talks to (needed with --base)
  --ca FILE        authorities in PEM that signed its certificates, besides the public ones
`;

const addresses = (values: {
  region?: string | undefined;
  base?: string | undefined;
  sandbox?: string | undefined;
}) => {
  if (values.base) {
    if (!values.sandbox) throw new Error('--base needs --sandbox: the journey reads codes and pays there');
    return { base: values.base.replace(/\/$/, ''), sandbox: values.sandbox.replace(/\/$/, '') };
  }
  const index = regions.indexOf(values.region ?? '');
  if (index < 0) throw new Error(`--region must be one of ${regions.join(', ')}`);
  const portBase = portBaseOf(process.env);
  return {
    base: `http://127.0.0.1:${regionPorts(portBase, index).api}`,
    sandbox: values.sandbox ?? `http://127.0.0.1:${sandboxPorts(portBase).http}`,
  };
};

const main = async () => {
  const { values } = parseArgs({
    options: {
      region: { type: 'string' },
      base: { type: 'string' },
      sandbox: { type: 'string' },
      ca: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return console.log(help);
  const where = addresses(values);
  if (values.base) reachStack(values.ca);
  const began = performance.now();
  const { steps } = await runMainJob(where, ({ step, name, ok, text, ms }) => {
    console.log(
      `${ok ? 'ok  ' : 'FAIL'} ${String(step).padStart(2)}  ${name}  (${Math.round(ms)} ms)\n         ${text}`,
    );
  });
  console.log(
    `journey passed: ${steps} steps at ${where.base} in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
};

await main().catch((error: Error) => {
  console.error(`journey failed: ${error.message}`);
  process.exit(1);
});
