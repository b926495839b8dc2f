import { useMemo } from "preact/hooks";
import { encode } from "uqr";

/** The most that a code of the largest size holds, and the most that a phone reads from a screen without patience. */
const MAX_BYTES = 2_331;

/** Whether a text fits into one code. */
export function fitsQrCode(text: string): boolean {
  return new TextEncoder().encode(text).length <= MAX_BYTES;
}

/** A QR code as one path: sharp at any size, dark on light in both themes, as scanners need it. */
export function QrCode({ text, label, testId }: { text: string; label: string; testId: string }) {
  const { path, size } = useMemo(() => {
    // The more there is in it, the less of it may be redundant.
    const { data, size: modules } = encode(text, { ecc: text.length > 300 ? "L" : "M", border: 2 });
    const parts: string[] = [];
    for (const [y, line] of data.entries()) for (const [x, dark] of line.entries()) if (dark) parts.push(`M${x} ${y}h1v1h-1z`);
    return { path: parts.join(""), size: modules };
  }, [text]);
  return (
    <svg class={size > 60 ? "qr qr-dense" : "qr"} data-testid={testId} data-modules={size} role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={path} />
    </svg>
  );
}
