// Where the points of a picture come from: a camera, or a file.
import { fit, readCode, type Points } from "./read";

const ofCamera = 800; // points of the longer side: a code fills much of the picture
const ofFile = [1600, 800, 400]; // a photo of a poster, and of a screen close by
const largestFile = 32 << 20; // octets

type Drawable = CanvasImageSource & ({ videoWidth: number; videoHeight: number } | { width: number; height: number });

function points(from: Drawable, most: number): Points {
  const whole = "videoWidth" in from ? { width: from.videoWidth, height: from.videoHeight } : from;
  const { width, height } = fit(whole.width, whole.height, most);
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  pen.fillStyle = "#fff"; // what lets the ground through is on white, as codes are
  pen.fillRect(0, 0, width, height);
  pen.drawImage(from, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}

/** The text of the code that a camera sees now. */
export const seen = (video: HTMLVideoElement) => (video.videoWidth ? readCode(points(video, ofCamera)) : undefined);

/** The text of the code in a picture file; undefined where it has none, or is no picture. */
export async function readFile(file: Blob): Promise<string | undefined> {
  if (file.size > largestFile) return undefined;
  const picture = await createImageBitmap(file).catch(() => undefined); // the browser refuses what is too large for it
  if (!picture) return undefined;
  try {
    for (const most of ofFile) {
      const text = readCode(points(picture, most));
      if (text) return text;
    }
    return undefined;
  } finally {
    picture.close();
  }
}
