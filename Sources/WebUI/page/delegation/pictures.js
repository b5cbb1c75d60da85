// Pictures of a change, before and after it. A picture is decoded to pixels and drawn: it is no page
// and no script, whatever its bytes say. SVG is a program, so it is shown as text only.

import { Problem, delegationRoute, request } from "../shared/api.js";
import { h, put } from "../shared/dom.js";
import { size } from "../shared/time.js";

/** A small file can hold a picture that fills the memory. */
const PIXELS_MAX = 40_000_000;
const SIDE_MAX = 16_000;

const TYPES = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp" };

function typeOf(path) {
  return TYPES[(path ?? "").split(".").at(-1).toLowerCase()] ?? null;
}

export function isPicture({ plainPath, isBinary }) {
  return isBinary && typeOf(plainPath) !== null;
}

/** Both versions of a file, as far as there are two. */
export function pictures(ref, file, signal) {
  const before = file.from ?? file.plainPath;
  return h("div.pictures", {},
    file.kind === "added" ? null : picture(ref, before, "before", signal),
    file.kind === "deleted" ? null : picture(ref, file.plainPath, "after", signal));
}

function picture(ref, path, side, signal) {
  const place = h("div.picture-place", {}, h("p.hint", { text: "Reading…" }));
  const words = h("span.hint");
  const node = h("figure.picture", { "data-side": side },
    h("figcaption", {}, h("strong", { text: side === "before" ? "Before" : "After" }), " ", words), place);
  (async () => {
    try {
      const response = await request(delegationRoute(ref, "file"), { query: { path, side }, signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const [width, height] = dimensions(bytes) ?? [0, 0];
      if (width < 1 || height < 1) throw new Fault("This is not a picture that can be shown.");
      words.textContent = `${width} × ${height}, ${size(bytes.length)}`;
      if (width * height > PIXELS_MAX || Math.max(width, height) > SIDE_MAX) throw new Fault("It is too large to be shown.");
      const drawn = await createImageBitmap(new Blob([bytes], { type: typeOf(path) }));
      const canvas = h("canvas", {
        width: drawn.width, height: drawn.height, role: "img",
        "aria-label": `${path} ${side} the change, ${width} by ${height} pixels`,
      });
      canvas.getContext("2d").drawImage(drawn, 0, 0);
      drawn.close();
      put(place, canvas);
    } catch (error) {
      if (signal.aborted) return;
      put(place, h("p.hint", { text: error instanceof Problem || error instanceof Fault ? error.message
        : "This picture cannot be read." }));
    }
  })();
  return node;
}

class Fault extends Error {}

/**
 * Width and height, from the beginning of the file: before a picture is decoded.
 * @returns null if the format is unknown
 */
export function dimensions(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const says = (at, text) => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  try {
    if (says(1, "PNG")) return [view.getUint32(16), view.getUint32(20)];
    if (says(0, "GIF8")) return [view.getUint16(6, true), view.getUint16(8, true)];
    if (says(0, "RIFF") && says(8, "WEBP")) return webp(view, says);
    if (view.getUint16(0) === 0xffd8) return jpeg(view);
  } catch {
    // It ends too early.
  }
  return null;
}

/** https://developers.google.com/speed/webp/docs/riff_container */
function webp(view, says) {
  if (says(12, "VP8X")) {
    const at = (from) => view.getUint16(from, true) + (view.getUint8(from + 2) << 16) + 1;
    return [at(24), at(27)];
  }
  if (says(12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
  }
  return says(12, "VP8 ") ? [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff] : null;
}

/** The frame header of ITU-T T.81, B.2.2. */
function jpeg(view) {
  let at = 2;
  while (view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}
