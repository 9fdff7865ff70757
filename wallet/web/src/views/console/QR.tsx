import qrcode from "qrcode-generator";
import { useMemo } from "react";

/** QR draws a text as a QR code, with the quiet zone that scanners need (ISO/IEC 18004: four modules). */
export function QR({ text, title }: { text: string; title: string }) {
  const { path, size } = useMemo(() => draw(text), [text]);
  return (
    <figure className="v-qr">
      <svg aria-label={title} role="img" shapeRendering="crispEdges" viewBox={`0 0 ${size} ${size}`}>
        <rect fill="#fff" height={size} width={size} />
        <path d={path} fill="#000" />
      </svg>
    </figure>
  );
}

const quiet = 4;

function draw(text: string): { path: string; size: number } {
  const code = qrcode(0, "L");
  code.addData(text, "Byte");
  code.make();
  const n = code.getModuleCount();
  let path = "";
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      if (code.isDark(row, column)) path += `M${column + quiet},${row + quiet}h1v1h-1z`;
    }
  }
  return { path, size: n + 2 * quiet };
}
