import { useMemo } from "react";
import encode from "qr";

const quiet = 4;

/** QR draws a text as a QR code, with the quiet zone that scanners need (ISO/IEC 18004: four modules). */
export function QR({ text, title }: { text: string; title: string }) {
  const rows = useMemo(() => encode(text, "raw", { ecc: "low", border: quiet }), [text]);
  const path = rows.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x},${y}h1v1h-1z`] : []))).join("");
  return (
    <figure className="v-qr">
      <svg aria-label={title} role="img" shapeRendering="crispEdges" viewBox={`0 0 ${rows.length} ${rows.length}`}>
        <rect fill="#fff" height={rows.length} width={rows.length} />
        <path d={path} fill="#000" />
      </svg>
    </figure>
  );
}
