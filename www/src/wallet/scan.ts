/** QR codes out of pictures: by the browser where it can, else by a reader that is loaded when it is first needed. */

/** A reader by the browser (Shape Detection API). */
interface Detector {
  detect(source: ImageBitmapSource): Promise<{ rawValue: string }[]>;
}
interface DetectorConstructor {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

/** Pictures are read at these sizes, one after the other: a small code in a large photograph needs the large one, noise is less in the small one. */
const SIDES = [1_000, 500, 2_000];
/** A camera gives the next picture soon: one size is enough. */
const CAMERA_SIDES = [720];

let detector: Promise<Detector | undefined> | undefined;

async function findDetector(): Promise<Detector | undefined> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorConstructor };
  try {
    if (BarcodeDetector && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) return new BarcodeDetector({ formats: ["qr_code"] });
  } catch {
    // It is there by name and not in fact.
  }
  return undefined;
}

/** The text of the code in a picture; undefined where there is none. */
async function readFrom(source: ImageBitmap | HTMLVideoElement, width: number, height: number, sides: readonly number[]): Promise<string | undefined> {
  const native = await (detector ??= findDetector());
  if (native) return (await native.detect(source))[0]?.rawValue;
  const { decodeQR } = await import(/* webpackChunkName: "qr-reader" */ "qr/decode.js");
  const largest = Math.max(width, height);
  for (const side of new Set(sides.map((wanted) => Math.min(wanted, largest)))) {
    const scale = side / largest;
    const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    const canvas = document.createElement("canvas");
    canvas.width = w;
    canvas.height = h;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return undefined;
    // Pictures with transparent places are meant to be seen on paper.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, w, h);
    context.drawImage(source, 0, 0, w, h);
    try {
      return decodeQR(context.getImageData(0, 0, w, h));
    } catch {
      // No code at this size.
    }
  }
  return undefined;
}

/** Reads a code from a picture file. @throws where the file is no picture */
export async function readPicture(file: Blob): Promise<string | undefined> {
  const bitmap = await createImageBitmap(file);
  try {
    return await readFrom(bitmap, bitmap.width, bitmap.height, SIDES);
  } finally {
    bitmap.close();
  }
}

/** Reads a code from what a camera shows now. */
export async function readFrame(video: HTMLVideoElement): Promise<string | undefined> {
  if (video.videoWidth === 0) return undefined;
  return readFrom(video, video.videoWidth, video.videoHeight, CAMERA_SIDES);
}
