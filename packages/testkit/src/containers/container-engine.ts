// The container engine, if there is one. Containers of a test run carry labels, so that they can be removed even when no Ryuk container can be pulled.
import { existsSync } from 'node:fs';
import { getContainerRuntimeClient } from 'testcontainers';

const runLabel = 'meridian.test';
const ownerLabel = 'meridian.test.pid';

/** Labels of what this process starts, by which `sweepContainers` finds it. */
export const labelsOf = (kind: 'postgres' | 'kafka') => ({ [runLabel]: kind, [ownerLabel]: String(process.pid) });

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

const alive = (pid: string | undefined): boolean => pid !== undefined && existsSync(`/proc/${pid}`);

/** Removes containers and networks of runs whose process is gone, and of this process when it asks by its own id. */
export const sweepContainers = async (ownPid?: number): Promise<void> => {
  const docker = await engine();
  const filters = { label: [runLabel] };
  const mine = (labels: Record<string, string> = {}) =>
    labels[ownerLabel] === String(ownPid) || !alive(labels[ownerLabel]);
  for (const { Id, Labels } of await docker.listContainers({ all: true, filters }))
    if (mine(Labels)) await docker.getContainer(Id).remove({ force: true, v: true }).catch(gone);
  for (const { Id, Labels } of await docker.listNetworks({ filters }))
    if (mine(Labels)) await docker.getNetwork(Id).remove().catch(gone);
};

/** Another sweep may have been quicker. */
const gone = (error: { statusCode?: number }) => {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
};
