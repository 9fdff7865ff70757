import decode from "qr/decode.js";

/** Long side of the picture that is searched: phones take larger ones than a QR code needs. */
const side = 1600;

/** scan finds the text of the QR code in a picture, on this device; null when there is none. */
export async function scan(picture: Blob): Promise<string | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(picture);
  } catch {
    return null; // not a picture
  }
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (pen === null) return null;
  pen.fillStyle = "#fff"; // behind what is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
  try {
    return decode({ data, width, height }, { timeLimit: 3000 });
  } catch {
    return null;
  }
}
