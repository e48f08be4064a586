/** What this project uses of Mediabunny. */
export class EncodedPacket {
  constructor(data: Uint8Array, type: "key" | "delta", timestampSeconds: number, durationSeconds: number);
}
export class EncodedVideoPacketSource {
  constructor(codec: "avc" | "vp9" | "vp8");
  add(packet: EncodedPacket, metadata?: EncodedVideoChunkMetadata): Promise<void>;
}
export class BufferTarget {
  buffer: ArrayBuffer | null;
}
export class Mp4OutputFormat {
  constructor(options?: { fastStart?: "in-memory" });
}
export class WebMOutputFormat {
  constructor(options?: Record<string, never>);
}
export class Output {
  constructor(options: { format: Mp4OutputFormat | WebMOutputFormat; target: BufferTarget });
  addVideoTrack(source: EncodedVideoPacketSource, metadata?: { frameRate?: number }): void;
  setMetadataTags(tags: { title?: string }): void;
  start(): Promise<void>;
  finalize(): Promise<void>;
}
