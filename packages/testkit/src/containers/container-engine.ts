// The container engine, if there is one. Containers of a test run carry labels, so that they can be removed even when no Ryuk container can be pulled.
import { existsSync, readlinkSync } from 'node:fs';
import { getContainerRuntimeClient } from 'testcontainers';

const runLabel = 'meridian.test';
const ownerLabel = 'meridian.test.pid';
const namespaceLabel = 'meridian.test.pid-namespace';
/** Several sandboxes may share one engine: a process id says nothing outside its namespace. */
const pidNamespace = readlinkSync('/proc/self/ns/pid');
/** No run lasts longer: what is older has no owner, wherever that was. */
const longestRunMs = 3 * 3_600_000;

/** Labels of what is started together: `sweepContainers` finds it when this process is gone, `removeContainers` by `group`. */
export const labelsOf = (group: string) => ({
  [runLabel]: group,
  [ownerLabel]: String(process.pid),
  [namespaceLabel]: pidNamespace,
});

/** The engine as dockerode shows it. */
export const engine = async () => (await getContainerRuntimeClient()).container.dockerode;

/** Whether an engine answers and has `image` (nothing is pulled here: `npm run images`). */
export const hasImage = async (image: string): Promise<boolean> => {
  try {
    await (await engine()).getImage(image).inspect();
    return true;
  } catch {
    return false; // no engine, or no such image: either way nothing can be started
  }
};

/** Ryuk removes containers of dead runs, where its image is there. Testcontainers would fail where it cannot be pulled. */
export const withoutRyukIfMissing = async (): Promise<void> => {
  if (process.env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const images = await (await engine()).listImages();
  if (!images.some(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('testcontainers/ryuk'))))
    process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
};

type Found = { Labels?: Record<string, string>; createdMs: number };

const orphaned = ({ Labels: labels = {}, createdMs }: Found): boolean => {
  if (Date.now() - createdMs > longestRunMs) return true;
  return labels[namespaceLabel] === pidNamespace && !existsSync(`/proc/${labels[ownerLabel]}`);
};

const remove = async (label: string, chosen: (found: Found) => boolean): Promise<void> => {
  const docker = await engine();
  const filters = { label: [label] };
  for (const { Id, Labels, Created } of await docker.listContainers({ all: true, filters }))
    if (chosen({ Labels, createdMs: Created * 1_000 }))
      await docker.getContainer(Id).remove({ force: true, v: true }).catch(gone);
  for (const { Id, Labels, Created } of await docker.listNetworks({ filters }))
    if (chosen({ Labels, createdMs: Date.parse(Created) })) await docker.getNetwork(Id).remove().catch(gone);
};

/** Removes containers and networks of runs whose process is gone. */
export const sweepContainers = (): Promise<void> => remove(runLabel, orphaned);

/** Removes what was started with the labels of `group`: no more, as other tests of this process may have servers of their own. */
export const removeContainers = (group: string): Promise<void> => remove(`${runLabel}=${group}`, () => true);

/** Another sweep may have been quicker. */
const gone = (error: { statusCode?: number }) => {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
};
