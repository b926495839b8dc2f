// What a camera sees, for Chromium's own camera.
import encodeQR from "qr";

/** A film (YUV4MPEG2) of one picture: a code, dark on light, as a camera sees it that is held still. */
export function filmOf(text) {
  const [width, height] = [640, 480];
  const modules = encodeQR(text, "raw");
  const side = Math.floor(height / (modules.length + 8));
  const [left, top] = [width, height].map((length) => Math.floor((length - side * modules.length) / 2));
  const picture = Buffer.alloc((width * height * 3) / 2, 128);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dark = modules[Math.floor((y - top) / side)]?.[Math.floor((x - left) / side)];
      picture[y * width + x] = dark ? 30 : 220;
    }
  }
  return Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\nFRAME\n`), picture]);
}

/** Chromium's arguments for a camera that shows this film and asks nobody. */
export const cameraShowing = (film) => ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${film}`];
