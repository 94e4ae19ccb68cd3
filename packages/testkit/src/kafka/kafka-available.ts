import { hasImage } from '../containers/container-engine.ts';
import { kafkaImage } from './start-kafka.ts';

/** Whether tests can start brokers of their own, which they may kill. */
export const kafkaEngineAvailable = (): Promise<boolean> => hasImage(kafkaImage());

/** Whether there is any Kafka: brokers given by KAFKA_BROKERS (host:port,...), or an engine to start some. */
export const kafkaAvailable = async (): Promise<boolean> =>
  Boolean(process.env.KAFKA_BROKERS) || (await kafkaEngineAvailable());
