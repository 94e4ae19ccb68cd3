// Counts the requests that reached a part, so that a test can assert "the registry was called once".

export type LoggedRequest = {
  at: string;
  method: string;
  /** The route's pattern, never the address itself: an address may carry what a log must not. */
  route: string;
  status: number;
  /** Who asked, by public id: a merchant, an access key id, a client. */
  caller?: string;
  /** What it was about, by a public id such as an order number. */
  subject?: string;
  outcome: 'answered' | 'failed_on_request' | 'answer_lost' | 'stream_broken' | 'client_closed';
};

/** `total` and `byRoute` count everything since the start or the last reset; the list keeps the newest `limit`. */
export const createRequestLog = (limit: number) => {
  let total = 0;
  let byRoute: Record<string, number> = {};
  let items: LoggedRequest[] = [];
  return {
    add(entry: LoggedRequest) {
      total += 1;
      const key = `${entry.method} ${entry.route}`;
      byRoute[key] = (byRoute[key] ?? 0) + 1;
      items.unshift(entry);
      if (items.length > limit) items.length = limit;
    },
    view: () => ({ total, byRoute, items }),
    reset() {
      total = 0;
      byRoute = {};
      items = [];
    },
  };
};
export type RequestLog = ReturnType<typeof createRequestLog>;
