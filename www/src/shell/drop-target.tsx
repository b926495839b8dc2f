/** The whole page takes dropped files: nobody should have to aim. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../ui/icons";
import { notifyError } from "./toasts";

export function DropTarget() {
  const over = useSignal(false);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth++;
      over.value = true;
    };
    const leave = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) over.value = false;
    };
    const move = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      depth = 0;
      over.value = false;
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      // The list of items is emptied when the handler returns: what it holds is taken now, what reads it comes after.
      const entries = takeEntries(event.dataTransfer);
      Promise.all([import(/* webpackChunkName: "import-collect" */ "../import/collect"), import(/* webpackChunkName: "import" */ "../import/job")]).then(([{ filesOf }, { startImport }]) => startImport(() => filesOf(entries)), notifyError);
    };
    // In the capture phase: the editor would otherwise type a dropped file's text.
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", move);
    addEventListener("drop", drop, { capture: true });
    return () => {
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", move);
      removeEventListener("drop", drop, { capture: true });
    };
  }, []);
  if (!over.value) return null;
  return (
    <div class="drop-veil" aria-hidden="true">
      <div>
        <Icon name="import" size={40} />
        <p>Drop Markdown files or folders to import them</p>
      </div>
    </div>
  );
}

/** What a drop holds. */
export interface Dropped {
  readonly entries: readonly FileSystemEntry[];
  readonly files: readonly File[];
}

function takeEntries(transfer: DataTransfer): Dropped {
  const entries: FileSystemEntry[] = [];
  const files: File[] = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    if (entry) entries.push(entry);
    if (file) files.push(file);
  }
  return { entries, files };
}
