// A bench as data: what it measures, which of its figures are judged, and how often it repeats.
import type { Figure } from './figure.ts';

export type Progress = (line: string) => void;

export type Bench = {
  readonly name: string;
  /** Figures that have a budget, exactly. One that is absent fails the bench: a promise nobody measures is none. */
  readonly budgeted: readonly string[];
  /** What is measured less often than usual, and why; shown with the figures. */
  readonly note?: string;
  readonly measure: (progress: Progress) => Promise<Figure[]>;
};

/** What is wrong with a bench's figures as a set, one sentence each. */
export const mistakesOf = ({ name, budgeted }: Bench, figures: readonly Figure[]): string[] => {
  const judged = figures.filter(({ budget }) => budget !== null).map(({ figure }) => figure);
  return [
    ...(figures.length === 0 ? [`${name} measured nothing`] : []),
    ...budgeted.filter((figure) => !judged.includes(figure)).map((figure) => `${name}: "${figure}" is absent`),
    ...judged
      .filter((figure) => !budgeted.includes(figure))
      .map((figure) => `${name}: "${figure}" has a budget that the bench does not declare`),
  ];
};
