// Periods of retention are told in months, and months differ: the 31st of August less six months is the last of February, not the 3rd of March.

/** The same day and time that many months later (or earlier, if negative), UTC; the last day of the month where it has no such day. */
export const addMonths = (at: Date, months: number): Date => {
  const moved = new Date(at);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(at.getUTCDate(), lastDay));
  return moved;
};
