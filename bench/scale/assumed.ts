/**
 * What the figures of docs/scale.md assume. Only the queue's server was measured; nobody has tried this program on such machines. Put
 * your own figures here.
 */

const [MB, GB] = [1e6, 1e9]

export const PICTURES = 1e9

/** A scan of 12 megapixels as JPEG, and its result, which has colours to store. */
export const BYTES = { read: 2 * MB, written: 2.5 * MB }
/** Of one core: a JPEG of 12 megapixels decoded, recombined with its colours, encoded. */
export const CORE_SECONDS = 1
export const CORES_A_GPU = 16
/** The network and the enlargement. */
export const GPU_SECONDS = 0.02
export const CHUNK = 32
/**
 * Of a queue server, as `npm run bench:queue -- --jobs 31250 --each 32 --finish 2000` measured it with redis-server 7.0.15: a job of
 * `CHUNK` pictures from its adding to the entries of its pictures, and memory for a picture.
 */
export const QUEUE = { jobSeconds: 0.0019, bytes: { waiting: 370, done: 680 } }
export const SPREAD = 0.3
export const LEASE_SECONDS = 30
/** A week between two crashes of a worker. */
export const CRASH_SECONDS = 7 * 24 * 3600

export const STORAGES = { 'one file server': 2 * GB, 'a parallel file system': 20 * GB, 'a bucket': 100 * GB }

/** US dollars; list prices of large clouds in 2025, rounded. */
export const PRICES = {
  /** For a GPU of the smaller kind with 16 cores, an hour. */
  gpuHour: 1,
  reads: 0.4e-6,
  writes: 5e-6,
  /** For a gigabyte in a bucket, a month. */
  gigabyteMonth: 0.023,
}

/** For gradients of a batch of 32 pictures of 224 pixels. */
export const STEP = { seconds: 0.1, spread: 0.05, batch: 32 }
/** Between GPU and main memory, in bytes a second, and seconds for one reading back. */
export const BUS = { bandwidth: 10 * GB, latency: 0.001 }

export const NETWORKS = {
  'main memory, one machine': { bandwidth: 8 * GB, latency: 10e-6 },
  '100 Gbit/s': { bandwidth: 11 * GB, latency: 20e-6 },
  '10 Gbit/s': { bandwidth: 1.1 * GB, latency: 50e-6 },
  '1 Gbit/s': { bandwidth: 0.11 * GB, latency: 100e-6 },
}

/** Channels of Inception V3's taps (Szegedy et al. 2016), whose file the package does not carry, and its weights up to the last tap. */
export const INCEPTION_V3 = { channels: [192, 288, 768, 2048], weights: 21.8e6 }
export const MOBILENET_V1 = { channels: [128, 256, 512, 1024] }
