// How long this program's certificate is still believed: a region stops as a whole when its certificates end, so somebody must be told before.
import { X509Certificate } from 'node:crypto';
import type { Now } from '../ids.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { serviceGauge } from '../telemetry/service-metrics.ts';
import type { RegionTls } from './production.ts';

/** Declares `tls_certificate_expires_seconds`, computed anew whenever it is read; nothing where there is no certificate. */
export const watchCertificate = (metrics: Pick<Metrics, 'registry'>, tls: RegionTls | undefined, now: Now): void => {
  if (!tls) return;
  const ends = new X509Certificate(tls.cert).validToDate.getTime();
  serviceGauge(metrics, {
    name: 'tls_certificate_expires_seconds',
    help: 'Seconds until the certificate of this program ends; negative: it has. Alert at 30 days',
    collect: (gauge) => gauge.set((ends - now().getTime()) / 1_000),
  });
};
